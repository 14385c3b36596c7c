/** Finds replays: a group whose position went back reads records again until it has come to where it was. Pure. */
import type { Replay } from "../api.ts"
import { getOrMake } from "../counts/outcome-table.ts"

const replaysMax = 100

interface Partition {
  /** The furthest position that was seen. */
  highest: number
  next: number
  /** Where the position went back to; null while it only goes on. */
  from: number | null
}

interface Watched {
  readonly partitions: Map<number, Partition>
  current: { -readonly [K in keyof Replay]: Replay[K] } | null
}

export class ReplayWatch {
  private readonly watched = new Map<string, Watched>()
  private readonly found: Array<Replay> = []

  /**
   * The next offset of each partition of a stage's topic, now; `now` in milliseconds since the epoch.
   *
   * @returns whether a replay began, went on or ended
   */
  observe(stage: string, topic: string, next: ReadonlyMap<number, number>, now: number): boolean {
    const watched = getOrMake(
      this.watched,
      `${stage} ${topic}`,
      (): Watched => ({ partitions: new Map(), current: null })
    )
    for (const [partition, position] of next) {
      const known = watched.partitions.get(partition)
      if (known === undefined) {
        watched.partitions.set(partition, { highest: position, next: position, from: null })
        continue
      }
      if (position < known.next) known.from = Math.min(known.from ?? position, position)
      known.next = position
      if (position >= known.highest) Object.assign(known, { highest: position, from: null })
    }
    const behind = [...watched.partitions.values()].filter(({ from }) => from !== null)
    const before = watched.current
    if (behind.length === 0) {
      if (before === null) return false
      before.left = 0
      before.ended_at = now
      watched.current = null
      return true
    }
    const records = behind.reduce((sum, { highest, from }) => sum + highest - from!, 0)
    const left = behind.reduce((sum, { highest, next }) => sum + highest - next, 0)
    if (before === null) {
      watched.current = { stage, topic, seen_at: now, records, left, ended_at: null }
      this.found.unshift(watched.current)
      if (this.found.length > replaysMax) this.found.pop()
      return true
    }
    const isDifferent = before.left !== left
    before.records = Math.max(before.records, records)
    before.left = left
    return isDifferent
  }

  /** The newest first. */
  list(): ReadonlyArray<Replay> {
    return this.found
  }
}
