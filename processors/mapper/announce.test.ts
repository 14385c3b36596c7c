/** What the mapper says of its connections when it opens a partition, over years. */
import { assert, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as TestClock from "effect/testing/TestClock"
import { connectorFor } from "../../shared/connectors/registry.ts"
import { KafkaClient } from "../../shared/kafka/client.ts"
import {
  decidedConnectionsTopic,
  decidedKeptMillis,
  readDecidedConnections
} from "../../shared/ledger/decided-connections.ts"
import { connectionOf, eventTime, testSealer } from "../../shared/testing/event-fixture.ts"
import { memoryCodecs } from "../../shared/testing/memory-codecs.ts"
import { MemoryKafka } from "../../shared/testing/memory-kafka.ts"
import { mapper } from "./mapper.ts"

const dayMillis = 86_400_000

it.effect("deletes what it said so long ago that no event of that time is left", () => {
  const kafka = new MemoryKafka()
  kafka.log.create(decidedConnectionsTopic, 1)
  const written: Array<{ readonly key: string | null; readonly isDeleted: boolean }> = []
  const openOn = Effect.fnUntraced(function* (day: number, position: number, ...ids: ReadonlyArray<string>) {
    yield* TestClock.setTime(eventTime + day * dayMillis)
    const targets = ids.map((id) => ({ connection: connectionOf("meta", {}, { id }), connector: connectorFor("meta") }))
    yield* mapper(targets, testSealer).open({
      topic: "normalized-events",
      partition: 0,
      position,
      append: (records) => {
        for (const { key, value } of records) written.push({ key: String(key), isDeleted: value === null })
        return kafka.client.produce(records.map((record) => ({ ...record, partition: 0 })))
      }
    })
    return written.splice(0).map(({ key, isDeleted }) => (isDeleted ? `delete ${key}` : key))
  }, Effect.scoped)
  return Effect.gen(function* () {
    assert.deepStrictEqual(yield* openOn(0, 0, "a"), ["0:0"])
    assert.deepStrictEqual(yield* openOn(1, 100, "a", "b"), ["0:100"])
    assert.deepStrictEqual(yield* openOn(2, 150, "b", "a"), [], "the same as before")
    assert.deepStrictEqual(yield* openOn(10, 200, "a"), ["0:200"])
    const later = 2 + decidedKeptMillis / dayMillis
    assert.deepStrictEqual(yield* openOn(later, 900, "a", "c"), ["delete 0:0", "0:900"])
    const decided = yield* readDecidedConnections("")
    assert.deepStrictEqual([...(decided.at({ partition: 0, offset: 199 }) ?? [])], ["a", "b"])
  }).pipe(Effect.provide(Layer.merge(memoryCodecs, Layer.succeed(KafkaClient, kafka.client))))
})
