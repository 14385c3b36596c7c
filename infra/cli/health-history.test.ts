/** The history of many connections, read with room for few of them at a time. */
import { assert, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { ConnectorHealthPoint } from "../../schemas/types.gen.ts"
import { SettingsService } from "../../shared/config/settings.ts"
import { KafkaClient } from "../../shared/kafka/client.ts"
import { makeMemoryCodecs, memoryCodecs } from "../../shared/testing/memory-codecs.ts"
import { MemoryKafka } from "../../shared/testing/memory-kafka.ts"
import { FirstValues } from "./first-values.ts"
import { eachHistory } from "./health-history.ts"

const minuteMillis = 60_000
const topic = "connector-health-history"

const point = (connection_id: string, minute: number, succeeded: number): ConnectorHealthPoint => ({
  connection_id,
  platform: "meta",
  minute: minute * minuteMillis,
  status: "healthy",
  cause: null,
  succeeded,
  failed: 0,
  invalid: 0,
  skipped: 0,
  latency_ms: 0,
  waiting_events: null,
  oldest_expires_at: null
})

/** Seven connections over 400 minutes, some left out and some corrected later; and how often the topic is read. */
const setUp = () => {
  const kafka = new MemoryKafka()
  kafka.log.create(topic, 1)
  let reads = 0
  const client = KafkaClient.of({
    ...kafka.client,
    read: (options) =>
      Effect.andThen(
        Effect.sync(() => void reads++),
        kafka.client.read(options)
      )
  })
  const settings = Layer.succeed(SettingsService, { topicPrefix: "" } as SettingsService["Service"])
  const services = Layer.mergeAll(Layer.succeed(KafkaClient, client), memoryCodecs, settings)
  const points: Array<ConnectorHealthPoint> = []
  for (let minute = 1; minute <= 400; minute++) {
    for (let number = 0; number < 7; number++)
      if ((minute + number) % 5 > 0) points.push(point(`c${number}`, minute, 1))
    if (minute % 40 === 0) points.push(point("c3", minute, minute))
  }
  const { encode } = makeMemoryCodecs()
  const records = points.map((one) => ({
    topic,
    key: one.connection_id,
    value: encode(topic, topic, one),
    timestamp: one.minute
  }))
  return { services, points, publish: kafka.client.produce(records), reads: () => reads }
}

/** The last of each connection and minute, in order. */
const expected = (points: ReadonlyArray<ConnectorHealthPoint>, since: number) => {
  const last = new Map(points.map((one) => [`${one.connection_id} ${one.minute}`, one]))
  const wanted = [...last.values()].filter(({ minute }) => minute >= since).sort((a, b) => a.minute - b.minute)
  return [...Map.groupBy(wanted, ({ connection_id }) => connection_id)]
    .sort(([left], [right]) => (left < right ? -1 : 1))
    .map(([, own]) => own)
}

const historyOf = (choice: Parameters<typeof eachHistory>[0]) =>
  Effect.gen(function* () {
    const found: Array<ReadonlyArray<ConnectorHealthPoint>> = []
    yield* eachHistory(choice, (points) => Effect.sync(() => void found.push(points)))
    return found
  })

it.effect("gives the same with room for two connections as for all, and reads once where there is room", () =>
  Effect.gen(function* () {
    const { services, points, publish, reads } = setUp()
    yield* publish
    for (const since of [0, 150 * minuteMillis]) {
      const before = reads()
      const all = yield* Effect.provide(historyOf({ since, connection: null }), services)
      assert.strictEqual(reads() - before, 1)
      assert.deepStrictEqual(all, expected(points, since))
      const few = yield* Effect.provide(historyOf({ since, connection: null, heldBytesMax: 50_000 }), services)
      assert.isAbove(reads() - before, 3)
      assert.deepStrictEqual(few, all)
    }
  })
)

it.effect("gives one connection alone, though it has no room", () =>
  Effect.gen(function* () {
    const { services, points, publish, reads } = setUp()
    yield* publish
    const one = yield* Effect.provide(historyOf({ since: 0, connection: "c3", heldBytesMax: 1 }), services)
    assert.deepStrictEqual(
      one,
      expected(points, 0).filter(([first]) => first!.connection_id === "c3")
    )
    assert.strictEqual(reads(), 1)
    assert.deepStrictEqual(yield* Effect.provide(historyOf({ since: 0, connection: "c9" }), services), [])
  })
)

it("holds the first keys that have room, whatever the order in which they come, and copies", () => {
  const value = Buffer.alloc(6_000, 1)
  for (const order of [
    ["a", "b", "c", "d"],
    ["d", "c", "b", "a"],
    ["b", "d", "a", "c"]
  ]) {
    const held = new FirstValues(4 * 8_192, null)
    // Two chunks each: room for two keys.
    for (const key of [...order, ...order]) held.add(key, value)
    assert.deepStrictEqual([held.isCut, held.keys], [true, ["a", "b"]])
    assert.deepStrictEqual(held.take("a"), [value, value])
    const rest = new FirstValues(4 * 8_192, "b")
    for (const key of [...order, ...order]) rest.add(key, value)
    assert.deepStrictEqual([rest.isCut, rest.keys], [false, ["c", "d"]])
  }
  const held = new FirstValues(1, null)
  const used = Buffer.from("one")
  held.add("a", used)
  used.write("two")
  assert.deepStrictEqual(held.take("a").map(String), ["one"])
})
