/** A part of the conformance suite: what compaction leaves of batches, which their readers go on behind. */
import { randomBytes } from "node:crypto"
import { assert, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { testBrokers, uniquePrefix } from "../../../tests/harness/test-services.ts"
import { intercepting, type Sent } from "../../testing/intercepting.ts"
import { joinAsProbe, makeTopic, readAll, until } from "../../testing/kafka-probe.ts"
import { KafkaClient } from "../client.ts"
import { layerKafka } from "../kafkajs/adapter.ts"

const prefix = uniquePrefix("compaction")

/** Segments are compacted once they are closed, which the next record after this time does. */
const compacted = {
  "cleanup.policy": "compact",
  "segment.ms": "300",
  "min.cleanable.dirty.ratio": "0.001",
  "max.compaction.lag.ms": "1000",
  "max.message.bytes": "4000000"
}

layer(layerKafka({ brokers: testBrokers() }), { excludeTestServices: true })("of a compacted topic a member", (it) => {
  it.effect(
    "goes on behind a batch without records, and behind the last record of one, where the next does not fit into a fetch",
    () =>
      Effect.gen(function* () {
        const client = yield* KafkaClient
        const topic = yield* makeTopic(prefix, 1, compacted)
        const recordOf = (key: string, bytes: number) => ({ topic, partition: 0, key, value: randomBytes(bytes) })
        const records = (count: number, key: string, bytes: number) =>
          Array.from({ length: count }, (_, index) => recordOf(`${key}${index}`, bytes))
        // The last batch of a producer stays, for its sequence numbers.
        const byAnother = (batch: ReadonlyArray<ReturnType<typeof recordOf>>) =>
          Effect.provide(
            KafkaClient.use((other) => other.produce(batch)),
            layerKafka({ brokers: testBrokers(), produceBatchBytes: 3_000_000 })
          )
        yield* byAnother(records(50, "first", 10))
        yield* byAnother([...records(8, "large", 100_000), ...records(400, "small", 10)])
        yield* client.produce([...records(50, "first", 10), ...records(400, "small", 10)])
        // 50 without a record, 8 large ones, 400 removed ones, and those that replace the first and the small ones.
        const expected = [...Array.from({ length: 8 }, (_, index) => 50 + index), 458]
        yield* until(
          "compaction",
          () =>
            Effect.gen(function* () {
              yield* client.produce([recordOf("last", 10)])
              const offsets = (yield* readAll(topic)).map(({ offset }) => offset)
              return expected.every((offset, index) => offsets[index] === offset)
            }),
          90_000,
          500
        )
        const end = (yield* client.topicOffsets(topic))[0]!.high
        const probe = yield* joinAsProbe(`${topic}-group`, topic)
        yield* until("an assignment", () => probe.assignments.length === 1)
        let fetches = 0
        const count = (given: Sent, send: () => Promise<unknown>) => {
          if (given.request.apiName === "Fetch") fetches++
          return send()
        }
        const read = Effect.gen(function* () {
          probe.member.seek({ topic, partition: 0 }, 0)
          yield* until("all records", () => probe.ends.get(0) === end)
        })
        yield* intercepting(count, read)
        assert.deepStrictEqual(
          probe.records.slice(0, 9).map(({ offset }) => offset),
          expected
        )
        assert.isEmpty([...probe.gaps, ...probe.crashes])
        assert.isBelow(fetches, 20)
      }).pipe(Effect.scoped),
    120_000
  )
})
