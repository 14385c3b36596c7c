import { assert, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as TestClock from "effect/testing/TestClock"
import type { Inbound, Processor } from "../runtime/contract.ts"
import { batchOf, runBatches, withPartition } from "./run-batches.ts"

const upperCase: Processor = {
  name: "upper",
  topics: ["in"],
  batch: { recordsMax: 10, bytesMax: 1000, linger: Duration.zero },
  concurrency: 1,
  accept: (record) => record.headers["skip"] === undefined,
  open: () =>
    Effect.sync(() => {
      let seen = 0
      return {
        restore: [
          {
            topic: "in",
            since: Duration.hours(1),
            until: "committed" as const,
            apply: (records: ReadonlyArray<Inbound>) =>
              Effect.sync(() => {
                seen += records.length
              })
          }
        ],
        step: (batch) =>
          Effect.sync(() => ({
            outputs: batch.records.map((record) => ({
              topic: "out",
              key: null,
              value: Buffer.from(`${record.value?.toString().toUpperCase()}${++seen}`)
            }))
          })),
        tick: {
          every: Duration.seconds(1),
          step: Effect.sync(() => ({ outputs: [{ topic: "seen", key: null, value: Buffer.from(String(seen)) }] }))
        }
      }
    })
}

const textOf = (value: Buffer | null) => value?.toString()

it.effect("notes what each batch commits, in order, and skips what isn't accepted", () =>
  Effect.gen(function* () {
    yield* TestClock.adjust("2 hours")
    const journal = yield* runBatches(
      upperCase,
      [
        batchOf("in", [{ value: "a" }, { value: "b", headers: { skip: "1" } }], { firstOffset: 7 }),
        batchOf("in", [{ value: "c", headers: { skip: "1" } }], { firstOffset: 9 })
      ],
      {
        log: [
          ...batchOf("in", [{ value: "old" }], { firstOffset: 1 }).records,
          ...batchOf("in", [{ value: "recent", timestamp: 7_000_000 }], { firstOffset: 2 }).records,
          ...batchOf("in", [{ value: "not yet", timestamp: 7_000_000 }], { firstOffset: 7 }).records
        ],
        tickAtEnd: true
      }
    )
    assert.deepStrictEqual(
      journal.map(({ next, outputs }) => [next, ...outputs.map((output) => textOf(output.value))]),
      [[9, "A2"], [10], [null, "2"]]
    )
  })
)

it.effect("closes the partition's scope after use", () =>
  Effect.gen(function* () {
    let closed = false
    const processor: Processor = {
      ...upperCase,
      open: (assigned) =>
        Effect.addFinalizer(() =>
          Effect.sync(() => {
            closed = true
          })
        ).pipe(Effect.andThen(upperCase.open(assigned)))
    }
    yield* withPartition(processor, { topic: "in", partition: 0 }, () =>
      Effect.sync(() => assert.strictEqual(closed, false))
    )
    assert.strictEqual(closed, true)
  })
)
