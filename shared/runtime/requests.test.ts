import { assert, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { settle } from "../testing/runtime-harness.ts"
import { PartitionRequests, sharedRequest, untracked } from "./requests.ts"

const noted = (promise: Promise<void>) => {
  const seen = { isOver: false }
  void promise.then(() => {
    seen.isOver = true
  })
  return seen
}

it.effect("a request that steps of several partitions share is finished for all of them", () =>
  Effect.gen(function* () {
    const partitions = [new PartitionRequests(), new PartitionRequests()]
    const steps = partitions.map((partition) => partition.step())
    const request = sharedRequest([...steps, untracked])
    yield* request.begin
    const holds = partitions.map((partition) => noted(partition.hold()))
    request.end(true)
    yield* settle
    assert.deepStrictEqual(
      holds.map(({ isOver }) => isOver),
      [false, false]
    )
    steps[0]!.settle()
    yield* settle
    assert.deepStrictEqual(
      holds.map(({ isOver }) => isOver),
      [true, false]
    )
    steps[1]!.settle()
    yield* settle
    assert.isTrue(holds[1]!.isOver)
  })
)

it.effect("a request that is waiting begins as soon as another one of its step has to be finished", () =>
  Effect.gen(function* () {
    const partition = new PartitionRequests()
    const other = new PartitionRequests()
    const step = partition.step()
    const begun = other.step()
    yield* begun.begin
    void partition.hold()
    void other.hold()
    let isWaiting = true
    yield* Effect.forkChild(
      Effect.andThen(
        step.begin,
        Effect.sync(() => (isWaiting = false))
      )
    )
    yield* settle
    assert.isTrue(isWaiting)
    yield* sharedRequest([step, begun]).begin
    yield* settle
    assert.isFalse(isWaiting)
  })
)

it.effect("a partition that stays lets its steps begin, and one that does not never does", () =>
  Effect.gen(function* () {
    const stays = new PartitionRequests()
    const moves = new PartitionRequests()
    yield* Effect.promise(() => Promise.all([stays.hold(), moves.hold()]))
    const begun: Array<string> = []
    for (const [name, partition] of Object.entries({ stays, moves }))
      yield* Effect.forkChild(
        Effect.andThen(
          partition.step().begin,
          Effect.sync(() => void begun.push(name))
        )
      )
    yield* settle
    assert.deepStrictEqual(begun, [])
    stays.release()
    yield* settle
    assert.deepStrictEqual(begun, ["stays"])
  })
)
