/** Secrets outside of the program, each from a server that does what its vendor documents. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import os from "node:os"
import path from "node:path"
import process from "node:process"
import { afterEach, assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { startSecretsManager } from "../../tests/harness/secrets-manager.ts"
import { startVault } from "../../tests/harness/vault-server.ts"
import { makeCredentials } from "./credentials.ts"
import { masterKeysOf } from "./master-key.ts"
import { makeStore } from "./store.ts"

const meta = { required: ["access_token"], optional: [] }
const vaultAt = (address: string, more: object = {}) => ({
  vault: { address, token: Redacted.make("token-1"), tokenFile: null, namespace: null, tls: {}, ...more }
})
const credentialsWith = (sources: Parameters<typeof makeCredentials>[2]) =>
  Effect.flatMap(
    makeStore("none", () => masterKeysOf(null)),
    (store) => makeCredentials(store, {}, sources)
  )
const accessTokenOf = (resolved: { readonly [name: string]: Redacted.Redacted }) =>
  Redacted.value(resolved["access_token"]!)
const temporary = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(path.join(os.tmpdir(), "capi-sources-"))),
  (folder) => Effect.sync(() => rmSync(folder, { recursive: true, force: true }))
)

describe("a credential in a file", () => {
  it.live("is read again each time, whole or one field of it", () =>
    Effect.gen(function* () {
      const file = path.join(yield* temporary, "meta")
      const credentials = yield* credentialsWith({ vault: null })
      assert.strictEqual((yield* Effect.flip(credentials.resolve(`file:${file}`, meta))).code, "not_found")
      writeFileSync(file, "token-a\n")
      assert.strictEqual(accessTokenOf(yield* credentials.resolve(`file:${file}`, meta)), "token-a")
      writeFileSync(file, '{"meta":"token-b","google":"other"}')
      assert.strictEqual(accessTokenOf(yield* credentials.resolve(`file:${file}#meta`, meta)), "token-b")
      assert.strictEqual((yield* Effect.flip(credentials.resolve(`file:${file}#none`, meta))).code, "missing_fields")
    }).pipe(Effect.scoped)
  )
})

describe("a credential in Vault", () => {
  it.live("is found by mount and path, in its newest version, and by what the token may read alone", () =>
    Effect.gen(function* () {
      const vault = yield* startVault({ "token-1": ["secret/capi/meta", "secret/gone"] })
      vault.put("secret/capi/meta", { access_token: "token-a" })
      vault.put("secret/other", { access_token: "not for us" })
      const credentials = yield* credentialsWith(vaultAt(vault.address))
      assert.strictEqual(accessTokenOf(yield* credentials.resolve("vault:secret/capi/meta", meta)), "token-a")
      vault.put("secret/capi/meta", { access_token: "token-b" })
      assert.strictEqual(
        accessTokenOf(yield* credentials.resolve("vault:secret/capi/meta#access_token", meta)),
        "token-b"
      )
      assert.strictEqual((yield* Effect.flip(credentials.resolve("vault:secret/other", meta))).code, "source_refused")
      vault.put("secret/gone", { access_token: "token" })
      vault.remove("secret/gone")
      assert.strictEqual((yield* Effect.flip(credentials.resolve("vault:secret/gone", meta))).code, "not_found")
    }).pipe(Effect.scoped)
  )

  it.live("stays in use while Vault is sealed or away, and ends when Vault has deleted it", () =>
    Effect.gen(function* () {
      const vault = yield* startVault({ "token-1": ["secret/meta"] })
      vault.put("secret/meta", { access_token: "token-a" })
      const credentials = yield* credentialsWith(vaultAt(vault.address))
      const resolve = credentials.resolve("vault:secret/meta", meta)
      vault.seal(true)
      assert.strictEqual((yield* Effect.flip(resolve)).code, "source_unreachable")
      vault.seal(false)
      assert.strictEqual(accessTokenOf(yield* resolve), "token-a")
      vault.seal(true)
      assert.strictEqual(accessTokenOf(yield* resolve), "token-a")
      vault.seal(false)
      vault.remove("secret/meta")
      assert.strictEqual((yield* Effect.flip(resolve)).code, "not_found")
    }).pipe(Effect.scoped)
  )

  it.live(
    "is asked for with the token that an agent has written last, and never over plaintext to another machine",
    () =>
      Effect.gen(function* () {
        const tokenFile = path.join(yield* temporary, "token")
        const vault = yield* startVault({ "token-2": ["secret/meta"] })
        vault.put("secret/meta", { access_token: "token-a" })
        const credentials = yield* credentialsWith(vaultAt(vault.address, { tokenFile }))
        assert.strictEqual((yield* Effect.flip(credentials.resolve("vault:secret/meta", meta))).code, "source_refused")
        writeFileSync(tokenFile, "token-2\n")
        assert.strictEqual(accessTokenOf(yield* credentials.resolve("vault:secret/meta", meta)), "token-a")
        const plain = yield* credentialsWith(vaultAt("http://vault.example:8200"))
        const refused = yield* Effect.flip(plain.resolve("vault:secret/meta", meta))
        assert.include(refused.message, "plaintext")
      }).pipe(Effect.scoped)
  )
})

describe("a credential in AWS Secrets Manager", () => {
  const names = [
    "AWS_REGION",
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_ENDPOINT_URL_SECRETS_MANAGER"
  ] as const
  afterEach(() => {
    for (const name of names) delete process.env[name]
  })

  it.live(
    "is asked for with a signed request, and what is refused is not confused with what is away",
    () =>
      Effect.gen(function* () {
        const manager = yield* startSecretsManager({ accessKeyId: "AKIATEST", secretAccessKey: "the-secret-key" })
        process.env["AWS_REGION"] = "eu-central-1"
        process.env["AWS_ACCESS_KEY_ID"] = "AKIATEST"
        process.env["AWS_SECRET_ACCESS_KEY"] = "the-secret-key"
        process.env["AWS_ENDPOINT_URL_SECRETS_MANAGER"] = manager.endpoint
        const credentials = yield* credentialsWith({ vault: null })
        assert.strictEqual((yield* Effect.flip(credentials.resolve("aws:capi/meta", meta))).code, "not_found")
        manager.put("capi/meta", '{"access_token":"token-a","other":"x"}')
        assert.strictEqual(accessTokenOf(yield* credentials.resolve("aws:capi/meta", meta)), "token-a")
        manager.put("capi/meta", '{"access_token":"token-b","other":"x"}')
        assert.strictEqual(accessTokenOf(yield* credentials.resolve("aws:capi/meta#access_token", meta)), "token-b")
        manager.fail(true)
        assert.strictEqual(accessTokenOf(yield* credentials.resolve("aws:capi/meta#access_token", meta)), "token-b")
        manager.fail(false)
        process.env["AWS_SECRET_ACCESS_KEY"] = "another-key"
        const refused = yield* Effect.flip(credentials.resolve("aws:capi/meta", meta))
        assert.strictEqual(refused.code, "source_refused")
        assert.notInclude(refused.message + refused.nextStep, "another-key")
      }).pipe(Effect.scoped),
    90_000
  )
})
