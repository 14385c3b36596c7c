import { assert, describe, it } from "@effect/vitest"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { environmentProvider, loadSettings } from "./settings.ts"

const load = (variables: Readonly<Record<string, string>>) =>
  Effect.map(
    Effect.provide(
      loadSettings,
      ConfigProvider.layer(
        environmentProvider({ KAFKA_BROKERS: "k:1", SCHEMA_REGISTRY_URL: "http://r:1", ...variables })
      )
    ),
    ({ telemetry }) => telemetry
  )
const endpoint = "OTEL_EXPORTER_OTLP_ENDPOINT"

describe("the settings of OpenTelemetry", () => {
  it.effect("export nothing without an endpoint, or where they are switched off", () =>
    Effect.gen(function* () {
      assert.isNull(yield* load({}))
      assert.isNull(yield* load({ OTEL_TRACES_SAMPLER: "always_on" }))
      assert.isNull(yield* load({ [endpoint]: "http://c:4318", OTEL_SDK_DISABLED: "true" }))
      assert.isNull(yield* load({ [endpoint]: "http://c:4318", OTEL_TRACES_EXPORTER: "none" }))
    })
  )

  it.effect("have their defaults, and read names and values as the specification says", () =>
    Effect.gen(function* () {
      const usual = yield* load({ [endpoint]: "http://c:4318/" })
      assert.deepInclude(usual, { endpoint: "http://c:4318", traces: true, metrics: false, logs: false })
      assert.deepStrictEqual(usual!.sampler, { name: "parentbased_traceidratio", ratio: 0.01 })
      const given = yield* load({
        [endpoint]: "https://c.example/otlp",
        OTEL_EXPORTER_OTLP_HEADERS: "api-key=a%20b, x-tenant = shop",
        OTEL_RESOURCE_ATTRIBUTES: "deployment.environment.name=prod",
        OTEL_TRACES_SAMPLER: "always_off",
        OTEL_METRICS_EXPORTER: "otlp"
      })
      assert.deepStrictEqual(Redacted.value(given!.headers), { "api-key": "a b", "x-tenant": "shop" })
      assert.deepStrictEqual(given!.resource, { "deployment.environment.name": "prod" })
      assert.isTrue(given!.metrics)
      assert.notInclude(JSON.stringify(given), "a b")
    })
  )

  it.effect.each([
    [{ [endpoint]: "c:4318" }, endpoint],
    [{ [endpoint]: "https://user:secret@c" }, endpoint],
    [{ [endpoint]: "https://c", OTEL_EXPORTER_OTLP_HEADERS: "secret" }, "OTEL_EXPORTER_OTLP_HEADERS"],
    [{ [endpoint]: "https://c", OTEL_EXPORTER_OTLP_PROTOCOL: "grpc" }, "OTEL_EXPORTER_OTLP_PROTOCOL"],
    [{ [endpoint]: "https://c", OTEL_TRACES_SAMPLER: "jaeger_remote" }, "OTEL_TRACES_SAMPLER"],
    [{ [endpoint]: "https://c", OTEL_TRACES_SAMPLER_ARG: "1.5" }, "OTEL_TRACES_SAMPLER_ARG"],
    [{ [endpoint]: "https://c", OTEL_EXPORTER_OTLP_CLIENT_KEY: "/absent" }, "OTEL_EXPORTER_OTLP_CLIENT_KEY"]
  ] as const)("name what is wrong, never its value: %#", ([variables, name]) =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(load(variables))
      assert.include(error.message, name)
      assert.notInclude(`${error.message} ${error.nextStep}`, "secret")
    })
  )

  it.effect("send headers over plaintext to this machine alone, unless it is allowed by name", () =>
    Effect.gen(function* () {
      const headers = { OTEL_EXPORTER_OTLP_HEADERS: "api-key=k" }
      assert.strictEqual((yield* Effect.flip(load({ [endpoint]: "http://c:4318", ...headers }))).code, "plaintext")
      assert.isNotNull(yield* load({ [endpoint]: "http://127.0.0.1:4318", ...headers }))
      assert.isNotNull(yield* load({ [endpoint]: "http://c:4318", ...headers, OTEL_EXPORTER_OTLP_INSECURE: "true" }))
      assert.isNotNull(yield* load({ [endpoint]: "http://c:4318" }))
    })
  )
})
