import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as TestClock from "effect/testing/TestClock"
import { MemoryKafka } from "../testing/memory-kafka.ts"
import type { Batch, Processor } from "./contract.ts"
import { makePartitionHealth, partitionHealth } from "./health.ts"
import { type RuntimeEvent, RuntimeObserver } from "./metrics.ts"
import { run } from "./runtime.ts"

const at = { processor: "copy", topic: "in", partition: 0 }
const assigned: RuntimeEvent = { type: "assigned", processor: "copy", partitions: [{ topic: "in", partition: 0 }] }
const opened: RuntimeEvent = { type: "opened", ...at, position: 0, millis: 1 }
const committed: RuntimeEvent = { type: "committed", ...at, next: 1, steps: 1, outputs: 1, millis: 1 }
const progress = (lag: number): RuntimeEvent => ({ type: "progress", ...at, lag, bytesInFlight: 0, paused: false })

/** Stuck after a minute; times in seconds. */
const startClock = () => {
  let seconds = 0
  const { mayBecomeStuck, observe, stuck } = makePartitionHealth(() => seconds * 1_000, Duration.minutes(1))
  const atSecond = (second: number, ...events: ReadonlyArray<RuntimeEvent>) => {
    seconds = second
    for (const event of events) observe(event)
    const found = stuck().map(({ doing, lag }) => `${doing} ${lag}`)
    // Else it would not be looked for.
    if (found.length > 0) assert.isTrue(mayBecomeStuck())
    return found
  }
  return atSecond
}

describe("stuck partitions", () => {
  it("names a partition whose records wait while nothing is committed", () => {
    const atSecond = startClock()
    atSecond(0, assigned, opened)
    atSecond(10, progress(5))
    assert.deepStrictEqual(atSecond(60, progress(8)), [])
    assert.deepStrictEqual(atSecond(70), ["working 8"])
    assert.deepStrictEqual(atSecond(71, committed), [])
  })

  it("leaves out a partition that has nothing to do", () => {
    const atSecond = startClock()
    atSecond(0, assigned, opened, progress(0))
    assert.deepStrictEqual(atSecond(1_000, progress(0)), [])
    assert.deepStrictEqual(atSecond(1_001, progress(3)), [])
  })

  it("names a partition that doesn't get open, however often it tries", () => {
    const atSecond = startClock()
    const reopening: RuntimeEvent = { type: "reopening", ...at, reason: "x", failures: 1, delayMillis: 1 }
    atSecond(0, assigned, reopening)
    assert.deepStrictEqual(atSecond(60, reopening), ["opening 0"])
  })

  it("forgets partitions that are revoked", () => {
    const atSecond = startClock()
    atSecond(0, assigned)
    assert.deepStrictEqual(atSecond(100, { type: "left", processor: "copy", reason: "x" }), [])
  })

  it("forgets a processor that has stopped, as one of a connection that was removed", () => {
    const { dependencies, mayBecomeStuck, observe } = makePartitionHealth(() => 0)
    for (const event of [assigned, opened, { type: "closed", ...at }] as const) observe(event)
    assert.isTrue(mayBecomeStuck())
    observe({ type: "stopped", processor: "copy" })
    assert.deepStrictEqual([dependencies(), mayBecomeStuck()], [{}, false])
  })
})

it.effect("are looked for from when one may become stuck until none is", () =>
  Effect.gen(function* () {
    const logged: Array<string> = []
    const logger = Logger.make<unknown, void>(({ message }) => void logged.push(String(message)))
    yield* Effect.gen(function* () {
      const { mayBecomeStuck, observe } = yield* partitionHealth
      yield* TestClock.adjust("1 hour")
      for (const round of [1, 2]) {
        observe(assigned)
        observe({ type: "closed", ...at })
        assert.isTrue(mayBecomeStuck())
        yield* TestClock.adjust("4 minutes")
        assert.strictEqual(logged.length, 2 * (round - 1))
        yield* TestClock.adjust("75 seconds")
        assert.strictEqual(logged.length, 2 * round - 1)
        observe(opened)
        assert.isFalse(mayBecomeStuck())
        yield* TestClock.adjust("15 seconds")
        assert.match(logged.at(-1)!, /no longer stuck/)
        yield* TestClock.adjust("1 hour")
        observe({ type: "left", processor: "copy", reason: "x" })
      }
    }).pipe(Effect.provide(Logger.layer([logger])))
  }).pipe(Effect.scoped)
)

it.effect("opens a partition again whose step hangs, and then goes on", () =>
  Effect.gen(function* () {
    const kafka = new MemoryKafka()
    kafka.log.create("in", 1)
    kafka.log.create("out", 1)
    const events: Array<RuntimeEvent> = []
    let steps = 0
    const copyOf = ({ records }: Batch) => ({
      outputs: records.map(({ value }) => ({ topic: "out", key: null, value }))
    })
    const hangsOnce: Processor = {
      name: "copy",
      topics: ["in"],
      batch: { recordsMax: 10, bytesMax: 1_000, linger: Duration.zero },
      concurrency: 1,
      stepDeadline: Duration.seconds(30),
      open: () => Effect.succeed({ step: (batch) => (++steps === 1 ? Effect.never : Effect.succeed(copyOf(batch))) })
    }
    yield* kafka.client.produce([{ topic: "in", key: null, value: Buffer.from("a"), partition: 0 }])
    const observer = Layer.succeed(RuntimeObserver, (event) => void events.push(event))
    yield* Effect.forkChild(run(hangsOnce).pipe(Effect.provide(Layer.merge(kafka.layer, observer))))
    const settle = Effect.repeat(Effect.yieldNow, { times: 50 })
    yield* settle
    yield* TestClock.adjust("29 seconds")
    assert.strictEqual(kafka.log.records({ topic: "out", partition: 0 }).length, 0)
    yield* TestClock.adjust("5 seconds")
    yield* settle
    assert.strictEqual(kafka.log.records({ topic: "out", partition: 0 }).length, 1)
    assert.isTrue(events.some((event) => event.type === "reopening" && event.reason.includes("longer than 30s")))
  })
)
