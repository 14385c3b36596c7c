/** What a commit may cover: only what was processed, whatever the two fibers of a partition do between. */
import { assert, it } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as TestClock from "effect/testing/TestClock"
import { copy, copyOf, runtimeHarness, settle } from "../testing/runtime-harness.ts"
import type { Batch } from "./contract.ts"
import { defaultRuntimeOptions } from "./contract.ts"
import { Intake } from "./intake.ts"
import { runPipeline } from "./pipeline.ts"
import { PartitionRequests } from "./requests.ts"
import { AdaptiveBatchLimits } from "./steps.ts"

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
    const commits: Array<readonly [next: number | null, records: number]> = []
    const intake = new Intake({
      position: 0,
      topic: "in",
      limits: oneRecord,
      accept: undefined,
      bytesInFlightMax: 100_000,
      clock: yield* Clock.Clock,
      pause: () => undefined,
      resume: () => undefined,
      onReceived: () => undefined
    })
    // Effect lets other fibers run between any two operations; here it always does so after a batch was taken.
    const heldUp = Effect.tap(intake.take, () => Effect.repeat(Effect.yieldNow, { times: 10 }))
    const pipeline = runPipeline({
      processor: copy({ batch: oneRecord, concurrency: 2 }),
      task: { step: (batch: Batch) => Effect.succeed(copyOf(batch)) },
      producer: {
        commit: ({ records, offsets }) =>
          Effect.sync(() => void commits.push([offsets[0]?.next ?? null, records.length]))
      },
      intake: Object.assign(intake, { take: heldUp }),
      requests: new PartitionRequests(),
      groupId: "copy",
      at: { topic: "in", partition: 0 },
      topic: "in",
      runtime: defaultRuntimeOptions,
      limits: new AdaptiveBatchLimits(oneRecord, defaultRuntimeOptions.commitBytesMax),
      onBatch: () => undefined,
      onCommitted: () => undefined
    })
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
