/** An outage of a platform without idempotency harms only the requests that were under way when it began. */
import { assert, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as TestClock from "effect/testing/TestClock"
import { Codecs } from "../../../shared/codec/codecs.ts"
import { type HttpFailure, httpFailure } from "../../../shared/connectors/http/http-failure.ts"
import { uniformVerdict, verdictMeta } from "../../../shared/connectors/verdicts.ts"
import { deliveryDefaults } from "./settings.ts"
import {
  type Asked,
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
  strictCodecs,
  verdict
} from "./testing.ts"

const at = { topic: "mapped-events.meta", partition: 0 }
const messages = { ...limits, eventsPerRequest: 1, concurrency: 10 }
const unrepeatable = connectorWith({
  idempotent: false,
  limits: { documented: messages, specification: messages }
})
const eventIds = Array.from({ length: 200 }, (_, index) => `e${index}`)

type Trouble = (
  asked: Asked,
  millis: number
) => ReturnType<typeof httpFailure> | "auth" | "throttled" | "unknown" | null

/** 200 messages through an outage that begins after some; what became of them, and how often each was asked for. */
const through = (trouble: Trouble) =>
  Effect.gen(function* () {
    const kafka = makeLog()
    let millis = 0
    const platform = fakePlatform((asked) =>
      Effect.flatMap(Effect.sleep("20 millis"), () => {
        const found = trouble(asked, millis)
        if (found === null) return Effect.succeed(respond(ok))
        if (typeof found === "string") return Effect.succeed(respond(uniformVerdict(verdictMeta, verdict(found))))
        return Effect.fail<HttpFailure>(found)
      })
    )
    const processor = yield* processorOver({
      connector: unrepeatable,
      connection,
      settings: deliveryDefaults,
      services: platform
    })
    const task = yield* processor.open({ ...at, append: (records) => Effect.sync(() => kafka.write(records)) })
    const running = yield* Effect.forkChild(
      task.step({ ...at, records: recordsOfEvents(eventIds.map((id) => mappedEvent(id))) })
    )
    while (running.pollUnsafe() === undefined && millis < 3_600_000) {
      yield* TestClock.adjust("10 millis")
      millis += 10
    }
    const { outcomes } = readStep(yield* Fiber.join(running))
    const sent = platform.asked.filter(({ path }) => path === "events").map(({ ids }) => ids[0])
    return {
      unknown: Object.values(outcomes).filter((outcome) => outcome.startsWith("unknown")).length,
      delivered: Object.values(outcomes).filter((outcome) => outcome === "delivered").length,
      sent,
      probes: platform.asked.filter(({ path }) => path === "probe").length,
      millis
    }
  }).pipe(Effect.provide(Layer.sync(Codecs, strictCodecs)))

const during = (from: number, to: number, failure: HttpFailure, isStruck: (asked: Asked) => boolean = () => true) =>
  ((asked, millis) => (millis >= from && millis < to && isStruck(asked) ? failure : null)) satisfies Trouble

const cut = httpFailure("reset", "platform.example")

it.effect("that cuts every connection: at most those under way are unknown, and the circuit is closed by probes", () =>
  Effect.gen(function* () {
    const { unknown, delivered, sent, probes } = yield* through(during(100, 400_000, cut))
    assert.isAtMost(unknown, 10)
    assert.strictEqual(unknown + delivered, 200)
    assert.strictEqual(sent.length, 200)
    assert.isAbove(probes, 5)
  })
)

it.effect("that refuses every connection: none is unknown", () =>
  Effect.gen(function* () {
    const refused = httpFailure("refused", "platform.example")
    const { unknown, delivered } = yield* through(during(100, 200_000, refused))
    assert.deepStrictEqual([unknown, delivered], [0, 200])
  })
)

it.effect("that cuts messages alone and lets probes through: one more for each time that the circuit tries", () =>
  Effect.gen(function* () {
    const minutes = 10
    const isMessage = ({ path }: Asked) => path === "events"
    const { unknown, delivered } = yield* through(during(100, minutes * 60_000, cut, isMessage))
    assert.isAtMost(unknown, 10 + minutes)
    assert.strictEqual(unknown + delivered, 200)
  })
)

it.effect("a short cut stops nothing for long", () =>
  Effect.gen(function* () {
    const { unknown, delivered, millis } = yield* through(during(100, 130, cut, ({ ids }) => ids[0] === "e41"))
    assert.isAtMost(unknown, 1)
    assert.isAtLeast(delivered, 199)
    assert.isBelow(millis, 30_000)
  })
)

it.effect("a probe that is refused for its token or throttled waits for it, and harms no event", () =>
  Effect.gen(function* () {
    for (const answer of ["auth", "throttled"] as const) {
      const { unknown, delivered, probes } = yield* through((asked, millis) => {
        if (millis < 100 || millis > 120_000) return null
        return asked.path === "probe" || millis > 1_000 ? answer : cut
      })
      assert.isAtMost(unknown, 10)
      assert.strictEqual(unknown + delivered, 200)
      // It waits between its probes.
      assert.isBelow(probes, 100)
    }
  })
)

it.effect("a probe that is answered by an undocumented code shows that the platform is there", () =>
  Effect.gen(function* () {
    const { unknown, delivered, probes, millis } = yield* through((asked, now) => {
      if (asked.path === "probe") return "unknown"
      return now >= 100 && now < 130 ? cut : null
    })
    assert.isAtLeast(unknown, 1)
    assert.isAtMost(unknown, 10)
    assert.strictEqual(unknown + delivered, 200)
    assert.isAtLeast(probes, 1)
    assert.isBelow(millis, 120_000)
  })
)
