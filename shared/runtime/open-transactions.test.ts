/** In a backlog a transaction stays open over several writes: what ends it, and what becomes of it when something fails in the middle. */
import { assert, it } from "@effect/vitest"
import * as Data from "effect/Data"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as TestClock from "effect/testing/TestClock"
import { copy, copyOf, runtimeHarness, settle } from "../testing/runtime-harness.ts"
import type { Batch, PartitionTask, Processor } from "./contract.ts"

class StepFailed extends Data.TaggedError("StepFailed")<{ readonly message: string }> {}

const kilobyte = 1_000
/** A record of so many bytes, which begins with its number. */
const large = (number: number, bytes: number) => `${number} `.padEnd(bytes, "x")
const numbers = (values: ReadonlyArray<string | undefined>) => values.map((value) => Number(value?.split(" ")[0]))
const upTo = (count: number) => Array.from({ length: count }, (_, index) => index)
/** Of events that were written to the log ten seconds before the test. */
const late = (batch: Batch) => ({ ...copyOf(batch), writtenAt: 50_000 })

/** Batches of one record, four of which may be in flight: then what is complete is written. */
const lateCopy = <E = never>(
  step: PartitionTask<E, never>["step"] = (batch) => Effect.succeed(late(batch)),
  overrides: Partial<Processor<E>> = {}
) =>
  copy<E>({
    batch: { recordsMax: 1, bytesMax: 100_000_000, linger: Duration.zero },
    bytesInFlightMax: 3_500,
    open: () => Effect.succeed({ step }),
    ...overrides
  })

/** A backlog of records of a kilobyte, of which a fetch brings one; the time is a minute. */
const backlog = (count: number, bytes = kilobyte, options: Parameters<typeof runtimeHarness>[1] = {}) =>
  Effect.gen(function* () {
    yield* TestClock.setTime(60_000)
    const harness = runtimeHarness(1, { bytesInFlightMax: 100_000_000, commitSoonBytes: 0, ...options })
    harness.kafka.fetchRecordsMax = 1
    yield* harness.write(upTo(count).map((number) => large(number, bytes)))
    const seen = () => numbers(harness.out())
    return { ...harness, seen }
  })

/** Whoever starts it takes a while, so that more than the end of the log is left of the backlog. */
const slow = (step: (batch: Batch) => ReturnType<typeof late>, millis: number) => (batch: Batch) =>
  Effect.delay(
    Effect.sync(() => step(batch)),
    Duration.millis(millis)
  )

it.effect("writes what is complete and commits it half a second after the transaction before", () =>
  Effect.gen(function* () {
    const { kafka, events, seen, start } = yield* backlog(100)
    const released: Array<number> = []
    const step = slow((batch) => {
      const number = numbers(batch.records.map(({ value }) => value?.toString()))[0]!
      return { ...late(batch), release: () => void released.push(number) }
    }, 10)
    yield* start(lateCopy(step))
    yield* settle
    yield* TestClock.adjust("10 millis")
    yield* settle
    // The first says that they are late.
    assert.deepStrictEqual(seen(), [0])
    yield* TestClock.adjust("490 millis")
    yield* settle
    assert.deepStrictEqual(seen(), [0])
    assert.isAbove(kafka.writes, 5)
    // Their memory is free, though they are not committed.
    assert.deepStrictEqual(released, upTo(released.length))
    assert.isAbove(released.length, 30)
    yield* TestClock.adjust("10 millis")
    yield* settle
    assert.lengthOf(kafka.commits, 2)
    assert.deepStrictEqual(seen(), upTo(kafka.commits[1]!.next!))
    assert.isAtLeast(seen().length, released.length - 1)
    const committed = events.filter((event) => event.type === "committed")
    assert.deepInclude(committed[1], { steps: seen().length - 1, outputs: seen().length - 1, next: seen().length })
    yield* TestClock.adjust("2 seconds")
    yield* settle
    assert.deepStrictEqual(seen(), upTo(100))
  })
)

it.effect("commits earlier when the transaction is large", () =>
  Effect.gen(function* () {
    const megabyte = 1_048_576
    const { kafka, seen, start } = yield* backlog(30, megabyte)
    yield* start(lateCopy(undefined, { bytesInFlightMax: 2 * megabyte + 1 }))
    yield* settle
    yield* settle
    // Without any time: the first, then eight megabytes again and again.
    assert.deepStrictEqual(seen(), upTo(30))
    assert.isAtLeast(kafka.commits.length, 5)
    assert.isAtMost(Math.max(...kafka.commits.map(({ records }) => records)), 12)
    assert.isAbove(kafka.writes, 5)
  })
)

it.effect("leaves none open soon after the partition was opened, so that a record that ends its process is found", () =>
  Effect.gen(function* () {
    const { kafka, seen, start } = yield* backlog(60, kilobyte, { commitSoonBytes: 30_000 })
    const written: Array<number> = []
    const step = (batch: Batch) => {
      if (kafka.writes > 0) written.push(batch.records[0]!.offset)
      return Effect.succeed(late(batch))
    }
    yield* start(lateCopy(step))
    yield* settle
    yield* settle
    assert.deepStrictEqual(seen(), upTo(60))
    assert.isAtLeast(written[0]!, 30)
    assert.isAtMost(written[0]!, 40)
  })
)

