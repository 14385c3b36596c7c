/** What the mapper traces: one span an event, with what each connection gets of it. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as TestClock from "effect/testing/TestClock"
import { connectorFor } from "../../shared/connectors/registry.ts"
import { KafkaClient } from "../../shared/kafka/client.ts"
import { decidedConnectionsTopic } from "../../shared/ledger/decided-connections.ts"
import { traceIdOf } from "../../shared/telemetry/trace-context.ts"
import { CurrentTracing } from "../../shared/telemetry/tracing.ts"
import { connectionOf, eventTime, properties, purchase, testSealer } from "../../shared/testing/event-fixture.ts"
import { makeMemoryCodecs, memoryCodecs } from "../../shared/testing/memory-codecs.ts"
import { MemoryKafka } from "../../shared/testing/memory-kafka.ts"
import { recordedTracing } from "../../shared/testing/recorded-spans.ts"
import { batchOf, runBatches } from "../../shared/testing/run-batches.ts"
import { duplicatesTopic } from "./dedup/duplicate-filter.ts"
import { mapper } from "./mapper.ts"

const codecs = makeMemoryCodecs()
const targets = [connectionOf("meta", {}, { id: "meta-1" }), connectionOf("tiktok", {}, { id: "tiktok-1" })].map(
  (connection) => ({ connection, connector: connectorFor(connection.kind) })
)
const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

const outputs = (
  event: ReturnType<typeof purchase>,
  recorded: ReturnType<typeof recordedTracing> | null,
  headers: Readonly<Record<string, string>> = {}
) =>
  Effect.gen(function* () {
    yield* TestClock.setTime(eventTime)
    const value = codecs.encode("normalized-events", "normalized-event", event)
    const journal = yield* runBatches(mapper(targets, testSealer), [
      batchOf("normalized-events", [{ key: event.event_id, value, headers }])
    ])
    return journal
      .flatMap((step) => step.outputs)
      .filter(({ topic }) => topic !== duplicatesTopic && topic !== decidedConnectionsTopic)
  }).pipe(
    Effect.provide(Layer.merge(memoryCodecs, Layer.succeed(KafkaClient, new MemoryKafka().client))),
    Effect.provideService(CurrentTracing, recorded?.tracing ?? null)
  )

const noValue = purchase({ properties: properties({ currency: "USD" }) })

describe("the mapper's traces", () => {
  it.effect("go on to every connection's record, beside its own header", () =>
    Effect.gen(function* () {
      const recorded = recordedTracing("parentbased_traceidratio", 0)
      const written = yield* outputs(purchase(), recorded, { traceparent, tracestate: "shop=1" })
      const [span] = recorded.spans()
      assert.deepInclude(span, { name: "process test.normalized-events", parentId: "b7ad6b7169203331" })
      const place = { traceparent: `00-${span!.traceId}-${span!.spanId}-01`, tracestate: "shop=1" }
      assert.deepStrictEqual(
        written.map(({ headers }) => headers),
        [
          { connection: "meta-1", ...place },
          { connection: "tiktok-1", ...place }
        ]
      )
      assert.deepStrictEqual(
        span!.events.map((event) => [event["capi.connection"], event["capi.platform"], event["capi.outcome"]]),
        [
          ["meta-1", "meta", "mapped"],
          ["tiktok-1", "tiktok", "mapped"]
        ]
      )
    })
  )

  it.effect("of an event that a connection refuses are there without sampling, under its raw record's trace id", () =>
    Effect.gen(function* () {
      const recorded = recordedTracing("always_off")
      const written = yield* outputs(noValue, recorded)
      const [span] = recorded.spans()
      assert.strictEqual(span!.traceId, traceIdOf(noValue.source))
      assert.strictEqual(span!.attributes["capi.outcome"], "rejected")
      assert.isString(span!.attributes["error.type"])
      const deadLetters = written.filter(({ topic }) => topic === "dead-letters")
      assert.isAbove(deadLetters.length, 0)
      for (const { headers } of deadLetters)
        assert.strictEqual(headers?.["traceparent"], `00-${span!.traceId}-${span!.spanId}-01`)
    })
  )

  it.effect("leave what is not sampled as it is without tracing", () =>
    Effect.gen(function* () {
      const recorded = recordedTracing("always_off")
      assert.deepStrictEqual(yield* outputs(purchase(), recorded), yield* outputs(purchase(), null))
      assert.deepStrictEqual(recorded.spans(), [])
    })
  )
})
