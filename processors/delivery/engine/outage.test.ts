import { assert, it } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as TestClock from "effect/testing/TestClock"
import fc from "fast-check"
import { Codecs } from "../../../shared/codec/codecs.ts"
import type { BatchVerdict } from "../../../shared/connectors/connector.ts"
import { httpFailure } from "../../../shared/connectors/http/http-failure.ts"
import { uniformVerdict, verdictMeta } from "../../../shared/connectors/verdicts.ts"
import { overwritingInput } from "../../../shared/testing/run-batches.ts"
import { deliveryDefaults } from "./settings.ts"
import {
  connection,
  connectorWith,
  fakePlatform,
  limits,
  mappedEvent,
  ok,
  processorOver,
  readStep,
  recordsOfEvents,
  respond,
  someInvalid,
  statesOf,
  strictCodecs,
  unauthorized,
  verdict
} from "./testing.ts"

const partitions = 4
const large = { ...limits, eventsPerRequest: 500 }
const connector = connectorWith({ limits: { documented: large, specification: large } })
const throttled: BatchVerdict = {
  ...uniformVerdict(verdictMeta, verdict("throttled", "4")),
  retryAfter: Duration.seconds(10)
}

interface Trouble {
  /** Seconds since the start: the token ends, is replaced; the platform throttles; it is dead. */
  readonly tokenEnds: number
  readonly tokenReplaced: number
  readonly throttles: readonly [number, number]
  readonly dead: readonly [number, number]
}

/** A platform that takes a request whole or refuses it whole, a tenth of a second after it came. */
const behaviour = (poison: ReadonlySet<string>, trouble: Trouble, second: () => number) => {
  const taken = new Map<string, number>()
  const within = ([from, to]: readonly [number, number]) => second() >= from && second() < to
  const play = (asked: { readonly ids: ReadonlyArray<string>; readonly token: string }) =>
    Effect.andThen(
      Effect.sleep("100 millis"),
      Effect.suspend(() => {
        if (within(trouble.dead)) return Effect.fail(httpFailure("reset", "platform.example"))
        if (asked.token === "old" && second() >= trouble.tokenEnds) return Effect.succeed(respond(unauthorized, 401))
        if (within(trouble.throttles)) return Effect.succeed(respond(throttled, 429))
        if (asked.ids.some((id) => poison.has(id))) return Effect.succeed(respond(someInvalid, 400))
        for (const id of asked.ids) taken.set(id, (taken.get(id) ?? 0) + 1)
        return Effect.succeed(respond(ok))
      })
    )
  return { play, taken }
}

const runThrough = (count: number, poison: ReadonlySet<string>, trouble: Trouble) =>
  Effect.gen(function* () {
    const clock = yield* Clock.Clock
    const second = () => clock.currentTimeMillisUnsafe() / 1000
    const { play, taken } = behaviour(poison, trouble, second)
    const platform = fakePlatform(play, () => (second() < trouble.tokenReplaced ? "old" : "new"))
    const processor = yield* processorOver({ connector, connection, settings: deliveryDefaults, services: platform })
    const events = Array.from({ length: count }, (_, index) => mappedEvent(`e${index}`))
    const outcomes: Record<string, string> = {}
    const deadLetters: Record<string, string> = {}
    const retries = new Map<string, ReturnType<typeof mappedEvent>>()
    const work = Effect.fnUntraced(function* (
      topic: string,
      partition: number,
      own: ReadonlyArray<(typeof events)[number]>
    ) {
      const task = overwritingInput(processor, yield* processor.open({ topic, partition }))
      for (let from = 0; from < own.length; from += 500) {
        const records = recordsOfEvents(own.slice(from, from + 500), topic)
        const done = readStep(yield* task.step({ topic, partition, records }))
        Object.assign(outcomes, done.outcomes)
        Object.assign(deadLetters, done.deadLetters)
        for (const [id, event] of Object.entries(done.retries)) retries.set(id, event)
      }
    })
    const share = (partition: number) => events.filter((_, index) => index % partitions === partition)
    const running = yield* Effect.forkChild(
      Effect.forEach(
        Array.from({ length: partitions }, (_, partition) => partition),
        (partition) => work("mapped-events.meta", partition, share(partition)),
        { concurrency: "unbounded", discard: true }
      )
    )
    for (let waited = 0; waited < 3600 && running.pollUnsafe() === undefined; waited++)
      yield* TestClock.adjust("1 second")
    yield* Fiber.join(running)
    const retried = retries.size
    for (let round = 0; round < 10 && retries.size > 0; round++) {
      const again = [...retries.values()]
      retries.clear()
      const later = yield* Effect.forkChild(work("delivery-retry.meta", 0, again))
      for (let waited = 0; waited < 3600 && later.pollUnsafe() === undefined; waited++)
        yield* TestClock.adjust("1 second")
      yield* Fiber.join(later)
    }
    return { outcomes, deadLetters, taken, platform, retried }
  }).pipe(Effect.scoped, Effect.provide(Layer.sync(Codecs, strictCodecs)))

const check = (count: number, poison: ReadonlySet<string>, run: Effect.Success<ReturnType<typeof runThrough>>) => {
  for (let index = 0; index < count; index++) {
    const id = `e${index}`
    if (poison.has(id)) {
      assert.strictEqual(run.outcomes[id], "rejected:100", id)
      assert.strictEqual(run.deadLetters[id], "100", id)
      assert.isUndefined(run.taken.get(id), id)
    } else {
      assert.strictEqual(run.outcomes[id], "delivered", id)
      assert.strictEqual(run.taken.get(id), 1, id)
    }
  }
  assert.strictEqual(Object.keys(run.deadLetters).length, poison.size)
}

it.effect(
  "10,000 events, 50 of them poison, an expired token, throttling and an outage of 90 s: nothing lost, none twice",
  () =>
    Effect.gen(function* () {
      const poison = new Set(Array.from({ length: 50 }, (_, index) => `e${(index * 7919) % 10_000}`))
      const trouble: Trouble = { tokenEnds: 2, tokenReplaced: 6, throttles: [10, 20], dead: [25, 115] }
      const run = yield* runThrough(10_000, poison, trouble)
      check(10_000, poison, run)
      const states = statesOf(run.platform)
      assert.include(states, "CLOSED paused")
      assert.include(states, "OPEN paused")
      assert.strictEqual(states.at(-1), "CLOSED")
    })
)

it("holds for poison, failing tokens and outages at any time", () =>
  fc.assert(
    fc.asyncProperty(
      fc.array(fc.nat(799), { maxLength: 12 }),
      fc.nat(20),
      fc.nat(20),
      fc.nat(30),
      fc.integer({ min: 1, max: 120 }),
      async (places, tokenEnds, throttlesFrom, deadFrom, deadFor) => {
        const poison = new Set(places.map((place) => `e${place}`))
        const trouble: Trouble = {
          tokenEnds,
          tokenReplaced: tokenEnds + 15,
          throttles: [throttlesFrom, throttlesFrom + 5],
          dead: [deadFrom, deadFrom + deadFor]
        }
        const run = runThrough(800, poison, trouble).pipe(Effect.provide(TestClock.layer()))
        check(800, poison, await Effect.runPromise(run))
      }
    ),
    { numRuns: 8 }
  ))
