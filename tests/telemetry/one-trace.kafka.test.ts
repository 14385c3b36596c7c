/**
 * One trace over producer, normalizer, mapper, delivery and platform, on a real broker with each program as its own process, at a
 * sampling of 0 %: what a producer sampled is whole, what fails is there, and the rest is not. No byte that the collector gets holds
 * personal data or a credential.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { startSandbox } from "../../infra/sandbox/sandbox.ts"
import { KafkaClient } from "../../shared/kafka/client.ts"
import { readAll } from "../../shared/testing/kafka-probe.ts"
import { type Chain, startChain } from "../harness/chain.ts"
import { type ExportedSpan, exportedSpans } from "../harness/otlp-spans.ts"
import { testBrokers, testRegistryUrl, uniquePrefix } from "../harness/test-services.ts"
import { waitUntil } from "../harness/wait-until.ts"
import { type WebhookRecorder, webhookRecorder } from "../harness/webhook-recorder.ts"

const connections = `version: 1
connections:
  - id: shop
    platform: meta
    account: { dataset_id: 1234567890 }
    credential: env:META_TOKEN
    endpoint: { host: "\${META_HOST}" }
    resilience: { retry: { delays: [200 ms, 400 ms] }, circuit_breaker: { recovery: 1 second } }
`
const person = {
  email: "jane.planted@shop.example",
  phone: "+14155550132",
  first_name: "Plantedname",
  user_agent: "Mozilla/5.0 (X11)"
}
const collectorKey = "the-planted-collector-key"

const event = (id: string, properties: object = { value: 9.5, currency: "USD" }) =>
  JSON.stringify({
    event_id: id,
    event_name: "purchase",
    event_time: Date.now(),
    action_source: "website",
    event_source_url: "https://shop.example/thanks",
    user: person,
    consent: { ad_user_data: "granted", ad_personalization: "granted" },
    properties
  })

const traceId = (digit: string) => digit.repeat(32)
const sampled = (digit: string) => ({
  traceparent: `00-${traceId(digit)}-${digit.repeat(16)}-01`,
  tracestate: "shop=1"
})

const publish = (chain: Chain, value: string, headers: Readonly<Record<string, string>> = {}) =>
  Effect.promise(() =>
    chain.run(
      KafkaClient.use((kafka) =>
        kafka.produce([{ topic: `${chain.prefix}raw-events`, key: person.email, value: Buffer.from(value), headers }])
      )
    )
  )

/** Waits for the spans of a trace, or of any. */
const spansWhen = (recorder: WebhookRecorder, what: string, isThere: (spans: ReadonlyArray<ExportedSpan>) => boolean) =>
  Effect.promise(() =>
    waitUntil(
      what,
      () => {
        const spans = exportedSpans(recorder)
        return isThere(spans) && spans
      },
      60_000
    )
  )

const start = Effect.gen(function* () {
  const recorder = yield* webhookRecorder()
  const sandbox = yield* startSandbox({})
  const chain = yield* startChain({
    name: "telemetry",
    prefix: uniquePrefix("telemetry"),
    sandbox,
    connections: { text: connections },
    environment: {
      OTEL_EXPORTER_OTLP_ENDPOINT: recorder.url,
      OTEL_EXPORTER_OTLP_PROTOCOL: "http/json",
      OTEL_EXPORTER_OTLP_HEADERS: `api-key=${collectorKey}`,
      OTEL_TRACES_SAMPLER_ARG: "0",
      OTEL_BSP_SCHEDULE_DELAY: "200",
      OTEL_LOGS_EXPORTER: "otlp",
      OTEL_METRICS_EXPORTER: "otlp",
      OTEL_METRIC_EXPORT_INTERVAL: "1000"
    },
    programs: ["normalizer", "mapper", "delivery-meta"],
    bundled: true,
    services: { brokers: testBrokers().join(","), registryUrl: testRegistryUrl() }
  })
  return { recorder, chain }
})

