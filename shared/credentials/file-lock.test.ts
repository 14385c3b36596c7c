/** Two programs that change the credential store at the same time, as an orchestrator's jobs may. */
import { once } from "node:events"
import { existsSync, mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from "node:fs"
import os from "node:os"
import path from "node:path"
import process from "node:process"
import { fileURLToPath } from "node:url"
import { afterEach, assert, beforeEach, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Redacted from "effect/Redacted"
import { spawnGuarded } from "../../infra/local/guarded-spawn.mjs"
import { masterKeysOf } from "./master-key.ts"
import { makeStore } from "./store.ts"

const masterKey = Redacted.make("a-master-key-for-this-test")
const each = 8

let folder = ""
let file = ""
beforeEach(() => {
  folder = mkdtempSync(path.join(os.tmpdir(), "capi-lock-"))
  file = path.join(folder, "credentials.json")
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

/** A process that sets `each` credentials, one after the other. */
const writer = (name: string) => {
  const module = fileURLToPath(new URL("./store.ts", import.meta.url))
  const code = `
    import * as Effect from "effect/Effect"
    import * as Redacted from "effect/Redacted"
    import { masterKeysOf } from ${JSON.stringify(fileURLToPath(new URL("./master-key.ts", import.meta.url)))}
    import { makeStore } from ${JSON.stringify(module)}
    const store = await Effect.runPromise(makeStore(${JSON.stringify(file)}, () => masterKeysOf(Redacted.make("a-master-key-for-this-test"))))
    for (let at = 0; at < ${each}; at++)
      await Effect.runPromise(store.set("${name}-" + at, Redacted.make("value-of-${name}-" + at)))`
  return spawnGuarded(process.execPath, ["--input-type=module", "-e", code], { cwd: process.cwd(), stdio: "inherit" })
}

const set = (name: string) =>
  Effect.flatMap(
    makeStore(file, () => masterKeysOf(masterKey)),
    (store) => store.set(name, Redacted.make("a-value"))
  )

describe("the credential store's lock", { timeout: 120_000 }, () => {
  it("loses nothing that two processes write at once", async () => {
    const codes = await Promise.all(["left", "right"].map((name) => once(writer(name), "close")))
    assert.deepStrictEqual(
      codes.map(([code]) => code),
      [0, 0]
    )
    const store = await Effect.runPromise(makeStore(file, () => masterKeysOf(masterKey)))
    assert.strictEqual((await Effect.runPromise(store.list)).length, 2 * each)
    const last = await Effect.runPromise(store.get(`right-${each - 1}`))
    assert.strictEqual(last === null ? null : Redacted.value(last), `value-of-right-${each - 1}`)
    assert.deepStrictEqual(readdirSync(folder), ["credentials.json"])
  })

  it.live("is taken over from a process that died", () =>
    Effect.gen(function* () {
      const gone = spawnGuarded(process.execPath, ["-e", ""])
      yield* Effect.promise(() => once(gone, "close"))
      writeFileSync(`${file}.lock`, JSON.stringify({ host: os.hostname(), pid: gone.pid, token: "x" }))
      yield* set("shop")
      assert.isFalse(existsSync(`${file}.lock`))
    })
  )

  it.live("is waited for while it is fresh, and taken over from another machine when it is old", () =>
    Effect.gen(function* () {
      const lockFile = `${file}.lock`
      writeFileSync(lockFile, JSON.stringify({ host: "elsewhere", pid: 1, token: "x" }))
      const setting = yield* Effect.forkChild(set("shop"))
      yield* Effect.sleep("200 millis")
      assert.isFalse(existsSync(file))
      const old = new Date(0)
      utimesSync(lockFile, old, old)
      yield* Fiber.join(setting)
      assert.isTrue(existsSync(file))
      assert.isFalse(existsSync(lockFile))
    })
  )
})
