/** The normalizer's process, with the heap of its image, on records as a producer of another language may write them: times that are no dates, a million headers. */
import { assert, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { startSandbox } from "../../infra/sandbox/sandbox.ts"
import { plainBatch, produceBatch } from "../../shared/testing/compressed-batch.ts"
import { until } from "../../shared/testing/kafka-probe.ts"
import { startChain } from "../../tests/harness/chain.ts"
import { imageNodeOptions } from "../../tests/harness/image-heap.ts"
import { readBack } from "../../tests/harness/records.ts"
import { testBrokers, testRegistryUrl, uniquePrefix } from "../../tests/harness/test-services.ts"

const now = Date.now()
/** As a producer gives them, and as they are read. */
const times = ["-9000000000000000000", "-9007199254740993", "-1", "0", String(now)]
const read = [-8.64e15, -8.64e15, -1, 0, now]

const modes = [
  ["raw-events", {}],
  ["sealed-events", { CAPI_EVENT_LOG: "sealed-events" }]
] as const

for (const [log, environment] of modes)
  it.live(
    `makes an event or a dead letter of each, and does not end, with ${log}`,
    () =>
      Effect.gen(function* () {
        const prefix = uniquePrefix("hostile-records")
        const chain = yield* startChain({
          name: "hostile-records",
          prefix,
          sandbox: yield* startSandbox(),
          connections: { text: "version: 1\nconnections: []\n" },
          environment,
          services: { brokers: testBrokers().join(","), registryUrl: testRegistryUrl() }
        })
        const [broker = ""] = testBrokers()
        // The partition of a new topic may have no leader yet.
        const write = (batch: Buffer) =>
          until("the batch is taken", () =>
            Effect.map(
              Effect.promise(() => produceBatch(broker, `${prefix}raw-events`, 2, batch)),
              (code) => code === 0
            )
          )
        for (const [index, timestamp] of times.entries()) {
          const event = { event_id: `e${index}`, event_name: "lead", event_time: now, user: { external_id: "x" } }
          const batch = plainBatch([
            { key: "event", value: JSON.stringify(event), timestamp },
            { key: "broken", value: "{", timestamp }
          ])
          yield* write(batch)
        }
        const headers = Object.fromEntries(Array.from({ length: 1_000_000 }, (_, index) => [index.toString(36), ""]))
        yield* write(plainBatch([{ key: "headers", value: "{", headers, timestamp: String(now) }]))
        yield* chain.programs.launch("normalizer", { NODE_OPTIONS: imageNodeOptions })
        const written = Effect.promise(() =>
          chain.run(
            Effect.all([
              readBack(`${prefix}normalized-events`, "normalized-event"),
              readBack(`${prefix}dead-letters`, "dead-letter")
            ])
          )
        )
        yield* until(
          "an event and a dead letter of each time, and a dead letter",
          () => {
            if (chain.programs.hasEnded("normalizer")) assert.fail(chain.programs.logs().slice(-2_000))
            return Effect.map(written, ([events, dead]) => events.length + dead.length >= 2 * times.length + 1)
          },
          60_000,
          200
        )
        const [events, dead] = yield* written
        assert.deepStrictEqual(
          events.map(({ event_id }) => event_id).sort(),
          times.map((_, index) => `e${index}`)
        )
        assert.lengthOf(dead, times.length + 1)
        // A sealed record has the time of its sealing.
        if (log === "sealed-events") return
        for (const { event_id, source } of events) assert.strictEqual(source.timestamp, read[Number(event_id.slice(1))])
        for (const { source_offset, source_timestamp } of dead)
          assert.strictEqual(source_timestamp, read[(source_offset - 1) / 2] ?? now)
      }).pipe(Effect.scoped),
    120_000
  )
