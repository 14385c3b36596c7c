import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Metric from "effect/Metric"
import * as Scope from "effect/Scope"
import * as TestClock from "effect/testing/TestClock"
import { type Answer, makeExportQueue, type Payload, type Signal } from "./export-queue.ts"

const payload = (items: number, signal: Signal = "traces"): Payload => ({
  signal,
  url: "http://collector.example/v1/traces",
  contentType: "application/x-protobuf",
  body: Buffer.alloc(1),
  items
})

/** How many items the metrics count, by reason; those of this test alone. */
const dropped = Effect.map(Metric.snapshot, (all) =>
  Object.fromEntries(
    all.flatMap((one) =>
      one.id === "capi_telemetry_dropped_total" && one.type === "Counter"
        ? [[`${one.attributes?.["signal"]} ${one.attributes?.["reason"]}`, Number(one.state.count)]]
        : []
    )
  )
)

/** Runs against a collector that answers as the function says; gives what it was asked for. */
const collector = (answer: (request: number) => Effect.Effect<Answer, string>) => {
  const sizes: Array<number> = []
  return {
    sizes,
    send: (one: Payload) => Effect.suspend(() => answer(sizes.push(one.items)))
  }
}
const ok = Effect.succeed({ status: 200, retryAfter: null })
const status = (code: number, retryAfter: string | null = null) => Effect.succeed({ status: code, retryAfter })

/** For a collector that hangs: virtual time stands while the end of its scope would wait. */
const openQueue = (send: (one: Payload) => Effect.Effect<Answer, string>) =>
  Scope.provide(makeExportQueue({ send, itemsMax: 10, flushWithin: Duration.seconds(5) }), Scope.makeUnsafe())

const settle = Effect.repeat(Effect.yieldNow, { times: 50 })
const withMetrics = <A, E, R>(test: Effect.Effect<A, E, R>) =>
  Effect.suspend(() => Effect.provideService(test, Metric.MetricRegistry, new Map()))

describe("the queue to the collector", () => {
  it.effect("sends in order, each signal by itself", () =>
    Effect.gen(function* () {
      const asked: Array<string> = []
      const send = (one: Payload) => {
        asked.push(`${one.signal} ${one.items}`)
        return one.signal === "traces" ? Effect.never : ok
      }
      const queue = yield* openQueue(send)
      queue.offer(payload(1))
      queue.offer(payload(2))
      queue.offer(payload(3, "logs"))
      queue.offer(payload(4, "logs"))
      yield* settle
      assert.sameMembers(asked, ["traces 1", "logs 3", "logs 4"])
    }).pipe(withMetrics)
  )

  it.effect("drops what does not fit, counted, while the collector hangs", () =>
    Effect.gen(function* () {
      const { send } = collector(() => Effect.never)
      const queue = yield* openQueue(send)
      for (let index = 0; index < 5; index++) queue.offer(payload(4))
      yield* settle
      assert.isTrue(queue.hasRoom("traces"))
      queue.offer(payload(2))
      assert.isFalse(queue.hasRoom("traces"))
      assert.isTrue(queue.hasRoom("logs"))
      assert.deepStrictEqual(yield* dropped, { "traces queue_full": 4 * 3 + 1 })
    }).pipe(withMetrics)
  )

  it.effect("repeats what is 429 or 503 or has no answer, not before a Retry-After", () =>
    Effect.gen(function* () {
      const answers = [status(429, "7"), status(503), Effect.fail("connect ECONNREFUSED"), ok]
      const { send, sizes } = collector((request) => answers[request - 1]!)
      const queue = yield* makeExportQueue({ send, itemsMax: 10, flushWithin: Duration.seconds(5) })
      queue.offer(payload(3))
      yield* TestClock.adjust("6 seconds")
      assert.strictEqual(sizes.length, 1)
      yield* TestClock.adjust("1 second")
      assert.strictEqual(sizes.length, 2)
      yield* TestClock.adjust("30 seconds")
      assert.deepStrictEqual(sizes, [3, 3, 3, 3])
      assert.deepStrictEqual(yield* dropped, {})
    }).pipe(Effect.scoped, withMetrics)
  )

  it.effect("gives up after two minutes, and what the collector refuses at once", () =>
    Effect.gen(function* () {
      const { send, sizes } = collector((request) => (request === 1 ? status(400) : status(503)))
      const queue = yield* makeExportQueue({ send, itemsMax: 10, flushWithin: Duration.seconds(5) })
      queue.offer(payload(3))
      queue.offer(payload(4))
      yield* TestClock.adjust("5 minutes")
      assert.deepStrictEqual(yield* dropped, { "traces refused": 3, "traces not_taken": 4 })
      assert.isBelow(sizes.length, 12)
    }).pipe(Effect.scoped, withMetrics)
  )

  it.effect("sends what is left when its scope closes, and waits no longer than it may", () =>
    Effect.gen(function* () {
      for (const hangs of [false, true]) {
        const scope = yield* Scope.make()
        const { send, sizes } = collector(() => (hangs ? Effect.never : Effect.delay(ok, "1 second")))
        const queue = yield* makeExportQueue({ send, itemsMax: 10, flushWithin: Duration.seconds(5) }).pipe(
          Scope.provide(scope)
        )
        queue.offer(payload(3))
        queue.offer(payload(4))
        const closing = yield* Effect.forkChild(Scope.close(scope, Exit.void))
        yield* TestClock.adjust("2 seconds")
        if (hangs) yield* TestClock.adjust("3 seconds")
        yield* Fiber.join(closing)
        assert.deepStrictEqual(sizes, hangs ? [3] : [3, 4])
      }
      assert.deepStrictEqual(yield* dropped, { "traces shutdown": 7 })
    }).pipe(withMetrics)
  )
})
