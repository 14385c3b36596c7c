import { assert, it } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as TestClock from "effect/testing/TestClock"
import { BatchGroup } from "./batch-group.ts"
import { BatchPacer } from "./batch-pacer.ts"
import { Intake } from "./intake.ts"

const record = {
  topic: "in",
  partition: 0,
  offset: 0,
  timestamp: 0,
  key: null,
  value: Buffer.from("a"),
  headers: {}
}

type Options = ConstructorParameters<typeof Intake>[0]

const intakeOf = (options: Pick<Options, "limits" | "clock"> & Partial<Options>) =>
  new Intake({
    position: 0,
    topic: "in",
    accept: undefined,
    bytesInFlightMax: 100_000,
    pause: () => undefined,
    resume: () => undefined,
    onReceived: () => undefined,
    ...options
  })

it.effect("lingers again near the end of a backlog, for ten seconds at most since the first record", () =>
  Effect.gen(function* () {
    let isMoreComing = true
    const intake = intakeOf({
      limits: { recordsMax: 10, bytesMax: 100_000, linger: Duration.millis(500) },
      clock: yield* Clock.Clock,
      isMoreComing: () => isMoreComing
    })
    const taken: Array<number> = []
    const taking = Effect.forever(Effect.map(intake.take, (batch) => void taken.push(batch?.records.length ?? 0)))
    yield* Effect.forkChild(taking, { startImmediately: true })
    intake.push([record], 1, 5_000)
    yield* TestClock.adjust("3 seconds")
    isMoreComing = false
    intake.lingerAgain()
    yield* TestClock.adjust("400 millis")
    intake.push([{ ...record, offset: 1 }], 2, 2)
    assert.deepStrictEqual(taken, [])
    yield* TestClock.adjust("100 millis")
    assert.deepStrictEqual(taken, [2])
    // An end that comes and goes.
    intake.push([{ ...record, offset: 2 }], 3, 3)
    for (let round = 0; round < 24; round++) {
      yield* TestClock.adjust("400 millis")
      intake.lingerAgain()
    }
    assert.deepStrictEqual(taken, [2])
    yield* TestClock.adjust("400 millis")
    assert.deepStrictEqual(taken, [2, 1])
  })
)

it.effect("cuts a batch that lingers though the wall clock is set back meanwhile", () =>
  Effect.gen(function* () {
    let aheadMillis = 7_200_000
    const clock = yield* Clock.Clock
    const intake = intakeOf({
      limits: { recordsMax: 10, bytesMax: 100_000, linger: Duration.seconds(1) },
      clock: { ...clock, currentTimeMillisUnsafe: () => clock.currentTimeMillisUnsafe() + aheadMillis }
    })
    intake.push([record], 1, 1)
    aheadMillis = 0
    const taking = yield* Effect.forkChild(intake.take)
    yield* TestClock.adjust("1 second")
    assert.isDefined(taking.pollUnsafe())
  })
)

it.effect("wakes whoever waits only for records that make a batch due sooner", () =>
  Effect.gen(function* () {
    const clock = yield* Clock.Clock
    let looked = 0
    const intake = intakeOf({
      limits: { recordsMax: 3, bytesMax: 100_000, linger: Duration.millis(500) },
      clock,
      isMoreComing: () => {
        looked++
        return false
      }
    })
    const taking = yield* Effect.forkChild(intake.take, { startImmediately: true })
    intake.push([record], 1, 1)
    yield* TestClock.adjust("1 millis")
    looked = 0
    intake.push([{ ...record, offset: 1 }], 2, 2)
    yield* TestClock.adjust("1 millis")
    assert.strictEqual(looked, 0, "neither whoever waits nor whoever pushed looks")
    intake.push([{ ...record, offset: 2 }], 3, 3)
    yield* TestClock.adjust("1 millis")
    assert.isDefined(taking.pollUnsafe(), "full before its time")
  })
)

