/** The exporters against a real HTTP server in the collector's place. */
import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Metric from "effect/Metric"
import * as Redacted from "effect/Redacted"
import { exportedSpans } from "../../../tests/harness/otlp-spans.ts"
import { type WebhookRecorder, webhookRecorder } from "../../../tests/harness/webhook-recorder.ts"
import type { TelemetrySettings } from "../../config/otel.ts"
import { CurrentKnownSecrets, KnownSecrets } from "../redaction.ts"
import { traceIdOf } from "../trace-context.ts"
import { CurrentTracing } from "../tracing.ts"
import { telemetryLayer } from "./otlp.ts"

const source = { topic: "raw-events", partition: 3, offset: 42, timestamp: 1_795_000_000_000 }
const planted = { email: "jane.doe@shop.example", phone: "+14155550132", token: "EAAplanted1234567890abcdef" }

const settingsFor = (endpoint: string, more: Partial<TelemetrySettings> = {}): TelemetrySettings => ({
  endpoint,
  headers: Redacted.make({ "api-key": "the-collectors-key" }),
  protocol: "http/json",
  compression: "none",
  timeout: Duration.seconds(5),
  tls: {},
  serviceName: null,
  resource: { "deployment.environment.name": "test" },
  traces: true,
  metrics: true,
  logs: true,
  sampler: { name: "parentbased_traceidratio", ratio: 1 },
  queueItemsMax: 100,
  batchItemsMax: 10,
  exportEvery: Duration.minutes(1),
  metricsEvery: Duration.minutes(1),
  ...more
})

/** Work that is traced, counted and logged, with personal data and credentials in every place where a mistake could put them. */
const work = Effect.gen(function* () {
  const tracing = (yield* CurrentTracing)!
  const hop = tracing.hop("mapped-events.meta")
  for (let offset = 0; offset < 25; offset++) {
    const headers = { user: planted.email }
    const trace = hop.failing(null, { partition: 1, offset, headers }, { ...source, offset: 42 + offset })
    tracing.request({
      method: "POST",
      url: `https://graph.example/v1/events?access_token=${planted.token}`,
      events: [trace],
      eventCount: 1,
      startedAt: 1_795_000_000_000,
      status: 400,
      failure: `bad ${planted.email}`,
      attributes: { "capi.platform.request_id": `${planted.phone} ${planted.token}` }
    })
    trace.end({ outcome: "rejected", failure: planted.phone, attributes: { "capi.reason": planted.email } })
  }
  yield* Effect.logError(`No answer for ${planted.email}.`, new Error(planted.phone)).pipe(
    Effect.annotateLogs({ access_token: "short", reason: planted.token, record: Buffer.from(planted.email) })
  )
  yield* Metric.update(Metric.counter("capi_test_total", { incremental: true }), 3)
})

const run = (recorder: Pick<WebhookRecorder, "url">, more: Partial<TelemetrySettings> = {}) =>
  work.pipe(
    Effect.provide(telemetryLayer({ settings: settingsFor(recorder.url, more), program: "mapper", prefix: "prod." })),
    Effect.provideService(Metric.MetricRegistry, new Map()),
    Effect.provideService(CurrentKnownSecrets, new KnownSecrets())
  )

describe("the exporters", () => {
  it.live("send what is left at the end: spans, metrics and logs, none with personal data or a credential", () =>
    Effect.gen(function* () {
      const recorder = yield* webhookRecorder()
      yield* run(recorder)
      const spans = exportedSpans(recorder)
      assert.strictEqual(spans.length, 50)
      const event = spans.find(({ attributes }) => attributes["messaging.kafka.offset"] === "0")!
      assert.deepInclude(event, {
        service: "capi-mapper",
        name: "process prod.mapped-events.meta",
        traceId: traceIdOf(source),
        parentSpanId: "",
        status: 2
      })
      assert.deepInclude(event.attributes, { "error.type": "<phone>", "capi.reason": "<email>" })
      const texts = recorder.requests.map(({ text }) => text)
      assert.sameMembers(
        [...new Set(recorder.requests.map(({ path }) => path))],
        ["/v1/traces", "/v1/metrics", "/v1/logs"]
      )
      assert.include(texts.join(), "capi_test_total")
      assert.include(texts.join(), "No answer for <email>.")
      assert.include(texts.join(), "deployment.environment.name")
      for (const value of [...Object.values(planted), "the-collectors-key", "short", "access_token=", "/v1/events"])
        assert.notInclude(texts.join(), value)
      assert.isTrue(recorder.requests.every(({ headers }) => headers["api-key"] === "the-collectors-key"))
    }).pipe(Effect.scoped)
  )

  it.live("send Protobuf where it is asked for, by name what JSON says, and compressed", () =>
    Effect.gen(function* () {
      const recorder = yield* webhookRecorder()
      yield* run(recorder, { protocol: "http/protobuf", metrics: false, logs: false })
      const texts = recorder.requests.map(({ text }) => text).join()
      assert.strictEqual(recorder.requests[0]!.headers["content-type"], "application/x-protobuf")
      for (const name of ["process prod.mapped-events.meta", "capi-mapper", "error.type"]) assert.include(texts, name)
      for (const value of Object.values(planted)) assert.notInclude(texts, value)
      const zipped = yield* webhookRecorder()
      yield* run(zipped, { compression: "gzip" })
      assert.isTrue(zipped.requests.every(({ headers }) => headers["content-encoding"] === "gzip"))
      assert.notInclude(zipped.requests.map(({ text }) => text).join(), "capi.outcome")
    }).pipe(Effect.scoped)
  )

  it.live("leave out what is not asked for", () =>
    Effect.gen(function* () {
      const recorder = yield* webhookRecorder()
      yield* run(recorder, { metrics: false, logs: false })
      assert.deepStrictEqual([...new Set(recorder.requests.map(({ path }) => path))], ["/v1/traces"])
    }).pipe(Effect.scoped)
  )
})
