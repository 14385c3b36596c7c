import { assert, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import * as TestClock from "effect/testing/TestClock"
import { Codecs } from "../../../shared/codec/codecs.ts"
import { unsendable } from "../../../shared/connectors/whatsapp/exchange.ts"
import { makeSealer, sealRecipient } from "../../../shared/credentials/sealer.ts"
import { makeRecipientKey } from "./recipient-key.ts"
import { deliveryDefaults } from "./settings.ts"
import {
  connection,
  connectorWith,
  fakePlatform,
  limits,
  makeLog,
  mappedEvent,
  ok,
  processorOver,
  readStep,
  recordsOfEvents,
  respond,
  statesOf,
  strictCodecs
} from "./testing.ts"

const ours = makeSealer(Redacted.make("the key of this program"))
const theirs = makeSealer(Redacted.make("the key of the normalizer"))
const at = { topic: "mapped-events.meta", partition: 0 }
const single = { ...limits, eventsPerRequest: 1 }
const messages = connectorWith({
  idempotent: false,
  unsendable,
  limits: { documented: single, specification: single }
})
const sealedBy = (sealer: typeof ours, id: string, sealedFor = id) =>
  mappedEvent(id, { sealed_recipient: sealRecipient(sealer, "+14155550132", sealedFor) })

const open = Effect.fnUntraced(
  function* (sealer: typeof ours | null) {
    const kafka = makeLog()
    const key = yield* makeRecipientKey(() => sealer)
    const platform = fakePlatform(() => Effect.succeed(respond(ok)))
    const processor = yield* processorOver({
      connector: messages,
      connection,
      settings: deliveryDefaults,
      services: { ...platform, open: key.open, recipientKey: key }
    })
    const task = yield* processor.open({ ...at, append: (records) => Effect.sync(() => kafka.write(records)) })
    return {
      platform,
      key,
      kafka,
      step: (events: Parameters<typeof recordsOfEvents>[0]) => task.step({ ...at, records: recordsOfEvents(events) })
    }
  },
  Effect.provide(Layer.sync(Codecs, strictCodecs))
)

it.effect(
  "pauses for an event of another key: no request, no intent, no result, and that does not count as a response",
  () =>
    Effect.gen(function* () {
      const { platform, kafka, step, key } = yield* open(ours)
      const waiting = yield* Effect.forkChild(step([sealedBy(theirs, "a"), sealedBy(ours, "b")]))
      yield* TestClock.adjust("2 hours")
      assert.isUndefined(waiting.pollUnsafe())
      assert.isTrue(platform.asked.every(({ ids }) => !ids.includes("a")))
      assert.isFalse(kafka.log.some(({ key }) => key?.toString().startsWith("a|")))
      assert.include(statesOf(platform), "CLOSED paused")
      assert.strictEqual(key.problem()?.reasonCode, "master_key_differs")
      assert.include(key.problem()?.message ?? "", theirs.keyId)
      yield* Fiber.interrupt(waiting)
    })
)

it.effect("rejects an event whose sealed text is damaged, and sends its neighbours", () =>
  Effect.gen(function* () {
    const { platform, step } = yield* open(ours)
    const damaged = sealedBy(ours, "of another event", "x")
    const done = yield* step([damaged, mappedEvent("without", { sealed_recipient: null }), sealedBy(ours, "good")])
    assert.deepStrictEqual(readStep(done).outcomes, {
      "of another event": "rejected:recipient_unreadable",
      without: "rejected:missing_recipient",
      good: "delivered"
    })
    assert.deepStrictEqual(
      platform.asked.map(({ ids }) => ids),
      [["good"]]
    )
  })
)

it.effect("pauses at the normalizer's announcement of another key, and goes on at that of its key", () =>
  Effect.gen(function* () {
    const { platform, key, step } = yield* open(ours)
    yield* key.announced(theirs.keyId)
    yield* TestClock.adjust("1 second")
    assert.include(statesOf(platform), "CLOSED paused")
    const waiting = yield* Effect.forkChild(step([sealedBy(ours, "a")]))
    yield* TestClock.adjust("1 hour")
    assert.strictEqual(platform.asked.length, 0)
    yield* key.announced(ours.keyId)
    yield* TestClock.adjust("5 minutes")
    assert.deepStrictEqual(readStep(yield* Fiber.join(waiting)).outcomes, { a: "delivered" })
    assert.strictEqual(statesOf(platform).at(-1), "CLOSED")
  })
)

it.effect("goes on without an event to wake it", () =>
  Effect.gen(function* () {
    const { platform, key } = yield* open(ours)
    yield* key.announced(theirs.keyId)
    yield* TestClock.adjust("1 second")
    yield* key.announced(ours.keyId)
    yield* TestClock.adjust("1 minute")
    assert.strictEqual(statesOf(platform).at(-1), "CLOSED")
  })
)

it.effect("without a key nothing opens; with the earlier key all does", () =>
  Effect.gen(function* () {
    const none = yield* makeRecipientKey(() => null)
    assert.strictEqual(none.problem()?.reasonCode, "no_master_key")
    assert.isTrue(Result.isFailure(none.open(sealRecipient(ours, "+1", "a"), "a")))
    const rotated = yield* makeRecipientKey(() =>
      makeSealer(Redacted.make("the key of this program"), [Redacted.make("the key of the normalizer")])
    )
    yield* rotated.announced(theirs.keyId)
    assert.isNull(rotated.problem())
    assert.deepStrictEqual(rotated.open(sealRecipient(theirs, "+1", "a"), "a"), Result.succeed("+1"))
    assert.strictEqual(none.problem()?.errorClass, "configuration")
  })
)