it.effect("lets records linger only while an earlier batch is under way, where that is asked for", () =>
  Effect.gen(function* () {
    const intake = intakeOf({
      limits: { recordsMax: 10, bytesMax: 100_000, linger: Duration.seconds(1), lingersWhileBusy: true },
      clock: yield* Clock.Clock
    })
    const taken: Array<number> = []
    const bytes: Array<number> = []
    const take = Effect.map(intake.take, (batch) => {
      taken.push(batch?.records.length ?? 0)
      bytes.push(batch?.bytes ?? 0)
    })
    yield* Effect.forkChild(Effect.forever(take), { startImmediately: true })
    intake.push([record], 1, 1)
    yield* Effect.yieldNow
    assert.deepStrictEqual(taken, [1])
    intake.push([{ ...record, offset: 1 }], 2, 2)
    yield* TestClock.adjust("900 millis")
    intake.push([{ ...record, offset: 2 }], 3, 3)
    assert.deepStrictEqual(taken, [1])
    yield* TestClock.adjust("100 millis")
    assert.deepStrictEqual(taken, [1, 2])
    intake.push([{ ...record, offset: 3 }], 4, 4)
    yield* TestClock.adjust("1 millis")
    assert.deepStrictEqual(taken, [1, 2])
    // Both are committed.
    for (const each of bytes) intake.release(each)
    yield* TestClock.adjust("1 millis")
    assert.deepStrictEqual(taken, [1, 2, 1])
  })
)

it.live("cuts few of many batches that are due together before the event loop goes round", () =>
  Effect.gen(function* () {
    const clock = yield* Clock.Clock
    const pacer = new BatchPacer()
    const taken: Array<string> = []
    const rounds: Array<number> = []
    const groups = Array.from({ length: 30 }, () => new BatchGroup(pacer))
    const intakes = [0, 1].flatMap((partition) =>
      groups.map((together, connection) => {
        const intake = intakeOf({
          limits: { recordsMax: 10, bytesMax: 100_000, linger: Duration.millis(5) },
          clock,
          together
        })
        return { intake, name: `${connection}/${partition}` }
      })
    )
    for (const { intake, name } of intakes)
      yield* Effect.forkChild(
        Effect.map(intake.take, () => void taken.push(name)),
        { startImmediately: true }
      )
    for (const { intake } of intakes) intake.push([record], 1, 1)
    while (taken.length < intakes.length) {
      rounds.push(taken.length)
      yield* Effect.promise(() => new Promise((resolve) => setImmediate(resolve)))
    }
    const steps = rounds.slice(1).map((count, index) => count - rounds[index]!)
    assert.isAtMost(Math.max(...steps), 32, "so many in one round")
  })
)

it.live("lets a batch wait while those of others that are processed are large, but not for long", () =>
  Effect.gen(function* () {
    const clock = yield* Clock.Clock
    const pacer = new BatchPacer()
    const [busy, other] = [new BatchGroup(pacer), new BatchGroup(pacer)]
    const limits = { recordsMax: 1, bytesMax: 100_000, linger: Duration.zero }
    const intakes = [busy, busy, other].map((together) => intakeOf({ limits, clock, together }))
    const done = pacer.begin(busy, 8 * 1_048_576)
    const taken: Array<number> = []
    const fibers: Array<Fiber.Fiber<unknown, unknown>> = []
    for (const [index, intake] of intakes.entries()) {
      intake.push([record], 1, 1)
      fibers.push(yield* Effect.forkChild(Effect.map(intake.take, () => void taken.push(index))))
    }
    // Its own are never waited for.
    yield* Fiber.join(fibers[0]!)
    yield* Fiber.join(fibers[1]!)
    assert.deepStrictEqual(taken, [0, 1])
    yield* Fiber.join(fibers[2]!)
    assert.deepStrictEqual(taken, [0, 1, 2])
    done()
  })
)

it.live("goes on after its batch was cut with another's while it waited for its admission", () =>
  Effect.gen(function* () {
    const clock = yield* Clock.Clock
    const pacer = new BatchPacer()
    const [busy, together] = [new BatchGroup(pacer), new BatchGroup(pacer)]
    const limits = { recordsMax: 10, bytesMax: 100_000, linger: Duration.zero }
    const intake = intakeOf({ limits, clock, together })
    const done = pacer.begin(busy, 8 * 1_048_576)
    intake.push([record], 1, 1)
    const taking = yield* Effect.forkChild(intake.take, { startImmediately: true })
    assert.lengthOf(intake.cut().records, 1)
    intake.hold(true)
    done()
    intake.push([{ ...record, offset: 1 }], 2, 2)
    intake.hold(false)
    assert.strictEqual((yield* Fiber.join(taking))?.endOffset, 2)
  })
)
