/** One step for batches of several partitions of a connection: one request, and each partition's part of what it leads to. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as TestClock from "effect/testing/TestClock"
import type { MappedEvent } from "../../../schemas/types.gen.ts"
import { Codecs } from "../../../shared/codec/codecs.ts"
import type { BatchVerdict, Connector } from "../../../shared/connectors/connector.ts"
import { verdictMeta } from "../../../shared/connectors/verdicts.ts"
import { deliveryDefaults } from "./settings.ts"
import {
  connection,
  connectorWith,
  down,
  fakePlatform,
  limits,
  mappedEvent,
  ok,
  processorOver,
  readStep,
  recordsOfEvents,
  respond,
  someInvalid,
  strictCodecs,
  unrepeatable,
  verdict
} from "./testing.ts"

const mapped = "mapped-events.meta"

/** Takes one step for partitions with these events, and what each goes on with; `retries` are of the retry topic. */
const harness = Effect.fnUntraced(
  function* (respondTo: (ids: ReadonlyArray<string>) => BatchVerdict, connector: Connector = connectorWith()) {
    const platform = fakePlatform(({ ids }) => {
      const answer = respondTo(ids)
      return Effect.succeed(respond(answer, answer === down ? 500 : 200))
    })
    const processor = yield* processorOver({ connector, connection, settings: deliveryDefaults, services: platform })
    const batchesOf = (partitions: ReadonlyArray<ReadonlyArray<MappedEvent>>, topics: ReadonlyArray<string>) =>
      Effect.forEach(partitions, (events, partition) => {
        const topic = topics[partition] ?? mapped
        const records = recordsOfEvents(events, topic).map((record) => ({ ...record, partition }))
        return Effect.as(processor.open({ topic, partition, append: () => Effect.void }), { topic, partition, records })
      })
    const begin = (partitions: ReadonlyArray<ReadonlyArray<MappedEvent>>, ...topics: ReadonlyArray<string>) =>
      Effect.flatMap(batchesOf(partitions, topics), (batches) => processor.stepTogether!(batches))
    const finish = (...partitions: ReadonlyArray<ReadonlyArray<MappedEvent>>) =>
      Effect.flatMap(begin(partitions), (parts) =>
        Effect.forEach(parts, (part) =>
          Effect.map(Effect.isEffect(part) ? part : Effect.succeed(part), (step) => readStep(step).outcomes)
        )
      )
    const asked = () => platform.asked.filter(({ path }) => path === "events").map(({ ids }) => ids)
    return { asked, begin, finish, processor }
  },
  Effect.provide(Layer.sync(Codecs, strictCodecs))
)

const events = (...ids: ReadonlyArray<string>) => ids.map((id) => mappedEvent(id))