it.effect("commits at once when the end of the log is reached", () =>
  Effect.gen(function* () {
    const { kafka, seen, start } = yield* backlog(20)
    yield* start(lateCopy())
    yield* settle
    yield* settle
    assert.isAbove(kafka.writes, 2)
    assert.deepStrictEqual(seen(), upTo(20))
    assert.strictEqual(kafka.commits.at(-1)?.next, 20)
  })
)

it.effect("keeps what is written before a step that fails", () =>
  Effect.gen(function* () {
    const { kafka, seen, start, events } = yield* backlog(40)
    let failures = 2
    let failing = -1
    const taken: Array<number> = []
    const step = (batch: Batch) => {
      const { offset } = batch.records[0]!
      taken.push(offset)
      // The first that begins after a write.
      if (failing < 0 && kafka.writes === 3) failing = offset
      return offset === failing && failures-- > 0
        ? Effect.fail(new StepFailed({ message: "not now" }))
        : Effect.succeed(late(batch))
    }
    yield* start(lateCopy(step))
    yield* settle
    yield* settle
    assert.isAbove(failing, 5)
    assert.deepStrictEqual(seen(), upTo(failing))
    yield* TestClock.adjust("10 seconds")
    yield* settle
    assert.deepStrictEqual(seen(), upTo(40))
    assert.deepStrictEqual(taken, [...upTo(failing), failing, failing, ...upTo(40).slice(failing)])
    assert.lengthOf(
      events.filter(({ type }) => type === "reopening"),
      2
    )
  })
)

it.effect("shows nothing of a transaction whose write failed, and repeats all of it", () =>
  Effect.gen(function* () {
    const { kafka, seen, start } = yield* backlog(40)
    const taken: Array<number> = []
    const step = (batch: Batch) =>
      Effect.sync(() => {
        const { offset } = batch.records[0]!
        // The write of this step or of one soon after it.
        if (offset === 20 && !taken.includes(20)) kafka.failCommits = 1
        taken.push(offset)
        return late(batch)
      })
    yield* start(lateCopy(step))
    yield* settle
    yield* settle
    const { next } = kafka.commits.at(-1)!
    assert.isBelow(next!, 20)
    assert.deepStrictEqual(seen(), upTo(next!))
    yield* TestClock.adjust("10 seconds")
    yield* settle
    assert.deepStrictEqual(seen(), upTo(40))
    assert.isAbove(taken.filter((offset) => offset < 20).length, 20)
  })
)

it.effect(
  "commits what is complete at once when the partition is lost, and discards what a stop does not wait for",
  () =>
    Effect.gen(function* () {
      const stopped = (isPatient: boolean) =>
        Effect.gen(function* () {
          const { kafka, seen, start } = yield* backlog(200, kilobyte, { drainTimeout: Duration.millis(100) })
          let isSlow = false
          const step = (batch: Batch) =>
            Effect.delay(Effect.succeed(late(batch)), isSlow ? Duration.minutes(1) : Duration.millis(10))
          const fiber = yield* start(lateCopy(step))
          yield* settle
          yield* TestClock.adjust("200 millis")
          yield* settle
          assert.deepStrictEqual(seen(), [0])
          assert.isAbove(kafka.writes, 2)
          isSlow = !isPatient
          yield* TestClock.adjust("10 millis")
          yield* settle
          const stopping = yield* Effect.forkChild(Fiber.interrupt(fiber))
          yield* settle
          yield* TestClock.adjust("20 millis")
          yield* settle
          const soon = seen().length
          yield* TestClock.adjust("100 millis")
          yield* Fiber.join(stopping)
          return { soon, kafka, seen: seen() }
        })
      const patient = yield* stopped(true)
      assert.isAbove(patient.soon, 10)
      assert.deepStrictEqual(patient.seen, upTo(patient.kafka.commits.at(-1)!.next!))
      const hurried = yield* stopped(false)
      assert.deepStrictEqual(hurried.seen, [0])
      assert.strictEqual(hurried.kafka.aborts, 1)
    })
)

it.effect("commits what a tick writes with what is open", () =>
  Effect.gen(function* () {
    const { kafka, start } = yield* backlog(200)
    kafka.log.create("ticks", 1)
    const step = slow(late, 10)
    const ticked = Effect.succeed({ outputs: [{ topic: "ticks", key: null, value: null }] })
    const open = () => Effect.succeed({ step, tick: { every: Duration.millis(700), step: ticked } })
    const fiber = yield* start(lateCopy(undefined, { open }))
    yield* settle
    for (let centis = 0; centis < 110; centis++) {
      yield* TestClock.adjust("10 millis")
      yield* settle
    }
    const ticks = kafka.log.records({ topic: "ticks", partition: 0 })
    assert.lengthOf(ticks, 1)
    const out = kafka.log.records({ topic: "out", partition: 0 })
    const together = out.filter(({ timestamp }) => timestamp === ticks[0]!.timestamp)
    assert.isAbove(together.length, 20)
    assert.strictEqual(kafka.commits.at(-1)?.next, out.length)
    const stopping = yield* Effect.forkChild(Fiber.interrupt(fiber))
    yield* settle
    yield* TestClock.adjust("1 minute")
    yield* Fiber.join(stopping)
  })
)
