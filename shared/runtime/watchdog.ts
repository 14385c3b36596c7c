/**
 * Notices partitions that don't move: records wait and nothing is committed, or a partition doesn't get open. An open
 * circuit and a paused connection are such a case too: known ones, and worth the same look.
 */
import * as Duration from "effect/Duration"
import type { Observe } from "./observer.ts"

export interface StuckPartition {
  readonly processor: string
  readonly topic: string
  readonly partition: number
  /** `opening`: its state isn't restored yet. `working`: it is open, and nothing was committed. */
  readonly doing: "opening" | "working"
  /** When it last moved, in milliseconds since the epoch. */
  readonly since: number
  /** Records behind the end, as last told. */
  readonly lag: number
}

export interface Watchdog {
  readonly observe: Observe
  /** The assigned partitions that didn't move for as long as the watchdog was made for. */
  readonly stuck: () => ReadonlyArray<StuckPartition>
}

/** `now` in milliseconds since the epoch. */
export const makeWatchdog = (after: Duration.Duration, now: () => number): Watchdog => {
  const partitions = new Map<string, StuckPartition>()
  const set = (at: Pick<StuckPartition, "processor" | "topic" | "partition">, change: Partial<StuckPartition>) => {
    const name = nameOf(at)
    const known = partitions.get(name)
    if (known !== undefined) partitions.set(name, { ...known, ...change })
  }
  const assign = (processor: string, assigned: ReadonlyArray<Pick<StuckPartition, "topic" | "partition">>) => {
    const kept = new Set(assigned.map((at) => nameOf({ processor, ...at })))
    for (const [name, known] of partitions) {
      if (known.processor === processor && !kept.has(name)) partitions.delete(name)
    }
    for (const { topic, partition } of assigned) {
      const fresh = { processor, topic, partition, doing: "opening", since: now(), lag: 0 } as const
      const name = nameOf(fresh)
      if (!partitions.has(name)) partitions.set(name, fresh)
    }
  }
  return {
    observe: (event) => {
      switch (event.type) {
        case "assigned":
          return assign(event.processor, event.partitions)
        case "left":
          return assign(event.processor, [])
        case "opened":
          return set(event, { doing: "working", since: now(), lag: 0 })
        case "committed":
          return set(event, { since: now() })
        case "reopening":
          return set(event, { doing: "opening" })
        case "progress": {
          // What waits now is late only from now on, if nothing waited before.
          const idle = (partitions.get(nameOf(event))?.lag ?? 0) === 0
          return set(event, { lag: event.lag, ...(idle ? { since: now() } : {}) })
        }
      }
    },
    stuck: () => {
      const oldest = now() - Duration.toMillis(after)
      return [...partitions.values()].filter(
        ({ doing, lag, since }) => (doing === "opening" || lag > 0) && since <= oldest
      )
    }
  }
}

const nameOf = ({ processor, topic, partition }: Pick<StuckPartition, "processor" | "topic" | "partition">) =>
  `${processor} ${topic}/${partition}`