describe("telemetry", { timeout: 240_000 }, () => {
  it.live("follows an event from its producer to the platform, and every error, at a sampling of 0 %", () =>
    Effect.gen(function* () {
      const { recorder, chain } = yield* start
      yield* publish(chain, event("plain"))
      yield* publish(chain, event("traced"), sampled("a"))
      const whole = yield* spansWhen(
        recorder,
        "the request of the sampled event is exported, and its event",
        (spans) => spans.filter(({ traceId: id }) => id === traceId("a")).length === 4
      )
      const named = (service: string, name: string) =>
        whole.find((span) => span.service === service && span.name === name && span.traceId === traceId("a")) ??
        assert.fail(`${service} has no span ${name}.`)
      const normalized = named("capi-normalizer", `process ${chain.prefix}raw-events`)
      const mapped = named("capi-mapper", `process ${chain.prefix}normalized-events`)
      const delivered = named("capi-delivery-meta", `process ${chain.prefix}mapped-events.meta`)
      const request = named("capi-delivery-meta", "POST")
      assert.deepStrictEqual(
        [normalized, mapped, delivered, request].map(({ parentSpanId, status }) => [parentSpanId, status]),
        [
          ["a".repeat(16), 0],
          [normalized.spanId, 0],
          [mapped.spanId, 0],
          [delivered.spanId, 0]
        ]
      )
      assert.deepStrictEqual([delivered.links, request.links], [[request.spanId], [delivered.spanId]])
      assert.deepInclude(delivered.attributes, {
        "capi.connection": "shop",
        "capi.platform": "meta",
        "capi.outcome": "delivered",
        "capi.attempts": "1"
      })
      assert.strictEqual(request.attributes["http.response.status_code"], "200")
      assert.isString(request.attributes["capi.platform.request_id"])
      // The event without a producer's trace has none.
      assert.strictEqual(whole.length, 4)

      yield* publish(chain, event("no-value", {}))
      yield* publish(chain, `{"event_id":"broken ${person.email}"`)
      const failed = yield* spansWhen(
        recorder,
        "the mapper's rejection and the normalizer's dead letter are exported",
        (spans) => spans.length >= 6
      )
      assert.sameDeepMembers(
        failed.slice(4).map(({ service, status, attributes }) => [service, status, attributes["capi.outcome"]]),
        [
          ["capi-mapper", 2, "rejected"],
          ["capi-normalizer", 2, "dead_lettered"]
        ]
      )
      const deadLetters = yield* Effect.promise(() => chain.run(readAll(`${chain.prefix}dead-letters`)))
      assert.sameMembers(
        deadLetters.map(({ headers }) => headers["traceparent"]),
        failed.slice(4).map((span) => `00-${span.traceId}-${span.spanId}-01`)
      )

      yield* chain.control.add([{ kind: "dead", platform: "meta", duration_ms: 2_000 }])
      yield* publish(chain, event("through-an-outage"), sampled("b"))
      const retried = yield* spansWhen(recorder, "the event is delivered after the outage", (spans) =>
        spans.some(({ traceId: id, attributes }) => id === traceId("b") && attributes["capi.outcome"] === "delivered")
      )
      const requests = retried.filter(({ traceId: id, name }) => id === traceId("b") && name === "POST")
      assert.isAbove(requests.length, 1)
      assert.isTrue(requests.slice(0, -1).every(({ status }) => status === 2))
      assert.strictEqual(requests.at(-1)?.status, 0)

      const paths = new Set(recorder.requests.map(({ path }) => path))
      assert.sameMembers([...paths], ["/v1/traces", "/v1/metrics", "/v1/logs"])
      const bytes = recorder.requests.map(({ text }) => text).join("\n")
      assert.include(bytes, "capi_delivery_events_total")
      for (const secret of [
        person.email,
        person.phone,
        person.first_name,
        "jane.planted",
        collectorKey,
        chain.environment["META_TOKEN"]!
      ])
        assert.notInclude(bytes, secret)
      assert.isTrue(recorder.requests.every(({ headers }) => headers["api-key"] === collectorKey))
    }).pipe(Effect.scoped)
  )

  it.live("never holds up events, whatever the collector does", () =>
    Effect.gen(function* () {
      const { recorder, chain } = yield* start
      for (const answer of ["hang", { status: 429 }, { status: 500 }] as const) {
        recorder.answer(answer)
        const before = (yield* chain.control.ids("meta")).size
        for (let index = 0; index < 5; index++) yield* publish(chain, event(`${before}-${index}`), sampled("c"))
        yield* Effect.promise(() =>
          waitUntil(
            "the events are delivered",
            async () => (await chain.run(chain.control.ids("meta"))).size === before + 5
          )
        )
      }
      const dropped = yield* Effect.promise(() =>
        waitUntil(
          "what the collector refused is counted",
          async () => {
            const text = await chain.run(chain.programs.metrics)
            return /capi_telemetry_dropped_total\{[^}]*reason="refused"[^}]*\} [1-9]/.exec(text)
          },
          60_000
        )
      )
      assert.isNotNull(dropped)
    }).pipe(Effect.scoped)
  )
})
