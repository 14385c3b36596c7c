import { once } from "node:events"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import path from "node:path"
import process from "node:process"
import { fileURLToPath } from "node:url"
import { assert, it } from "@effect/vitest"
import { spawnGuarded } from "../../infra/local/guarded-spawn.mjs"

const program = `
  const print = () => process.stdout.write(Date.now() + "\\n")
  process.on("SIGUSR2", print)
  setInterval(() => undefined, 1_000)
  print()
`

it("lets the clock of a process jump and jump back", async () => {
  const folder = mkdtempSync(path.join(tmpdir(), "capi-clock-"))
  const file = path.join(folder, "clock")
  const child = spawnGuarded(
    process.execPath,
    ["--import", fileURLToPath(new URL("clock-jump.ts", import.meta.url)), "--eval", program],
    { stdio: ["ignore", "pipe", "inherit"], env: { ...process.env, CHAOS_CLOCK_FILE: file } }
  )
  const next = async () => Number(String((await once(child.stdout, "data"))[0])) - Date.now()
  const jump = (millis: number) => {
    writeFileSync(file, String(millis))
    child.kill("SIGUSR2")
    return next()
  }
  const offsets = [await next(), await jump(7_200_000), await jump(-3_600_000), await jump(0)]
  child.kill("SIGKILL")
  rmSync(folder, { recursive: true })
  const minutes = offsets.map((millis) => Math.round(millis / 60_000))
  assert.deepStrictEqual(minutes.map(Math.abs), [0, 120, 60, 0])
  assert.isBelow(minutes[2]!, 0)
})
