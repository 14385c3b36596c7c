import { once } from "node:events"
import process from "node:process"
import { setTimeout } from "node:timers/promises"
import { assert, it } from "@effect/vitest"
import { spawnGuarded } from "../../infra/local/guarded-spawn.mjs"

const program = `
const { beforeEndingAtOnce, endAtSecondInterrupt } = await import(${JSON.stringify(new URL("exit.ts", import.meta.url).href)})
endAtSecondInterrupt()
beforeEndingAtOnce(() => process.stdout.write("children ended\\n"))
beforeEndingAtOnce(() => process.stdout.write("taken back\\n"))()
setInterval(() => undefined, 1000)
process.stdout.write("up\\n")
`

const start = async () => {
  const child = spawnGuarded(process.execPath, ["--input-type=module", "-e", program], { stdio: "pipe" })
  const text = { out: "", err: "" }
  child.stdout.on("data", (chunk) => {
    text.out += chunk
  })
  child.stderr.on("data", (chunk) => {
    text.err += chunk
  })
  while (!text.out.includes("up")) await once(child.stdout, "data")
  return { child, text }
}

for (const first of ["SIGINT", "SIGTERM"] as const)
  it(`a Ctrl-C a second after ${first} ends a program at once, one that arrives twice does not`, async () => {
    const { child, text } = await start()
    child.kill(first)
    await setTimeout(100)
    child.kill("SIGINT")
    await setTimeout(1_100)
    assert.isNull(child.exitCode)
    const ended = once(child, "close")
    child.kill("SIGINT")
    const [code] = await ended
    assert.strictEqual(code, 130)
    assert.strictEqual(text.out, "up\nchildren ended\n")
    assert.match(text.err, /^Ended at once by a second Ctrl-C.*\n$/)
  })
