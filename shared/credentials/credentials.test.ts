import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs"
import os from "node:os"
import path from "node:path"
import { inspect } from "node:util"
import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Redacted from "effect/Redacted"
import { CurrentKnownSecrets, KnownSecrets, redact } from "../telemetry/redaction.ts"
import { makeCredentials } from "./credentials.ts"
import { masterKeysOf } from "./master-key.ts"
import { makeStore } from "./store.ts"

const key = Redacted.make("a-master-key-of-some-length")
const meta = { required: ["access_token"], optional: ["app_secret"] }
const google = { required: ["client_id", "client_secret", "refresh_token"], optional: ["developer_token"] }
const token = "EAAtoken-of-a-platform-1234567890"

const temporary = Effect.acquireRelease(
  Effect.sync(() => path.join(mkdtempSync(path.join(os.tmpdir(), "capi-credentials-")), "credentials.json")),
  (file) => Effect.sync(() => rmSync(path.dirname(file), { recursive: true, force: true }))
)

const open = (file: string, masterKey: Redacted.Redacted | null = key, variables: Record<string, string> = {}) =>
  Effect.flatMap(
    makeStore(file, () => masterKeysOf(masterKey)),
    (store) => makeCredentials(store, variables)
  )

describe("credentials of the environment", () => {
  it.effect("take a bare text as the first required field", () =>
    Effect.gen(function* () {
      const credentials = yield* open("none", null, { META_TOKEN: ` ${token}\n` })
      const secret = yield* credentials.resolve("env:META_TOKEN", meta)
      assert.deepStrictEqual(Object.keys(secret), ["access_token"])
      assert.strictEqual(Redacted.value(secret["access_token"]!), token)
    })
  )

  it.effect("take a JSON object as the fields", () =>
    Effect.gen(function* () {
      const value = JSON.stringify({ client_id: "id", client_secret: "s", refresh_token: "r", extra: 7 })
      const credentials = yield* open("none", null, { GOOGLE: value })
      const secret = yield* credentials.resolve("env:GOOGLE", google)
      assert.deepStrictEqual(Object.keys(secret).sort(), ["client_id", "client_secret", "extra", "refresh_token"])
      assert.strictEqual(Redacted.value(secret["refresh_token"]!), "r")
    })
  )

  const wrong: ReadonlyArray<[string, string, Record<string, string>, string]> = [
    ["an absent variable", "env:NONE", {}, "not_found"],
    ["an empty variable", "env:EMPTY", { EMPTY: " " }, "not_found"],
    ["a token in place of a reference", token, {}, "reference_invalid"],
    ["an unknown source", "gcp:secret/capi", {}, "reference_invalid"],
    ["a path that leaves Vault's mount", "vault:../sys", {}, "reference_invalid"],
    ["missing fields", "env:G", { G: '{"client_id":"visible-secret"}' }, "missing_fields"],
    ["half a JSON object", "env:G", { G: '{"client_id":"visible-secret"' }, "value_invalid"],
    ["a nested JSON object", "env:G", { G: '{"client_id":{"visible-secret":1}}' }, "value_invalid"],
    ["an inherited property", "env:constructor", {}, "not_found"]
  ]
  it.effect.each(wrong)("refuse %s without telling a value", ([, reference, variables, code]) =>
    Effect.gen(function* () {
      const credentials = yield* open("none", null, variables)
      const exit = yield* Effect.exit(credentials.resolve(reference, google))
      assert.isTrue(Exit.isFailure(exit))
      const error = yield* Effect.flip(exit)
      assert.strictEqual(error.code, code)
      assert.isNotEmpty(error.nextStep)
      for (const text of [inspect(error), JSON.stringify(exit), Exit.isFailure(exit) ? Cause.pretty(exit.cause) : ""]) {
        assert.notInclude(text, "visible-secret")
        assert.notInclude(text, token)
      }
    })
  )
})

