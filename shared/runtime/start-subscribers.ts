/** The start of the processors of a shared partition. */
import * as Effect from "effect/Effect"
import type { CommittedOffset, GroupOffsets } from "./group-offsets.ts"
import type { BegunRecords } from "./isolation.ts"
import { type RestoreContext, restoreAll } from "./restore-state.ts"
import type { Subscriber } from "./subscriber.ts"

/** Where the partition is read from: all by the processor's name, but for the groups, and the first of them. */
interface Start {
  readonly positions: ReadonlyMap<string, number>
  readonly begun: ReadonlyMap<string, BegunRecords>
  readonly groups: ReadonlyMap<string, CommittedOffset>
  readonly position: number
}

/** Opens their tasks, restores their state, and starts them. */
export const startSubscribers = <E, R>(
  all: ReadonlyArray<Subscriber<E, R>>,
  { positions, begun, groups, position }: Start,
  input: Omit<RestoreContext, "position">,
  groupOffsets: GroupOffsets
) =>
  Effect.gen(function* () {
    const opened = yield* Effect.forEach(
      all,
      (one) => Effect.map(one.open(positions.get(one.processor.name)!), (task) => ({ one, task })),
      { concurrency: 8 }
    )
    yield* restoreAll(
      opened.map(({ one, task }) => ({ position: positions.get(one.processor.name)!, task })),
      input
    )
    for (const { one, task } of opened) {
      const own = positions.get(one.processor.name)!
      yield* one.start(task, own, position, begun.get(one.processor.name))
      // What was set by hand counts as heeded once it is stored. What only lags, as after a crash, follows at once.
      if (one.groupOffset !== null) one.storePosition()
      else if (groups.get(one.groupId)?.offset !== own)
        groupOffsets.moved(one.groupId, input.at, own, one.onGroupCommitted)
    }
  })