describe("a step for several partitions", () => {
  it.effect("is one request, and each partition gets the outcomes of its events", () =>
    Effect.gen(function* () {
      const { asked, begin } = yield* harness(() => ok)
      const parts = yield* begin([events("a", "b"), events("c"), events("d")])
      assert.deepStrictEqual(asked(), [["a", "b", "c", "d"]])
      assert.deepStrictEqual(
        parts.map((part) => (Effect.isEffect(part) ? "open" : readStep(part).outcomes)),
        [{ a: "delivered", b: "delivered" }, { c: "delivered" }, { d: "delivered" }]
      )
    })
  )

  it.effect("gives each partition the verdicts on its own events", () =>
    Effect.gen(function* () {
      const { asked, finish } = yield* harness((ids) => ({
        ...verdictMeta,
        _tag: "PerEvent",
        events: ids.map((id) => verdict(id === "b" ? "invalid_event" : "delivered", id))
      }))
      assert.deepStrictEqual(yield* finish(events("a", "b"), events("c")), [
        { a: "delivered:a", b: "rejected:b" },
        { c: "delivered:c" }
      ])
      assert.lengthOf(asked(), 1)
    })
  )

  it.effect(
    "leaves a refusal of the whole to the partitions: an invalid event of one costs the others one request",
    () =>
      Effect.gen(function* () {
        const { asked, finish } = yield* harness((ids) => (ids.includes("bad") ? someInvalid : ok))
        assert.deepStrictEqual(yield* finish(events("a", "b"), events("bad"), events("c")), [
          { a: "delivered", b: "delivered" },
          { bad: "rejected:100" },
          { c: "delivered" }
        ])
        assert.deepStrictEqual(asked(), [["a", "b", "bad", "c"], ["a", "b"], ["bad"], ["c"]])
      })
  )

  it.effect("completes a partition while another still looks for its invalid event", () =>
    Effect.gen(function* () {
      const { begin } = yield* harness((ids) => ({
        ...verdictMeta,
        _tag: "PerEvent",
        events: ids.map((id) => verdict(id === "b" ? "transient" : "delivered"))
      }))
      const parts = yield* begin([events("a"), events("b"), events("c")])
      assert.deepStrictEqual(parts.map(Effect.isEffect), [false, true, false])
    })
  )

  it.effect("sends the events of others again where the refusal names those of one", () =>
    Effect.gen(function* () {
      const { asked, finish } = yield* harness((ids) =>
        ids.includes("bad")
          ? {
              ...verdictMeta,
              _tag: "InvalidEvents",
              invalidEvents: new Map([[ids.indexOf("bad"), verdict("invalid_event", "100")]])
            }
          : ok
      )
      assert.deepStrictEqual(yield* finish(events("a", "b"), events("c", "bad")), [
        { a: "delivered", b: "delivered" },
        { c: "delivered", bad: "rejected:100" }
      ])
      assert.deepStrictEqual(asked(), [["a", "b", "c", "bad"], ["a", "b"], ["c"]])
    })
  )

  it.effect("makes requests of no more events than one may carry, each of one batch group", () =>
    Effect.gen(function* () {
      const few = { ...limits, eventsPerRequest: 2 }
      const { asked, finish } = yield* harness(
        () => ok,
        connectorWith({ limits: { documented: few, specification: few } })
      )
      const other = mappedEvent("x", { batch_group: "other" })
      assert.deepStrictEqual(yield* finish(events("a", "b"), [...events("c"), other]), [
        { a: "delivered", b: "delivered" },
        { c: "delivered", x: "delivered" }
      ])
      assert.deepStrictEqual(asked(), [["a", "b"], ["c"], ["x"]])
    })
  )

  it.effect("sends nothing that is too old, and says so in its own partition", () =>
    Effect.gen(function* () {
      const { asked, finish } = yield* harness(() => ok)
      const old = mappedEvent("old", { deadline: -1 })
      assert.deepStrictEqual(yield* finish(events("a"), [old], [...events("b"), old]), [
        { a: "delivered" },
        { old: "expired:expired" },
        { b: "delivered", old: "expired:expired" }
      ])
      assert.deepStrictEqual(asked(), [["a", "b"]])
    })
  )

  it.effect("does not wait for delayed retries that are not due", () =>
    Effect.gen(function* () {
      const { asked, begin } = yield* harness(() => ok)
      const parts = yield* begin(
        [events("a"), [mappedEvent("later", { not_before: 500 })]],
        mapped,
        "delivery-retry.meta"
      )
      assert.deepStrictEqual(asked(), [["a"]])
      const [first, second] = parts
      assert.deepStrictEqual(!Effect.isEffect(first) && readStep(first!).outcomes, { a: "delivered" })
      if (!Effect.isEffect(second)) return assert.fail("The retry was not left to its partition.")
      const held = yield* Effect.forkChild(second)
      yield* TestClock.adjust("500 millis")
      assert.deepStrictEqual(readStep(yield* Fiber.join(held)).outcomes, { later: "delivered" })
    })
  )

  it.effect("waits for no partition's retries", () =>
    Effect.gen(function* () {
      let requests = 0
      const { asked, begin } = yield* harness(() => (++requests === 1 ? down : ok))
      const parts = yield* begin([events("a"), events("b")])
      assert.deepStrictEqual(asked(), [["a", "b"]])
      const rest = parts.filter((part) => Effect.isEffect(part))
      assert.lengthOf(rest, 2)
      const going = yield* Effect.forkChild(Effect.all(rest, { concurrency: 2 }))
      yield* TestClock.adjust("1 hour")
      const done = yield* Effect.exit(Fiber.join(going))
      assert.deepStrictEqual(Exit.isSuccess(done) && done.value.map((step) => readStep(step).outcomes), [
        { a: "delivered" },
        { b: "delivered" }
      ])
    })
  )

  it.effect("is not taken where a platform does not recognize a repeated event", () =>
    Effect.gen(function* () {
      const { processor } = yield* harness(() => ok, unrepeatable)
      assert.isUndefined(processor.stepTogether)
    })
  )
})
