/**
 * Lets a group member send its heartbeats whatever the wall clock does. kafkajs compares the time of the last one with the
 * wall clock's, so that a member whose clock is set back by an hour sends none for an hour: the group gives its partitions
 * away, while it fetches on and takes them back from their new owner again and again.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import { repairClass } from "./patch-prototype.ts"

/** Changes the class of kafkajs's group members. */
export const repairHeartbeats = (): void => repairClass("consumer/consumerGroup", beatBySteadyClock)

const beatBySteadyClock = (prototype: object): void => {
  /** By the clock that only goes forward. */
  const last = new WeakMap<object, number>()
  Object.defineProperty(prototype, "lastRequest", {
    set(this: object) {
      last.set(this, performance.now())
    },
    get(this: object): number {
      const elapsedMillis = performance.now() - (last.get(this) ?? 0)
      return Effect.runSync(Clock.currentTimeMillis) - elapsedMillis
    }
  })
}
