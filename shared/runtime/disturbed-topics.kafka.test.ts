/** What an operator does to topics under a program that works, while one of its transactions is open. */
import { assert, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { type Admin, ConfigResourceTypes, Kafka, logLevel } from "kafkajs"
import { testBrokers, uniquePrefix } from "../../tests/harness/test-services.ts"
import { KafkaClient, type KafkaError } from "../kafka/client.ts"
import { layerKafka } from "../kafka/kafkajs/adapter.ts"
import { copyingBacklog } from "../testing/backlog-copies.ts"
import { copyProcessor } from "../testing/copy-program.ts"
import { readAll, until } from "../testing/kafka-probe.ts"
import { makeCopyHarness } from "../testing/runtime-harness.ts"
import type { Batch, Processor } from "./contract.ts"

const operator = Effect.acquireRelease(
  Effect.promise(async () => {
    const admin = new Kafka({ brokers: [...testBrokers()], logLevel: logLevel.NOTHING }).admin()
    await admin.connect()
    return admin
  }),
  (admin) => Effect.promise(() => admin.disconnect())
)

/** Copies of some 600 bytes, which are the same numbers. */
const copy: Processor = {
  ...copyProcessor,
  open: (assigned) =>
    Effect.map(copyProcessor.open(assigned), (task) => ({
      step: (batch: Batch) =>
        Effect.map(task.step(batch), (step) => ({
          ...step,
          outputs: step.outputs.map((output) => ({ ...output, value: Buffer.from(String(output.value).padEnd(500)) }))
        }))
    }))
}

interface Given {
  readonly prefix: string
  readonly admin: Admin
  readonly client: KafkaClient["Service"]
}

/** Copies 2,000 records, and 200 more afterwards; `disturb` runs once a transaction is open. Gives what the topic `out` holds. */
const copiesThrough = (disturb: (given: Given) => Effect.Effect<unknown, KafkaError>) =>
  Effect.gen(function* () {
    const client = yield* KafkaClient
    const admin = yield* operator
    const copies = yield* makeCopyHarness({ prefix: uniquePrefix("disturbed") })
    yield* copies.write(2_000)
    let writes = 0
    const act = Effect.suspend(() =>
      writes++ === 0 ? Effect.asVoid(disturb({ prefix: copies.prefix, admin, client })) : Effect.void
    )
    yield* copyingBacklog(copy, act, copies.start)
    yield* until("a transaction was open", () => writes > 0)
    yield* until("all is copied", () => copies.done, 60_000)
    yield* copies.write(200)
    yield* until("what came later is copied", () => copies.done, 60_000)
    const reasons = copies.events.flatMap((event) => (event.type === "reopening" ? [event.reason] : []))
    const values = (yield* readAll(`${copies.prefix}out`)).map(({ value }) => Number(value))
    return { copies, reasons, values }
  })

layer(layerKafka({ brokers: testBrokers() }), { excludeTestServices: true })("a program goes on exactly once", (it) => {
  it.effect("when the topic that it writes to takes less than before", () =>
    Effect.gen(function* () {
      const { copies, reasons } = yield* copiesThrough(({ prefix, admin }) =>
        Effect.promise(() => {
          const configEntries = [{ name: "max.message.bytes", value: "1500" }]
          const resource = { type: ConfigResourceTypes.TOPIC, name: `${prefix}out`, configEntries }
          return admin.alterConfigs({ validateOnly: false, resources: [resource] })
        })
      )
      yield* copies.assertExactlyOnce
      assert.match(reasons[0]!, /out does not take a batch of \d+ records/)
    }).pipe(Effect.scoped)
  )

  it.effect("when its input gets more partitions", () =>
    Effect.gen(function* () {
      const { values, reasons } = yield* copiesThrough(({ prefix, client }) => client.addPartitions([`${prefix}in`], 8))
      assert.deepStrictEqual([values.length, new Set(values).size], [2_200, 2_200])
      assert.isEmpty(reasons)
    }).pipe(Effect.scoped)
  )

  it.effect("when the topic that it writes to is made again: what comes later is there once", () =>
    Effect.gen(function* () {
      const { values } = yield* copiesThrough(({ prefix, admin, client }) =>
        Effect.gen(function* () {
          const name = `${prefix}out`
          yield* Effect.promise(() => admin.deleteTopics({ topics: [name] }))
          yield* until("the topic is gone", () => Effect.map(client.listTopics, (names) => !names.includes(name)))
          yield* client.createTopics([{ name, partitions: 4, replication: 1, config: {} }])
        })
      )
      assert.strictEqual(new Set(values).size, values.length, "no duplicate")
      assert.lengthOf(
        values.filter((value) => value >= 2_000),
        200
      )
    }).pipe(Effect.scoped)
  )
})
