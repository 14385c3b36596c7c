import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"
import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as TestClock from "effect/testing/TestClock"
import { placeOf } from "../../../shared/dedup/deduplicator.ts"
import { type RefusalState, refusalRecord, refusalsTopic } from "../../../shared/dedup/refusals.ts"
import { type FetchedRecord, KafkaClient, KafkaError } from "../../../shared/kafka/client.ts"
import { eventTime } from "../../../shared/testing/event-fixture.ts"
import { MemoryKafka } from "../../../shared/testing/memory-kafka.ts"
import { RefusalLogs } from "./refusal-log.ts"

const refusal = (id: string, state: RefusalState = "refused", now = eventTime) =>
  refusalRecord({ eventId: id, connectionId: "shop", source }, state, now)
const source = placeOf({ partition: 0, offset: 1, timestamp: eventTime })
const isRefused = (logs: RefusalLogs, eventId: string) =>
  logs.of(at).isRefused({ eventId, connectionId: "shop", source }, eventTime)
const at = { partition: 0, partitions: 1 }
const make = () => new RefusalLogs(Duration.hours(24))

const kafkaWith = (partitions: number) => {
  const kafka = new MemoryKafka()
  kafka.log.create(refusalsTopic, partitions)
  return kafka
}

describe("the refusals of deliveries", () => {
  it.effect("are not held as records while they are read: after a bad day they are millions", () =>
    Effect.gen(function* () {
      yield* TestClock.setTime(eventTime)
      setFlagsFromString("--expose-gc")
      const collect = runInNewContext("gc") as () => void
      const { client } = kafkaWith(1)
      const read: Array<WeakRef<FetchedRecord>> = []
      let held = 0
      const many = KafkaClient.of({
        ...client,
        topicOffsets: () => Effect.succeed([{ partition: 0, low: 0, high: 100 }]),
        read: ({ onRecords }) =>
          Effect.gen(function* () {
            for (let offset = 0; offset < 100; offset++) {
              const { key, value } = refusal(`r-${offset}`)
              const record = { topic: refusalsTopic, partition: 0, offset, timestamp: eventTime, headers: {} }
              const fetched = { ...record, key: Buffer.from(String(key)), value }
              read.push(new WeakRef(fetched))
              const handled = onRecords([fetched])
              if (handled !== undefined) yield* handled
            }
            // Weak references are kept until the turn ends.
            yield* Effect.promise(() => new Promise((done) => setImmediate(done)))
            collect()
            held = read.slice(0, 90).filter((record) => record.deref() !== undefined).length
          })
      })
      const logs = make()
      yield* Effect.provideService(logs.of(at).refresh, KafkaClient, many)
      assert.strictEqual(held, 0)
      assert.isTrue(isRefused(logs, "r-1"))
    })
  )

  it.effect("count as the newest says, in whatever order the partitions are read", () =>
    Effect.gen(function* () {
      yield* TestClock.setTime(eventTime)
      const { client } = kafkaWith(2)
      yield* client.produce([
        { ...refusal("taken", "taken", eventTime + 5_000), partition: 0 },
        { ...refusal("taken", "refused"), partition: 1 },
        { ...refusal("refused", "refused", eventTime + 5_000), partition: 1 },
        { ...refusal("refused", "taken"), partition: 0 },
        { ...refusal("again", "refused"), partition: 1 },
        { ...refusal("again", "taken"), partition: 1 }
      ])
      const logs = make()
      yield* Effect.provideService(logs.of(at).refresh, KafkaClient, client)
      assert.deepStrictEqual(
        ["taken", "refused", "again"].map((id) => isRefused(logs, id)),
        [false, true, false]
      )
    })
  )

  it.effect("are read on from where a step stopped that took too long", () =>
    Effect.gen(function* () {
      yield* TestClock.setTime(eventTime)
      const { client } = kafkaWith(1)
      yield* client.produce(["a", "b", "c"].map((id) => ({ ...refusal(id), partition: 0 })))
      const begun: Array<number> = []
      const slow = (isCut: boolean) =>
        KafkaClient.of({
          ...client,
          read: (options) => {
            const { from } = options.ranges[0]!
            begun.push(from)
            const ranges = [{ partition: 0, from, to: isCut ? from + 2 : 3 }]
            return Effect.andThen(client.read({ ...options, ranges }), isCut ? Effect.fail(cut) : Effect.void)
          }
        })
      const logs = make()
      yield* Effect.ignore(Effect.provideService(logs.of(at).refresh, KafkaClient, slow(true)))
      yield* Effect.provideService(logs.of(at).refresh, KafkaClient, slow(false))
      assert.deepStrictEqual(begun, [0, 2])
      assert.isTrue(["a", "b", "c"].every((id) => isRefused(logs, id)))
    })
  )

  it.effect("are read from the beginning where the topic was made again", () =>
    Effect.gen(function* () {
      yield* TestClock.setTime(eventTime)
      const [before, after] = [kafkaWith(1), kafkaWith(1)]
      yield* before.client.produce(["a", "b"].map((id) => ({ ...refusal(id), partition: 0 })))
      yield* after.client.produce([{ ...refusal("c"), partition: 0 }])
      const logs = make()
      for (const { client } of [before, after]) yield* Effect.provideService(logs.of(at).refresh, KafkaClient, client)
      assert.isTrue(isRefused(logs, "c"))
    })
  )
})

const cut = new KafkaError({ code: "timeout", operation: "read", message: "for the test", nextStep: "", cause: null })
