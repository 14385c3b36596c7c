/** The normalizer's process, with the heap of its image, on batches that a producer compressed to a thousandth. */

import { readFileSync } from "node:fs"
import zlib from "node:zlib"
import { assert, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { startSandbox } from "../../infra/sandbox/sandbox.ts"
import { KafkaClient } from "../../shared/kafka/client.ts"
import { codecs } from "../../shared/kafka/wire/compression.ts"
import { headerBytes } from "../../shared/kafka/wire/record-batch-reader.ts"
import { compressedBatch, plainBatch, produceBatch, withRecords } from "../../shared/testing/compressed-batch.ts"
import { committedOffsets, until } from "../../shared/testing/kafka-probe.ts"
import { startChain } from "../../tests/harness/chain.ts"
import { imageNodeOptions } from "../../tests/harness/image-heap.ts"
import { readBack } from "../../tests/harness/records.ts"
import { testBrokers, testRegistryUrl, uniquePrefix } from "../../tests/harness/test-services.ts"

/** `resources.limits.memory` of the chart. */
const memoryMax = 512 * 1_048_576

/** Retention deletes what is older than the topic keeps. */
const now = Date.now()

const event = (id: string) =>
  JSON.stringify({ event_id: id, event_name: "lead", event_time: now, user: { external_id: id } })
const few = (name: string) => Array.from({ length: 20 }, (_, index) => `${name}-${index}`)
const batchOf = (ids: ReadonlyArray<string>) =>
  compressedBatch(
    ids.map((id) => ({ key: id, value: event(id), timestamp: now })),
    codecs.none
  )

/** 400 MB in 20,000 records, of which blanks are the most. */
const manyIds = Array.from({ length: 20_000 }, (_, index) => `many-${index}`)
const manyBatches = (): ReadonlyArray<Buffer> => {
  const blanks = " ".repeat(20_000)
  const plain = plainBatch(manyIds.map((id) => ({ key: id, value: event(id) + blanks, timestamp: now })))
  const records = plain.subarray(headerBytes)
  return [
    withRecords(plain, codecs.gzip, zlib.gzipSync(records, { level: 1 })),
    withRecords(plain, codecs.zstd, zlib.zstdCompressSync(records))
  ]
}

it.live(
  "makes a dead letter of the record that is too large, an event of every other one, and does not end",
  () =>
    Effect.gen(function* () {
      const prefix = uniquePrefix("huge-batches")
      const chain = yield* startChain({
        name: "huge-batches",
        prefix,
        sandbox: yield* startSandbox(),
        connections: { text: "version: 1\nconnections: []\n" },
        services: { brokers: testBrokers().join(","), registryUrl: testRegistryUrl() }
      })
      const topic = `${prefix}raw-events`
      const [broker = ""] = testBrokers()
      const zeros = Buffer.alloc(300_000_000)
      const huge = compressedBatch([{ key: "jane@shop.example", value: zeros, timestamp: now }], codecs.gzip)
      const [gzip, zstd] = manyBatches()
      const batches = [batchOf(few("first")), huge, batchOf(few("second")), gzip!, zstd!, batchOf(few("last"))]
      for (const batch of batches)
        assert.strictEqual(yield* Effect.promise(() => produceBatch(broker, topic, 2, batch)), 0)

      yield* chain.programs.launch("normalizer", { NODE_OPTIONS: imageNodeOptions })
      const records = 20 + 1 + 20 + 2 * manyIds.length + 20
      yield* until(
        "every record is committed",
        () =>
          Effect.gen(function* () {
            if (chain.programs.hasEnded("normalizer")) assert.fail(chain.programs.logs().slice(-2_000))
            const client = yield* KafkaClient
            const committed = yield* committedOffsets(client, `${prefix}normalizer`, topic)
            return committed[2]?.offset === records
          }).pipe(Effect.provideContext(chain.services)),
        180_000,
        500
      )
      const memory = /VmHWM:\s+(\d+) kB/.exec(
        readFileSync(`/proc/${chain.programs.pidOf("normalizer")}/status`, "utf8")
      )
      assert.isBelow(Number(memory![1]) * 1_024, memoryMax)

      const [events, dead] = yield* Effect.promise(() =>
        chain.run(
          Effect.all([
            readBack(`${prefix}normalized-events`, "normalized-event"),
            readBack(`${prefix}dead-letters`, "dead-letter")
          ])
        )
      )
      assert.lengthOf(dead, 1)
      const { source_offset, reason_code, message, original, original_key, next_step } = dead[0]!
      assert.deepStrictEqual([source_offset, reason_code, original], [20, "record_too_large", null])
      assert.match(
        message,
        /^Without compression the record has 300000\d\d\d bytes, more than the 16777216 that are kept/
      )
      assert.match(next_step ?? "", /^Find the producer/)
      assert.isNotNull(original_key)
      const found = new Map<string, number>()
      for (const { event_id } of events) found.set(event_id, (found.get(event_id) ?? 0) + 1)
      for (const id of manyIds) assert.strictEqual(found.get(id), 2, id)
      for (const id of ["first", "second", "last"].flatMap(few)) assert.strictEqual(found.get(id), 1, id)
      assert.strictEqual(events.length, records - 1)
    }).pipe(Effect.scoped),
  300_000
)
