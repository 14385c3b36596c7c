import { randomBytes } from "node:crypto"
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import os from "node:os"
import path from "node:path"
import { assert, describe, it } from "@effect/vitest"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import * as Stream from "effect/Stream"
import { environmentProvider, loadFileSettings, SettingsService } from "../config/settings.ts"
import { KeyRing } from "./key-ring.ts"
import { keyIdOf, masterKeysOf, readMasterKeys } from "./master-key.ts"
import { makeSealer, sealerOfRing } from "./sealer.ts"
import { makeStore } from "./store.ts"

const newKey = () => randomBytes(32).toString("base64")
const temporary = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(path.join(os.tmpdir(), "capi-master-key-"))),
  (folder) => Effect.sync(() => rmSync(folder, { recursive: true, force: true }))
)
const read = (current: string, previous = "") =>
  Effect.flatMap(loadFileSettings, readMasterKeys).pipe(
    Effect.provide(
      ConfigProvider.layer(environmentProvider({ CAPI_MASTER_KEY: current, CAPI_MASTER_KEY_PREVIOUS: previous }))
    )
  )

describe("a master key", () => {
  const strong = [
    newKey(),
    newKey().replace(/=$/, ""),
    randomBytes(32).toString("hex"),
    randomBytes(48).toString("base64url"),
    "passphrase:correct horse battery staple"
  ]
  it.effect.each(strong)("may be 32 random bytes or a passphrase (%#)", (key) =>
    Effect.gen(function* () {
      const { current, problem } = yield* read(key)
      assert.strictEqual(problem, null)
      assert.isAtLeast(Redacted.value(current!).length, 32)
    })
  )

  const weak = [
    "the-master-key-of-a-test-run",
    "correct horse battery staple and more words",
    "passphrase:too short",
    `passphrase:${"ab".repeat(20)}`,
    Buffer.alloc(32).toString("base64"),
    Buffer.from("0123456789".repeat(4)).toString("base64"),
    "a".repeat(64),
    randomBytes(16).toString("base64")
  ]
  it.effect.each(weak)("is refused when it is weak (%#)", (key) =>
    Effect.gen(function* () {
      const { current, problem } = yield* read(key)
      assert.strictEqual(current, null)
      assert(problem !== null)
      assert.strictEqual(problem.code, "weak_master_key")
      assert.include(problem.nextStep, "openssl rand -base64 32")
      assert.notInclude(problem.message + problem.nextStep, key)
    })
  )

  it.effect("that is weak still opens what it sealed, as an earlier one", () =>
    Effect.gen(function* () {
      const before = "the-master-key-of-a-test-run"
      const sealed = makeSealer(Redacted.make(before)).seal(Buffer.from("jane"), "aad")
      const { current, previous } = yield* read(newKey(), before)
      assert.strictEqual(String(Result.getOrThrow(makeSealer(current!, previous).open(sealed, "aad"))), "jane")
    })
  )

  it.effect("that is a passphrase costs scrypt, and is the same in every program", () =>
    Effect.gen(function* () {
      const [one, two] = yield* Effect.all([
        read("passphrase:a long passphrase of mine"),
        read("passphrase:a long passphrase of mine")
      ])
      assert.strictEqual(keyIdOf(one.current!), keyIdOf(two.current!))
      assert.notInclude(Redacted.value(one.current!), "long passphrase")
    })
  )

  it.effect("comes from a file, whose further lines are the earlier keys", () =>
    Effect.gen(function* () {
      const file = path.join(yield* temporary, "key")
      const [now, before] = [newKey(), newKey()]
      writeFileSync(file, `${now}\n${before}\n`)
      const keys = yield* read(`file:${file}`)
      assert.strictEqual(keyIdOf(keys.current!), keyIdOf(Redacted.make(now)))
      assert.deepStrictEqual(keys.previous.map(keyIdOf), [keyIdOf(Redacted.make(before))])
      assert.strictEqual((yield* Effect.flip(read(`file:${file}.none`))).code, "not_found")
    }).pipe(Effect.scoped)
  )
})

