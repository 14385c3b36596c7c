/** What the normalizer traces: sampled events go on under their span, what fails always has one, the rest stays as it is without tracing. */
import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as TestClock from "effect/testing/TestClock"
import { makeSealer } from "../../shared/credentials/sealer.ts"
import { CurrentTracing } from "../../shared/telemetry/tracing.ts"
import { memoryCodecs } from "../../shared/testing/memory-codecs.ts"
import { recordedTracing } from "../../shared/testing/recorded-spans.ts"
import { batchOf, type RecordInput, runBatches } from "../../shared/testing/run-batches.ts"
import { normalizer } from "./normalizer.ts"

const now = Date.UTC(2026, 10, 23)
const config = {
  options: { defaultCountries: [], recipients: null, messageEvents: null, futureToleranceMillis: 86_400_000 },
  deadLetters: makeSealer(Redacted.make("a master key for tests")),
  recordBytesMax: 4_096,
  schemaTimeout: Duration.seconds(30)
}
const traceId = "0af7651916cd43dd8448eb211c80319c"
const traceparent = `00-${traceId}-b7ad6b7169203331-01`
const event = (id: string): RecordInput => ({
  value: JSON.stringify({ event_id: id, event_name: "purchase", event_time: now, user: { email: "jane@shop.example" } })
})
const broken: RecordInput = { value: '{"event_id":"jane@shop.example"' }

const outputs = (records: ReadonlyArray<RecordInput>, recorded: ReturnType<typeof recordedTracing> | null) =>
  Effect.gen(function* () {
    yield* TestClock.setTime(now)
    const journal = yield* runBatches(normalizer(config), [batchOf("raw-events", records, { firstOffset: 100 })])
    return journal.flatMap((step) => step.outputs)
  }).pipe(Effect.provide(memoryCodecs), Effect.provideService(CurrentTracing, recorded?.tracing ?? null))

describe("the normalizer's traces", () => {
  it.effect("go on from the producer, with the state; the record's other headers do not", () =>
    Effect.gen(function* () {
      const recorded = recordedTracing("parentbased_traceidratio", 0)
      const headers = { traceparent, tracestate: "shop=1", user: "jane" }
      const [first, second] = yield* outputs([{ ...event("a"), headers }, event("b")], recorded)
      const [span, ...others] = recorded.spans()
      assert.deepStrictEqual(others, [])
      assert.deepInclude(span, { name: "process test.raw-events", traceId, parentId: "b7ad6b7169203331" })
      assert.deepInclude(span!.attributes, { "messaging.kafka.offset": 100, "capi.outcome": "normalized" })
      assert.deepStrictEqual(first!.headers, { traceparent: `00-${traceId}-${span!.spanId}-01`, tracestate: "shop=1" })
      assert.isUndefined(second!.headers)
    })
  )

  it.effect("of what cannot be read are there without sampling, by reason alone", () =>
    Effect.gen(function* () {
      const recorded = recordedTracing("always_off")
      const [good, deadLetter] = yield* outputs([event("a"), broken], recorded)
      const [span, ...others] = recorded.spans()
      assert.deepStrictEqual(others, [])
      assert.deepInclude(span!.attributes, { "capi.outcome": "dead_lettered", "error.type": "undecodable" })
      assert.isUndefined(good!.headers)
      assert.deepStrictEqual(deadLetter!.headers, { traceparent: `00-${span!.traceId}-${span!.spanId}-01` })
      assert.notInclude(JSON.stringify(recorded.spans()), "jane")
    })
  )

  it.effect("leave what is not sampled byte for byte as it is without tracing", () =>
    Effect.gen(function* () {
      const records = Array.from({ length: 50 }, (_, index) => event(`e-${index}`))
      const without = yield* outputs(records, null)
      assert.deepStrictEqual(yield* outputs(records, recordedTracing("always_off")), without)
      const sampled = yield* outputs(records, recordedTracing("always_on"))
      assert.deepStrictEqual(
        sampled.map(({ headers: _, ...output }) => output),
        without
      )
      assert.isTrue(sampled.every(({ headers }) => headers !== undefined))
    })
  )
})
