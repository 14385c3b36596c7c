import { assert, describe, it } from "@effect/vitest"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { SettingsError, SettingsService } from "../config/settings.ts"
import { KafkaClient } from "../kafka/client.ts"
import { EndProgram } from "../runtime/contract.ts"
import { makeMemoryCodecs, memoryCodecs } from "../testing/memory-codecs.ts"
import { MemoryKafka } from "../testing/memory-kafka.ts"
import { followSuppressions } from "./follow-suppressions.ts"
import { suppressionKey } from "./suppressions.ts"

const codecs = makeMemoryCodecs()
const idOf = (index: number): string => Buffer.from(`person-${index}`.padEnd(12)).toString("base64url")

/** Erases persons of these numbers. */
const recordsOf = (indexes: ReadonlyArray<number>) =>
  indexes.map((index) => ({
    topic: "suppressions",
    partition: 0,
    key: suppressionKey("erased", idOf(index)),
    value: codecs.encode("suppressions", "suppression", {
      at: 1_000,
      erasure: null,
      destroy_at: null,
      ad_user_data: null,
      ad_personalization: null,
      sale_of_data: null
    })
  }))

/** The topic; what is written after the start is read when `more` is done. */
const topicOf = Effect.fnUntraced(function* (indexes: ReadonlyArray<number>) {
  const kafka = new MemoryKafka()
  kafka.log.create("suppressions", 1)
  yield* kafka.client.produce(recordsOf(indexes))
  const more = yield* Deferred.make<void>()
  const client: KafkaClient["Service"] = {
    ...kafka.client,
    read: (options) =>
      options.ranges.some(({ to }) => to === null)
        ? Deferred.await(more).pipe(Effect.andThen(kafka.client.read(options)), Effect.andThen(Effect.never))
        : kafka.client.read(options)
  }
  return { client, write: (added: ReadonlyArray<number>) => kafka.client.produce(recordsOf(added)), more }
})

const services = (client: KafkaClient["Service"]) =>
  Layer.mergeAll(
    Layer.succeed(KafkaClient, client),
    memoryCodecs,
    Layer.succeed(SettingsService, { topicPrefix: "" } as SettingsService["Service"]),
    ConfigProvider.layer(ConfigProvider.fromEnv({ env: { SUPPRESSIONS_MAX: "3" } }))
  )

describe("more suppressed persons than SUPPRESSIONS_MAX", () => {
  it.effect("do not let a program start", () =>
    Effect.gen(function* () {
      const { client } = yield* topicOf([1, 2, 3, 4])
      const error = yield* Effect.flip(Effect.scoped(Effect.provide(followSuppressions(), services(client))))
      assert.instanceOf(error, SettingsError)
      assert.include(error.message, "SUPPRESSIONS_MAX (3)")
    })
  )

  it.effect("end a program that runs, and none of them is forgotten", () =>
    Effect.gen(function* () {
      const { client, write, more } = yield* topicOf([1, 2])
      const ended = yield* Deferred.make<unknown>()
      yield* Effect.gen(function* () {
        const table = yield* followSuppressions()
        yield* write([3, 4, 5])
        yield* Deferred.succeed(more, undefined)
        const failure = yield* Deferred.await(ended)
        assert.instanceOf(failure, SettingsError)
        assert.include(String((failure as SettingsError).nextStep), "Raise SUPPRESSIONS_MAX")
        assert.strictEqual(table.size, 5)
        for (const index of [1, 2, 3, 4, 5])
          assert.deepStrictEqual(
            table.find({
              person_ids: idOf(index),
              event_time: 1,
              source: { topic: "raw-events", partition: 0, offset: 0, timestamp: 1 },
              consent: null
            }),
            { _tag: "Erased" }
          )
      }).pipe(
        Effect.provideService(EndProgram, (failure) => Effect.asVoid(Deferred.succeed(ended, failure))),
        Effect.scoped,
        Effect.provide(services(client))
      )
    })
  )
})