describe("the credential store", () => {
  it.effect("returns what was set, to its key only", () =>
    Effect.gen(function* () {
      const file = yield* temporary
      const credentials = yield* open(file)
      yield* credentials.set("meta-shop", Redacted.make(token))
      yield* credentials.set("google", Redacted.make('{"client_id":"i","client_secret":"cs","refresh_token":"rt"}'))

      const again = yield* open(file)
      const secret = yield* again.resolve("store:meta-shop", meta)
      assert.strictEqual(Redacted.value(secret["access_token"]!), token)
      assert.deepStrictEqual(
        (yield* again.list).map(({ name, fields }) => [name, fields]),
        [
          ["google", ["client_id", "client_secret", "refresh_token"]],
          ["meta-shop", ["access_token"]]
        ]
      )

      const stranger = yield* open(file, Redacted.make("another-master-key-altogether"))
      assert.strictEqual((yield* Effect.flip(stranger.resolve("store:meta-shop", meta))).code, "wrong_key")
      assert.strictEqual((yield* Effect.flip(stranger.set("x", Redacted.make("y")))).code, "wrong_key")
      assert.strictEqual((yield* Effect.flip(stranger.remove("google"))).code, "wrong_key")

      const keyless = yield* open(file, null)
      assert.strictEqual((yield* keyless.list).length, 2)
      assert.isTrue(yield* keyless.exists("store:google"))
      assert.strictEqual((yield* Effect.flip(keyless.resolve("store:google", google))).code, "no_master_key")
    }).pipe(Effect.scoped)
  )

  it.effect("replaces, removes and keeps the others", () =>
    Effect.gen(function* () {
      const credentials = yield* open(yield* temporary)
      yield* credentials.set("a", Redacted.make("first-token"))
      yield* credentials.set("b", Redacted.make("other-token"))
      yield* credentials.set("a", Redacted.make("second-token"))
      const secret = yield* credentials.resolve("store:a", meta)
      assert.strictEqual(Redacted.value(secret["access_token"]!), "second-token")
      assert.isTrue(yield* credentials.remove("a"))
      assert.isFalse(yield* credentials.remove("a"))
      assert.isFalse(yield* credentials.remove("toString"))
      assert.deepStrictEqual(
        (yield* credentials.list).map((entry) => entry.name),
        ["b"]
      )
    }).pipe(Effect.scoped)
  )

  it.effect("holds no plaintext, is its owner's alone and leaves no temporary file", () =>
    Effect.gen(function* () {
      const file = yield* temporary
      const credentials = yield* open(file)
      yield* credentials.set("meta", Redacted.make(token))
      const text = readFileSync(file, "utf8")
      assert.notInclude(text, token)
      assert.notInclude(text, Buffer.from(token).toString("base64").slice(0, 20))
      assert.strictEqual(statSync(file).mode & 0o777, 0o600)
      assert.deepStrictEqual(readdirSync(path.dirname(file)), ["credentials.json"])
    }).pipe(Effect.scoped)
  )

  it.effect("notices an entry that was changed or swapped", () =>
    Effect.gen(function* () {
      const file = yield* temporary
      const credentials = yield* open(file)
      yield* credentials.set("a", Redacted.make("token-of-a"))
      yield* credentials.set("b", Redacted.make("token-of-b"))
      const store = JSON.parse(readFileSync(file, "utf8"))
      writeFileSync(file, JSON.stringify({ ...store, entries: { a: store.entries.b, b: store.entries.a } }))
      assert.strictEqual((yield* Effect.flip(credentials.resolve("store:a", meta))).code, "store_corrupt")
      writeFileSync(file, "{")
      assert.strictEqual((yield* Effect.flip(credentials.list)).code, "store_corrupt")
    }).pipe(Effect.scoped)
  )

  it.effect("is refused where its key derivation would take too much memory or time, or next to none", () =>
    Effect.gen(function* () {
      const file = yield* temporary
      const credentials = yield* open(file)
      yield* credentials.set("a", Redacted.make("token-of-a"))
      const store = JSON.parse(readFileSync(file, "utf8"))
      const wrong = [
        { cost: 1_048_576 },
        { block_size: 64 },
        { cost: 131_072, block_size: 16 },
        { parallelization: 16 },
        { parallelization: 0 },
        { cost: 2 },
        { cost: -32_768 },
        { cost: 40_000 },
        { block_size: 0 },
        { block_size: 1 }
      ]
      for (const parameters of wrong) {
        writeFileSync(file, JSON.stringify({ ...store, kdf: { ...store.kdf, ...parameters } }))
        const error = yield* Effect.flip(credentials.resolve("store:a", meta))
        assert.strictEqual(error.code, "store_corrupt", JSON.stringify(parameters))
      }
      writeFileSync(file, JSON.stringify(store) + " ".repeat(9 * 1_048_576))
      assert.strictEqual((yield* Effect.flip(credentials.list)).code, "store_corrupt")
    }).pipe(Effect.scoped)
  )

  it.effect("keeps every entry of writers at the same time", () =>
    Effect.gen(function* () {
      const credentials = yield* open(yield* temporary)
      const names = Array.from({ length: 8 }, (_, index) => `entry-${index}`)
      yield* Effect.forEach(names, (name) => credentials.set(name, Redacted.make(`value-of-${name}`)), {
        concurrency: "unbounded"
      })
      assert.deepStrictEqual(
        (yield* credentials.list).map((entry) => entry.name),
        names
      )
    }).pipe(Effect.scoped)
  )

  it.effect("asks for a master key", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip((yield* open(yield* temporary, null)).set("a", Redacted.make("b")))
      assert.strictEqual(error.code, "no_master_key")
      assert.include(error.nextStep, "openssl rand")
    }).pipe(Effect.scoped)
  )
})

it.effect("no rendering of a secret, its holder or an error holds it, and logs hide it from then on", () =>
  Effect.gen(function* () {
    const known = new KnownSecrets()
    const credentials = yield* open("none", null, { META: token }).pipe(
      Effect.provideService(CurrentKnownSecrets, known)
    )
    const secret = yield* credentials.resolve("env:META", meta)
    const failed = yield* Effect.exit(Effect.die({ secret }))
    const renderings = [
      String(secret["access_token"]),
      JSON.stringify(secret),
      inspect(secret, { depth: 9, showHidden: true }),
      `${secret["access_token"]}`,
      inspect(failed, { depth: 9 }),
      Exit.isFailure(failed) ? Cause.pretty(failed.cause) : "",
      redact(`The platform answered: bad value ${token}!`, known)
    ]
    for (const rendering of renderings) assert.notInclude(rendering, token)
    assert.include(renderings.at(-1), "<redacted>")
  })
)
