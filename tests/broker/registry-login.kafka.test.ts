/** A registry behind TLS that asks for a client certificate and a password: schemas are registered and read over it. */
import { readFileSync } from "node:fs"
import http from "node:http"
import https from "node:https"
import type { AddressInfo } from "node:net"
import { assert, it } from "@effect/vitest"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { Codecs } from "../../shared/codec/codecs.ts"
import { registryLayer } from "../../shared/codec/registry.ts"
import { environmentProvider, loadSettings } from "../../shared/config/settings.ts"
import { registryAddressOf } from "../../shared/runtime/services.ts"
import { type Authority, makeAuthority } from "../harness/certificates.ts"
import { temporaryFolder } from "../harness/temporary-folder.ts"
import { testRegistryUrl, uniquePrefix } from "../harness/test-services.ts"

const login = `Basic ${Buffer.from("capi:secret-of-capi").toString("base64")}`

/** In front of the tests' registry, as an ingress is: mutual TLS and basic authentication. */
const startIngress = (authority: Authority) =>
  Effect.gen(function* () {
    const target = new URL(testRegistryUrl())
    const { cert, key } = authority.issue("registry")
    const tls = {
      key: readFileSync(key),
      cert: readFileSync(cert),
      ca: readFileSync(authority.ca),
      requestCert: true,
      rejectUnauthorized: true
    }
    const server = https.createServer(tls, (request, response) => {
      if (request.headers.authorization !== login) {
        response.writeHead(401)
        response.end()
        return
      }
      const { authorization: _, host: __, ...headers } = request.headers
      const forwarded = http.request(
        { host: target.hostname, port: target.port, path: request.url, method: request.method, headers },
        (answer) => {
          response.writeHead(answer.statusCode ?? 500, answer.headers)
          answer.pipe(response)
        }
      )
      request.pipe(forwarded)
    })
    yield* Effect.promise(() => new Promise<void>((resolve) => server.listen(0, "127.0.0.1", () => resolve())))
    yield* Effect.addFinalizer(() =>
      Effect.promise(() => {
        server.closeAllConnections()
        return new Promise<void>((resolve) => server.close(() => resolve()))
      })
    )
    return `https://127.0.0.1:${(server.address() as AddressInfo).port}${target.pathname}`
  })

const codecsOver = (variables: Readonly<Record<string, string>>, prefix: string) =>
  Effect.gen(function* () {
    const { registry } = yield* Effect.provide(
      loadSettings,
      ConfigProvider.layer(environmentProvider({ KAFKA_BROKERS: "none:1", ...variables }))
    )
    const options = { ...registryAddressOf(registry), prefix, startupTimeout: Duration.seconds(5) }
    return yield* Effect.provide(
      Effect.gen(function* () {
        const codecs = yield* Codecs
        const value = codecs.encode("sealing-keys", "sealing-key", { program: "p", key_id: "00000000", timestamp: 1 })
        // A program that starts later knows the schema by the registry alone.
        return yield* Effect.provide(
          Effect.gen(function* () {
            const later = yield* Codecs
            yield* later.loadSchemas([value])
            return later.decode("sealing-key", value)
          }),
          registryLayer(options)
        )
      }),
      registryLayer(options)
    )
  })

it.live(
  "registers and reads schemas with a client certificate and a password, and says what is refused",
  () =>
    Effect.gen(function* () {
      const authority = makeAuthority(temporaryFolder())
      const client = authority.issue("capi")
      const url = yield* startIngress(authority)
      const prefix = uniquePrefix("registry-login")
      const good = {
        SCHEMA_REGISTRY_URL: url,
        SCHEMA_REGISTRY_CA: authority.ca,
        SCHEMA_REGISTRY_CERT: client.cert,
        SCHEMA_REGISTRY_KEY: client.key,
        SCHEMA_REGISTRY_USERNAME: "capi",
        SCHEMA_REGISTRY_PASSWORD: "secret-of-capi"
      }
      assert.strictEqual((yield* codecsOver(good, prefix))._tag, "Decoded")

      const refused = yield* Effect.flip(codecsOver({ ...good, SCHEMA_REGISTRY_PASSWORD: "wrong-secret" }, prefix))
      assert.include(refused.nextStep, "password")
      assert.notInclude(refused.message + refused.nextStep, "wrong-secret")
      const { SCHEMA_REGISTRY_CERT: _, SCHEMA_REGISTRY_KEY: __, ...without } = good
      assert.strictEqual((yield* Effect.flip(codecsOver(without, prefix))).code, "unreachable")
      const { SCHEMA_REGISTRY_CA: ___, ...stranger } = good
      assert.strictEqual((yield* Effect.flip(codecsOver(stranger, prefix))).code, "unreachable")
    }).pipe(Effect.scoped),
  120_000
)
