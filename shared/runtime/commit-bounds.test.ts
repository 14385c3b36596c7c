/** What a commit may cover: only what was processed, whatever the two fibers of a partition do between. */
import { assert, it } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as TestClock from "effect/testing/TestClock"
import type { OpenTransaction, TransactionalProducer } from "../kafka/client.ts"
import { copy, copyOf, runtimeHarness, settle } from "../testing/runtime-harness.ts"
import { AdaptiveBatchLimits } from "./adaptive-limits.ts"
import type { Batch, Step } from "./contract.ts"
import { defaultRuntimeOptions } from "./contract.ts"
import { Intake } from "./intake.ts"
import { runPipeline } from "./pipeline.ts"
import { PartitionRequests } from "./requests.ts"

/** Stops a processor that has steps in flight, which takes virtual time. */
const stop = (fiber: Fiber.Fiber<unknown, unknown>) =>
  Effect.gen(function* () {
    const stopping = yield* Effect.forkChild(Fiber.interrupt(fiber))
    yield* settle
    yield* TestClock.adjust("1 minute")
    yield* Fiber.join(stopping)
  })

it.effect("commits nothing that came while a tick was at work", () =>
  Effect.gen(function* () {
    const { kafka, write, out, start } = runtimeHarness()
    const open = () =>
      Effect.succeed({
        step: (batch: Batch) => Effect.delay(Effect.succeed(copyOf(batch)), "10 seconds"),
        tick: { every: Duration.seconds(1), step: Effect.delay(Effect.succeed({ outputs: [] }), "3 seconds") }
      })
    const fiber = yield* start(copy({ open, accept: (record) => record.value?.toString() !== "no" }))
    yield* settle
    // While the first tick is at work, so that the next one and an idle commit are due at once.
    yield* TestClock.adjust("2 seconds")
    yield* write(["no"])
    yield* TestClock.adjust("3 seconds")
    yield* settle
    yield* write(["a"])
    yield* TestClock.adjust("3 seconds")
    yield* settle
    assert.deepStrictEqual(out(), [])
    kafka.crash("copy")
    yield* TestClock.adjust("1 minute")
    yield* settle
    assert.deepStrictEqual(out(), ["a"])
    yield* stop(fiber)
  })
)

it.effect("commits no batch that was taken and is not worked on yet", () =>
  Effect.gen(function* () {
    const commits: Array<Commit> = []
    const intake = yield* intakeOf(100_000)
    // Effect lets other fibers run between any two operations; here it always does so after a batch was taken.
    const heldUp = Effect.tap(intake.take, () => Effect.repeat(Effect.yieldNow, { times: 10 }))
    const step = (batch: Batch) => Effect.succeed(copyOf(batch))
    const pipeline = pipelineOf(Object.defineProperty(intake, "take", { value: heldUp }), 2, step, commits)
    const fiber = yield* Effect.forkChild(pipeline)
    const fetched = ["a", "b", "c"].map((text, offset) => recordAt("in", offset, text))
    intake.push(fetched, 3, 3)
    yield* settle
    yield* Fiber.interrupt(fiber)
    assert.deepStrictEqual(commits, [
      [1, 1],
      [2, 1],
      [3, 1]
    ])
  })
)

