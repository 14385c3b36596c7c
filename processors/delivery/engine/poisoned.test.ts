/** What a delivery makes of a record that ended its process each time, without reading it. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { Codecs } from "../../../shared/codec/codecs.ts"
import type { Connector } from "../../../shared/connectors/connector.ts"
import { partitionOfKey } from "../../../shared/kafka/wire/hashes.ts"
import type { Inbound, Step } from "../../../shared/runtime/contract.ts"
import { deliveryDefaults } from "./settings.ts"
import {
  codecs,
  connection,
  connectorWith,
  fakePlatform,
  makeLog,
  mappedEvent,
  ok,
  processorOver,
  readStep,
  recordsOfEvents,
  respond,
  strictCodecs,
  unrepeatable
} from "./testing.ts"

const at = { topic: "mapped-events.meta", partition: 0 }
/** Whoever reads its value fails the test. */
const unreadable = (id: string): Inbound => ({
  ...recordsOfEvents([mappedEvent(id)])[0]!,
  value: Buffer.from("\u0001 not to be read")
})

const open = (kafka: ReturnType<typeof makeLog>, connector: Connector, partitions = 1) =>
  Effect.gen(function* () {
    const platform = fakePlatform(() => Effect.succeed(respond(ok)))
    const processor = yield* processorOver({ connector, connection, settings: deliveryDefaults, services: platform })
    const append = (records: Step["outputs"]) => Effect.sync(() => kafka.write(records))
    const task = yield* processor.open({ ...at, partitions, append })
    for (const restore of task.restore ?? [])
      yield* restore.apply(kafka.log.filter((record) => record.topic === restore.topic))
    return { platform, task }
  }).pipe(Effect.provide(Layer.sync(Codecs, strictCodecs)))

const deadLetterOf = ({ outputs }: Step) => {
  const decoded = codecs.decode("dead-letter", outputs.find(({ topic }) => topic === "dead-letters")!.value)
  return decoded._tag === "Decoded" ? decoded.value : assert.fail("a dead letter")
}

describe("a record that ends its process", () => {
  it.effect("is a sealed dead letter and a result of its event and connection", () =>
    Effect.gen(function* () {
      const { task, platform } = yield* open(makeLog(), connectorWith())
      const step = yield* task.poison!(unreadable("a"))
      assert.deepStrictEqual(readStep(step).outcomes, { a: "dead_lettered:poison" })
      const { original, ...deadLetter } = deadLetterOf(step)
      assert.deepInclude(deadLetter, {
        stage: "delivery-meta",
        reason_code: "poison",
        event_id: "a",
        connection_id: "shop",
        sealed: true,
        attempts: 0,
        source_topic: at.topic,
        source_offset: 0
      })
      assert.notInclude(String(original), "not to be read")
      assert.strictEqual(platform.asked.length, 0)
    })
  )

  it.effect("says that it may have been sent, where a request is not repeatable, and counts as sent", () =>
    Effect.gen(function* () {
      const kafka = makeLog()
      const before = yield* open(kafka, unrepeatable)
      yield* before.task.step({ ...at, records: recordsOfEvents([mappedEvent("a")]) })
      const after = yield* open(kafka, unrepeatable)
      const step = yield* after.task.poison!(unreadable("a"))
      assert.match(deadLetterOf(step).message, /It may have been sent before that/)
      assert.match(deadLetterOf(step).next_step!, /Look at the platform before you redrive it/)
      kafka.write(step.outputs)
      const redriven = yield* open(kafka, unrepeatable)
      const again = yield* redriven.task.step({ ...at, records: recordsOfEvents([mappedEvent("a")]) })
      assert.deepStrictEqual(readStep(again).outcomes, { a: "skipped:duplicate" })
      assert.deepStrictEqual(
        [before, after, redriven].map(({ platform }) => platform.asked.length),
        [1, 0, 0]
      )
    })
  )

  it.effect("is sent when it is redriven, where no request carried it", () =>
    Effect.gen(function* () {
      const kafka = makeLog()
      const before = yield* open(kafka, unrepeatable)
      const step = yield* before.task.poison!(unreadable("a"))
      assert.notMatch(deadLetterOf(step).message, /sent before/)
      kafka.write(step.outputs)
      const redriven = yield* open(kafka, unrepeatable)
      const again = yield* redriven.task.step({ ...at, records: recordsOfEvents([mappedEvent("a")]) })
      assert.deepStrictEqual(readStep(again).outcomes, { a: "delivered" })
    })
  )

  it.effect("goes to its home partition first, where its send intents are", () =>
    Effect.gen(function* () {
      const elsewhere = ["a", "b", "c", "d", "e"].find((id) => partitionOfKey(Buffer.from(id), 2) === 1)!
      const { task } = yield* open(makeLog(), unrepeatable, 2)
      const { outputs } = yield* task.poison!(unreadable(elsewhere))
      assert.deepStrictEqual(
        outputs.map(({ topic, partition }) => [topic, partition]),
        [[at.topic, 1]]
      )
    })
  )
})
