/** A part of the conformance suite: batches that a producer compressed, and that hold more than may be in memory at once. */

import { assert, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { testBrokers, uniquePrefix } from "../../../tests/harness/test-services.ts"
import { compressedBatch, plainBatch, produceBatch, withRecords } from "../../testing/compressed-batch.ts"
import { joinAsProbe, makeTopic, readAll, recordsOf, until } from "../../testing/kafka-probe.ts"
import { type FetchedRecord, KafkaClient } from "../client.ts"
import { layerKafka } from "../kafkajs/adapter.ts"
import { codecs } from "../wire/compression.ts"
import { headerBytes } from "../wire/record-batch-reader.ts"

const prefix = uniquePrefix("large-batches")
const [broker = ""] = testBrokers()
const write = (topic: string, batch: Buffer) => Effect.promise(() => produceBatch(broker, topic, 0, batch))

/** What a consumer gets, in a few words. */
const said = ({ offset, key, value, omittedBytes }: FetchedRecord): string =>
  `${offset} ${key} ${omittedBytes === undefined ? `${value?.length}` : `without its ${omittedBytes}`}`

layer(layerKafka({ brokers: testBrokers() }), { excludeTestServices: true })("a huge batch", (it) => {
  it.effect(
    "comes to a member and to a reader, each record once, and what is too large without its value",
    () =>
      Effect.gen(function* () {
        const client = yield* KafkaClient
        const topic = yield* makeTopic(prefix)
        const huge = { key: "huge", value: Buffer.alloc(40_000_000) }
        const many = Array.from({ length: 60 }, (_, index) => ({
          key: `k${index}`,
          value: Buffer.alloc(1_000_000, index)
        }))
        const expected: Array<string> = []
        for (const name of ["gzip", "snappy", "lz4", "zstd"] as const) {
          yield* client.produce(recordsOf(topic, ["before"]))
          // Raw Snappy is 21 times as small at most.
          const few = name === "snappy" ? many.slice(0, 18) : many
          assert.strictEqual(yield* write(topic, compressedBatch(few, codecs[name])), 0, name)
          const values = name === "snappy" ? [] : [huge, { key: "next", value: "small" }]
          if (values.length > 0) assert.strictEqual(yield* write(topic, compressedBatch(values, codecs[name])), 0, name)
          const records = [[null, 6], ...few.map(({ key }) => [key, 1_000_000])] as const
          for (const [key, bytes] of records) expected.push(`${expected.length} ${key} ${bytes}`)
          if (values.length === 0) continue
          expected.push(`${expected.length} huge without its 40000013`)
          expected.push(`${expected.length} next 5`)
        }
        const read = yield* readAll(topic)
        assert.deepStrictEqual(read.map(said), expected)

        const probe = yield* joinAsProbe(`${topic}-group`, topic)
        yield* until("an assignment", () => probe.assignments.length === 1)
        const got: Array<string> = []
        probe.member.seek({ topic, partition: 0 }, 5)
        yield* until(
          "all records",
          () => {
            got.push(...probe.records.splice(0).map(said))
            return got.length >= expected.length - 5
          },
          60_000
        )
        assert.deepStrictEqual(got, expected.slice(5))
        assert.strictEqual(probe.ends.get(0), expected.length)
        assert.isEmpty([...probe.gaps, ...probe.unreadable, ...probe.crashes])
      }).pipe(Effect.scoped),
    120_000
  )

  it.effect("that is damaged is refused by the broker", () =>
    Effect.gen(function* () {
      const topic = yield* makeTopic(prefix)
      const records = [{ key: "k", value: Buffer.alloc(100_000, "abc") }]
      for (const name of ["gzip", "snappy", "lz4", "zstd"] as const) {
        const batch = compressedBatch(records, codecs[name])
        const damaged = withRecords(plainBatch(records), codecs[name], batch.subarray(headerBytes, batch.length - 20))
        assert.notStrictEqual(yield* write(topic, damaged), 0, name)
      }
      assert.isEmpty(yield* readAll(topic))
    })
  )

  it.effect(
    "that the broker takes and we cannot decompress stops its reader, or comes without values from others",
    () =>
      Effect.gen(function* () {
        const client = yield* KafkaClient
        const topic = yield* makeTopic(prefix)
        yield* client.produce(recordsOf(topic, ["before"]))
        assert.strictEqual(yield* write(topic, withoutDistance()), 0)
        yield* client.produce(recordsOf(topic, ["behind"]))

        const failure = yield* Effect.flip(readAll(topic))
        assert.strictEqual(failure.code, "damaged")
        assert.match(
          failure.message,
          new RegExp(`^The batch of records at offset 2 of ${topic}, partition 0, is damaged`)
        )
        const probe = yield* joinAsProbe(`${topic}-group`, topic)
        yield* until("an assignment", () => probe.assignments.length === 1)
        probe.member.seek({ topic, partition: 0 }, 0)
        yield* until("the failure", () => probe.unreadable.length === 1)
        assert.strictEqual(probe.unreadable[0]!.message, failure.message)
        assert.deepStrictEqual(probe.records.map(said), ["0 null 6", "1 a 1"])
        probe.member.seek({ topic, partition: 0 }, 3)
        yield* until("what is behind it", () => probe.records.length === 3)
        assert.isEmpty([...probe.gaps, ...probe.crashes])

        const words = ["0 null 6", "1 a 1", "2 null without its -1", "3 null 6"]
        yield* Effect.gen(function* () {
          assert.deepStrictEqual((yield* readAll(topic)).map(said), words)
          const other = yield* joinAsProbe(`${topic}-other`, topic)
          yield* until("an assignment", () => other.assignments.length === 1)
          other.member.seek({ topic, partition: 0 }, 0)
          yield* until("all records", () => other.records.length === words.length)
          assert.deepStrictEqual(other.records.map(said), words)
        }).pipe(Effect.provide(layerKafka({ brokers: testBrokers(), writtenByOthers: (name) => name === topic })))
      }).pipe(Effect.scoped)
  )
})

/** Two records, of which LZ4 repeats a part from a distance of 0: the format has no such distance, and Java's decompressor takes it. */
const withoutDistance = (): Buffer => {
  const plain = plainBatch([
    { key: "a", value: "a" },
    { key: "b", value: Buffer.alloc(100) }
  ])
  const records = plain.subarray(headerBytes)
  const zerosAt = records.length - 90
  const block = Buffer.concat([
    ...[Buffer.from([0xf0 | 15, zerosAt - 15]), records.subarray(0, zerosAt)],
    ...[Buffer.from([0, 0, 60 - 4 - 15]), Buffer.from([0xf0, 30 - 15]), records.subarray(zerosAt + 60)]
  ])
  const size = Buffer.alloc(4)
  size.writeUInt32LE(block.length)
  const frame = [Buffer.from([0x04, 0x22, 0x4d, 0x18, 0x60, 0x40, 0x82]), size, block, Buffer.alloc(4)]
  return withRecords(plain, codecs.lz4, Buffer.concat(frame))
}
