/** A part of the conformance suite: limits of topics that are lowered while records are written. */
import { assert, it, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { testBrokers, uniquePrefix } from "../../../tests/harness/test-services.ts"
import { makeTopic, readAll, recordsOf } from "../../testing/kafka-probe.ts"
import { KafkaClient, type KafkaError, type ProducedRecord } from "../client.ts"
import { layerKafka } from "../kafkajs/adapter.ts"
import { versionOneIds } from "../kafkajs/patches/producer.ts"

const prefix = uniquePrefix("smaller-limits")

/** As a partition does: after a failure another producer writes the same again. Gives the failures. */
const commitAgain = (id: string, records: ReadonlyArray<ProducedRecord>) =>
  Effect.gen(function* () {
    const client = yield* KafkaClient
    const failures: Array<KafkaError> = []
    const commit = Effect.scoped(
      Effect.flatMap(client.transactional(id), (producer) => producer.commit({ records, offsets: [] }))
    )
    yield* commit
      .pipe(
        Effect.tapError((failure) => Effect.sync(() => void failures.push(failure))),
        Effect.retry({ times: 9, while: ({ code }) => code !== "too_large" })
      )
      .pipe(Effect.ignore)
    return failures
  })

const small = (count: number) => Array.from({ length: count }, (_, index) => `${index}`.padEnd(1_000, "x"))
const large = (topic: string, bytes: number): ProducedRecord => ({
  ...{ topic, partition: 0, key: null },
  value: Buffer.alloc(bytes, "y")
})

layer(layerKafka({ brokers: testBrokers() }), { excludeTestServices: true })("a topic that takes less", (it) => {
  for (const version of [1, 2])
    it.effect(`gets smaller batches, beside a topic with a larger record, in transactions of version ${version}`, () =>
      Effect.gen(function* () {
        const limited = yield* makeTopic(prefix, 1, { "max.message.bytes": "10000" })
        const other = yield* makeTopic(prefix)
        const id = `${limited}-tx`
        if (version === 1) versionOneIds.add(id)
        const records = [large(other, 200_000), ...recordsOf(limited, small(40))]
        const failures = yield* commitAgain(id, records)
        assert.notInclude(
          failures.map(({ code }) => code),
          "too_large",
          "which waits for an operator"
        )
        assert.match(failures[0]!.message, new RegExp(`^The topic ${limited} does not take a batch of 40 records`))
        assert.deepStrictEqual([(yield* readAll(limited)).length, (yield* readAll(other)).length], [40, 1])
      })
    )

  it.effect("is named with its record, where the record alone is too large for it", () =>
    Effect.gen(function* () {
      const limited = yield* makeTopic(prefix, 1, { "max.message.bytes": "10000" })
      const other = yield* makeTopic(prefix)
      const failures = yield* commitAgain(`${limited}-tx`, [large(other, 200_000), large(limited, 20_000)])
      assert.deepStrictEqual(
        failures.map(({ code }) => code),
        ["too_large"]
      )
      assert.match(failures[0]!.message, new RegExp(`^The topic ${limited} does not take a record of 200\\d\\d bytes`))
      assert.match(failures[0]!.nextStep, /max\.message\.bytes/)
    })
  )
})

it.live("says which setting of the brokers is below the timeout of transactions", () =>
  Effect.gen(function* () {
    const client = yield* KafkaClient
    const failure = yield* Effect.flip(Effect.scoped(client.transactional(`${prefix}timeout`)))
    assert.match(failure.nextStep, /transaction\.max\.timeout\.ms/)
  }).pipe(Effect.provide(layerKafka({ brokers: testBrokers(), transactionTimeoutMillis: 1_000_000_000 })))
)