describe("the keys of a running program", () => {
  it.live("follow their file without a restart, and stay where the file is wrong for a while", () =>
    Effect.gen(function* () {
      const file = path.join(yield* temporary, "key")
      const [first, second] = [newKey(), newKey()]
      writeFileSync(file, first)
      const settings = {
        ...(yield* Effect.provide(
          loadFileSettings,
          ConfigProvider.layer(
            environmentProvider({ CAPI_MASTER_KEY: `file:${file}`, CAPI_SECRETS_EVERY: "20 millis" })
          )
        ))
      }
      const ring = yield* Layer.build(
        Layer.provide(KeyRing.layer, Layer.succeed(SettingsService, settings as SettingsService["Service"]))
      ).pipe(
        Effect.map((context) => Layer.succeedContext(context)),
        Effect.flatMap((layer) => Effect.provide(KeyRing, layer))
      )
      const sealer = sealerOfRing(ring)!
      const before = sealer.seal(Buffer.from("jane"), "aad")
      const changed = yield* Effect.forkChild(Stream.runHead(Stream.drop(ring.changes, 1)))
      writeFileSync(file, "a weak key")
      yield* Effect.sleep("60 millis")
      assert.strictEqual(sealer.keyId, keyIdOf(Redacted.make(first)), "a weak key is not taken")
      writeFileSync(file, `${second}\n${first}`)
      yield* Fiber.join(changed)
      assert.strictEqual(sealer.keyId, keyIdOf(Redacted.make(second)))
      assert.strictEqual(String(Result.getOrThrow(sealer.open(before, "aad"))), "jane")
      assert.isTrue(sealer.opensKey(keyIdOf(Redacted.make(first))))
    }).pipe(Effect.scoped)
  )
})

describe("the credential store after a change of the master key", () => {
  const [first, second] = [Redacted.make(newKey()), Redacted.make(newKey())]

  it.effect("opens with the earlier key, takes nothing new under it, and is re-encrypted by rekey", () =>
    Effect.gen(function* () {
      const file = path.join(yield* temporary, "credentials.json")
      const before = yield* makeStore(file, () => masterKeysOf(first))
      assert.strictEqual(yield* before.rekey, null)
      yield* before.set("meta", Redacted.make("token-1"))
      yield* before.set("google", Redacted.make('{"client_id":"c","client_secret":"s","refresh_token":"r"}'))

      const during = yield* makeStore(file, () => masterKeysOf(second, [first]))
      assert.strictEqual(Redacted.value((yield* during.get("meta"))!), "token-1")
      assert.strictEqual((yield* Effect.flip(during.set("more", Redacted.make("x")))).code, "previous_key")
      assert.deepStrictEqual(yield* during.rekey, {
        from: keyIdOf(first),
        to: keyIdOf(second),
        entries: 2,
        changed: true
      })
      assert.strictEqual((yield* during.rekey)?.changed, false)
      assert.strictEqual(Redacted.value((yield* during.get("meta"))!), "token-1")
      yield* during.set("more", Redacted.make("x"))

      const after = yield* makeStore(file, () => masterKeysOf(second))
      assert.include(Redacted.value((yield* after.get("google"))!), "refresh_token")
      assert.deepStrictEqual(
        (yield* after.list).map(({ name }) => name),
        ["google", "meta", "more"]
      )
      assert.strictEqual((yield* Effect.flip(before.get("meta"))).code, "wrong_key")
    }).pipe(Effect.scoped)
  )

  it.effect("says how to go on where an entry is damaged: it cannot be set again under the earlier key", () =>
    Effect.gen(function* () {
      const file = path.join(yield* temporary, "credentials.json")
      const before = yield* makeStore(file, () => masterKeysOf(first))
      yield* before.set("good", Redacted.make("token-1"))
      yield* before.set("bad", Redacted.make("token-2"))
      const store = JSON.parse(readFileSync(file, "utf8"))
      store.entries.bad.box = store.entries.good.box
      writeFileSync(file, JSON.stringify(store))
      const during = yield* makeStore(file, () => masterKeysOf(second, [first]))
      const { code, nextStep } = yield* Effect.flip(during.rekey)
      assert.strictEqual(code, "store_corrupt")
      const steps = [...nextStep.matchAll(/(remove|rekey|set it again)/g)].map(([word]) => word)
      assert.deepStrictEqual(steps, ["remove", "rekey", "set it again"])
      assert.strictEqual((yield* Effect.flip(during.set("bad", Redacted.make("token-2")))).code, "previous_key")
      yield* during.remove("bad")
      assert.strictEqual((yield* during.rekey)?.entries, 1)
      yield* during.set("bad", Redacted.make("token-2"))
    }).pipe(Effect.scoped)
  )

  it.live("is read by programs with both keys while it is encrypted again, again and again", () =>
    Effect.gen(function* () {
      const file = path.join(yield* temporary, "credentials.json")
      const one = yield* makeStore(file, () => masterKeysOf(first, [second]))
      const other = yield* makeStore(file, () => masterKeysOf(second, [first]))
      yield* one.set("meta", Redacted.make("token-1"))
      let reads = 0
      const reader = yield* Effect.forkChild(
        Effect.forever(
          Effect.gen(function* () {
            assert.strictEqual(Redacted.value((yield* one.get("meta"))!), "token-1")
            reads++
          })
        )
      )
      for (let round = 0; round < 2; round++) {
        yield* other.rekey
        yield* one.rekey
      }
      assert.isUndefined(reader.pollUnsafe())
      yield* Fiber.interrupt(reader)
      assert.isAbove(reads, 2)
    }).pipe(Effect.scoped)
  )
})