it.effect("gathers the outputs of events that are late, for half a second or until nothing more can come", () =>
  Effect.gen(function* () {
    yield* TestClock.setTime(60_000)
    const commits: Array<Commit> = []
    const intake = yield* intakeOf(3_000)
    const late = (batch: Batch) => Effect.succeed({ ...copyOf(batch), writtenAt: 50_000 })
    const fiber = yield* Effect.forkChild(pipelineOf(intake, 1, late, commits))
    let offset = 0
    const push = (text: string, behind = 1) => {
      intake.push([recordAt("in", offset++, text)], offset, offset + behind)
      return settle
    }
    yield* push("a")
    assert.deepStrictEqual(commits, [[1, 1]])
    yield* push("b")
    yield* TestClock.adjust("400 millis")
    yield* push("c")
    assert.deepStrictEqual(commits.slice(1), [])
    yield* TestClock.adjust("100 millis")
    yield* settle
    assert.deepStrictEqual(commits.slice(1), [[3, 2]])
    // As many steps as may be complete before their outputs are written.
    for (let more = 0; more < 9; more++) yield* push("d")
    assert.deepStrictEqual(commits.slice(2), [["open", 9]])
    // As many bytes as may be in flight.
    yield* push("e".repeat(1_600))
    assert.deepStrictEqual(commits.slice(3), [])
    yield* push("f".repeat(1_600))
    assert.deepStrictEqual(commits.slice(3), [["open", 2]])
    yield* TestClock.adjust("500 millis")
    yield* settle
    assert.deepStrictEqual(commits.slice(4), [[14, 0]])
    // Nothing is behind it in the log.
    yield* push("g")
    assert.deepStrictEqual(commits.slice(5), [])
    yield* push("h", 0)
    assert.deepStrictEqual(commits.slice(5), [[16, 2]])
    yield* Fiber.interrupt(fiber)
  })
)

it.effect(
  "leaves no transaction open after something took too long, and waits for nothing where one record at a time is tried",
  () =>
    Effect.gen(function* () {
      yield* TestClock.setTime(60_000)
      const commits: Array<Commit> = []
      const intake = yield* intakeOf(3_000)
      const late = (batch: Batch) => Effect.succeed({ ...copyOf(batch), writtenAt: 50_000 })
      const limits = new AdaptiveBatchLimits({ ...oneRecord, recordsMax: 2 }, defaultRuntimeOptions.commitBytesMax)
      const fiber = yield* Effect.forkChild(pipelineOf(intake, 1, late, commits, limits))
      let offset = 0
      const push = () => {
        intake.push([recordAt("in", offset++, "a")], offset, offset + 1)
        return settle
      }
      yield* push()
      limits.halve()
      for (let more = 0; more < 9; more++) yield* push()
      assert.deepStrictEqual(commits.slice(1), [[10, 9]])
      limits.processAlone(true)
      yield* push()
      assert.deepStrictEqual(commits.slice(2), [[11, 1]])
      yield* Fiber.interrupt(fiber)
    })
)

/** Of a write that leaves the transaction open, "open" is in the place of the next offset. */
type Commit = readonly [next: number | "open" | null, records: number]

const intakeOf = (bytesInFlightMax: number) =>
  Effect.map(
    Clock.Clock,
    (clock) =>
      new Intake({
        position: 0,
        topic: "in",
        limits: oneRecord,
        accept: undefined,
        bytesInFlightMax,
        clock,
        pause: () => undefined,
        resume: () => undefined,
        onReceived: () => undefined
      })
  )

/** A partition of records that are a batch each, whose commits are noted. */
const pipelineOf = (
  intake: Intake,
  concurrency: number,
  step: (batch: Batch) => Effect.Effect<Step>,
  commits: Array<Commit>,
  limits = new AdaptiveBatchLimits(oneRecord, defaultRuntimeOptions.commitBytesMax)
) => {
  const commit: TransactionalProducer["commit"] = ({ records, offsets }) =>
    Effect.sync(() => void commits.push([offsets[0]?.next ?? null, records.length]))
  const write: OpenTransaction["write"] = (records) => Effect.sync(() => void commits.push(["open", records.length]))
  return runPipeline({
    processor: copy({ batch: oneRecord, concurrency }),
    task: { step },
    producer: { commit, begin: Effect.succeed({ write, commit, abort: Effect.void }) },
    intake,
    requests: new PartitionRequests(),
    groupId: "copy",
    at: { topic: "in", partition: 0 },
    topic: "in",
    runtime: { ...defaultRuntimeOptions, commitSoonBytes: 0 },
    limits,
    onBatch: () => undefined,
    onCommitted: () => undefined
  })
}

const oneRecord = { recordsMax: 1, bytesMax: 100_000, linger: Duration.zero }

const recordAt = (topic: string, offset: number, text: string) => ({
  topic,
  partition: 0,
  offset,
  timestamp: 0,
  key: null,
  value: Buffer.from(text),
  headers: {}
})
