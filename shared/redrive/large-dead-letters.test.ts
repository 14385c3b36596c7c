/** What is held of records that are large: their number is bounded by the command, their size by no one. */
import { assert, it } from "@effect/vitest"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { Codecs } from "../codec/codecs.ts"
import { loadSettings, SettingsService } from "../config/settings.ts"
import { KafkaClient } from "../kafka/client.ts"
import { readLast } from "../kafka/read-topic.ts"
import { deadLetter } from "../model/dead-letter.ts"
import { makeMemoryCodecs, memoryCodecs } from "../testing/memory-codecs.ts"
import { MemoryKafka } from "../testing/memory-kafka.ts"
import { lastDeadLetters, readMarks, scanDeadLetters } from "./dead-letter-entries.ts"

const original = Buffer.alloc(5_000_000, "x")

/** 40 dead letters in two partitions, of 5 MB each. */
const setUp = Effect.gen(function* () {
  const kafka = new MemoryKafka()
  kafka.log.create("dead-letters", 2)
  const { encode } = makeMemoryCodecs()
  for (let index = 0; index < 40; index++) {
    const source = { topic: "raw-events", partition: 0, offset: index, timestamp: 0, key: Buffer.from("key") }
    const why = {
      stage: "normalizer",
      reason_code: "undecodable",
      message: "",
      timestamp: index,
      event_id: `e${index}`
    }
    const value = encode("dead-letters", "dead-letter", { ...deadLetter(source, why), original })
    yield* kafka.client.produce([
      { topic: "dead-letters", partition: index % 2, key: `e${index}`, value, timestamp: index }
    ])
  }
  const settings = yield* loadSettings.pipe(
    Effect.provide(
      ConfigProvider.layer(ConfigProvider.fromEnv({ env: { KAFKA_BROKERS: "a:1", SCHEMA_REGISTRY_URL: "http://b:1" } }))
    )
  )
  return Layer.mergeAll(kafka.layer, memoryCodecs, Layer.succeed(SettingsService, settings))
})

it.effect("gives the last dead letters without their originals, and says how large these are", () =>
  Effect.gen(function* () {
    const { entries, total } = yield* lastDeadLetters({ _tag: "Beginning" }, () => true, 30)
    assert.deepStrictEqual([entries.length, total], [30, 40])
    for (const { deadLetter, bytes } of entries) {
      assert.deepStrictEqual([deadLetter.original, deadLetter.original_key], [null, null])
      assert.strictEqual(bytes, original.length)
    }
    assert.strictEqual(entries.at(-1)!.deadLetter.event_id, "e39")
  }).pipe(Effect.provide(Layer.unwrap(setUp)))
)

it.effect("gives the last records of a topic as far as they have room, each copied", () =>
  Effect.gen(function* () {
    const cut = yield* readLast("dead-letters", 30)
    assert.deepStrictEqual(
      [cut.isCut, cut.records.map(({ key }) => String(key))],
      [true, Array.from({ length: 12 }, (_, index) => `e${28 + index}`)]
    )
    for (const { value } of cut.records) assert.strictEqual(value!.buffer.byteLength, value!.length)
    const all = yield* readLast("dead-letters", 4)
    assert.deepStrictEqual(
      [all.isCut, all.records.map(({ key }) => String(key))],
      [false, ["e36", "e37", "e38", "e39"]]
    )
  }).pipe(Effect.provide(Layer.unwrap(setUp)))
)

it.effect("reads what marks say without the originals beside them", () =>
  Effect.gen(function* () {
    const codecs = yield* Codecs
    let decoded = 0
    const counting = Codecs.of({
      ...codecs,
      decode: (schema, value) => {
        decoded++
        return codecs.decode(schema, value)
      }
    })
    const kafka = yield* KafkaClient
    const headers = { redriven: "0:3" }
    yield* kafka.produce([{ topic: "dead-letters", partition: 0, key: "e6", value: null, headers }])
    const { redriven } = yield* readMarks({ _tag: "Beginning" }).pipe(Effect.provideService(Codecs, counting))
    assert.deepStrictEqual([[...redriven], decoded], [["0:3"], 0])
    const { redriven: same } = yield* scanDeadLetters({ _tag: "Beginning" }, () => Effect.void)
    assert.deepStrictEqual(same, redriven)
  }).pipe(Effect.provide(Layer.unwrap(setUp)))
)

it.effect("decodes few originals at a time, which copies them", () =>
  Effect.gen(function* () {
    const pages: Array<ReadonlyArray<string>> = []
    yield* scanDeadLetters({ _tag: "Beginning" }, (entries) =>
      Effect.sync(() => void pages.push(entries.map(({ id }) => id)))
    )
    assert.isAtMost(Math.max(...pages.map(({ length }) => length)), 2)
    const ids = (partition: number) => Array.from({ length: 20 }, (_, offset) => `${partition}:${offset}`)
    for (const partition of [0, 1])
      assert.deepStrictEqual(
        pages.flat().filter((id) => id.startsWith(`${partition}:`)),
        ids(partition)
      )
  }).pipe(Effect.provide(Layer.unwrap(setUp)))
)
