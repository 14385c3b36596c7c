/** Who reads a topic and keeps nothing of it takes no more memory for a longer one. */
import { assert, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { testBrokers, uniquePrefix } from "../../tests/harness/test-services.ts"
import { SettingsService } from "../config/settings.ts"
import { KafkaClient } from "./client.ts"
import { layerKafka } from "./kafkajs/adapter.ts"
import { type ReadOptions, readTopic } from "./read-topic.ts"

const records = 60
const megabyte = 1_000_000

it.live(
  "receives what comes later into memory that was given back, and keeps it where its reader does",
  () =>
    Effect.gen(function* () {
      const prefix = uniquePrefix("release")
      const kafka = yield* KafkaClient
      yield* kafka.createTopics([{ name: `${prefix}t`, partitions: 1, replication: 1, config: {} }])
      for (let index = 0; index < records; index++)
        yield* kafka.produce([{ topic: `${prefix}t`, key: null, value: Buffer.alloc(0.9 * megabyte, index) }])

      const read = (options: Pick<ReadOptions<never, never>, "releases">, isWaiting: boolean) =>
        Effect.gen(function* () {
          const buffers = new Set<ArrayBufferLike>()
          const seen: Array<number> = []
          const work = Effect.sync(() => void seen.push(-1))
          yield* readTopic({
            ...options,
            topic: "t",
            from: { _tag: "Beginning" },
            follow: false,
            onRecords: (page) => {
              for (const { value } of page) {
                buffers.add(value!.buffer)
                if (value!.equals(Buffer.alloc(value!.length, value![0]))) seen.push(value![0]!)
              }
              return isWaiting ? work : undefined
            }
          })
          assert.deepStrictEqual(
            seen.filter((index) => index >= 0),
            Array.from({ length: records }, (_, index) => index)
          )
          return buffers.size
        }).pipe(Effect.provideService(SettingsService, { topicPrefix: prefix } as SettingsService["Service"]))

      // One that is read, one that is fetched meanwhile, and those of other sizes.
      for (const isWaiting of [false, true]) assert.isAtMost(yield* read({ releases: true }, isWaiting), 5)
      assert.isAbove(yield* read({}, false), 8)
    }).pipe(Effect.provide(Layer.fresh(layerKafka({ brokers: testBrokers() })))),
  60_000
)
