/**
 * The mapper's memory of event ids in one partition of normalized-events. An id that comes again from another raw record is
 * a repeat and goes only to the connections that refused the event before; one that comes again from the same raw record is
 * a replay and goes on (docs/decisions/0005-duplicates-are-told-by-position.md).
 */
import type { NormalizedEvent } from "../../schemas/types.gen.ts"
import {
  Deduplicator,
  type DeduplicatorOptions,
  type DeduplicatorStatistics,
  entryOf,
  packEntries
} from "../../shared/dedup/deduplicator.ts"
import type { Entry } from "../../shared/dedup/id-table.ts"
import { type AtConnection, type Standing, standingEntry, standingOf } from "../../shared/dedup/refusals.ts"
import type { Outbound } from "../../shared/stream/contract.ts"
import { contentOf } from "./content.ts"

/** The changelog of the ids: the mapper alone writes it, and restores from it. */
export const duplicatesTopic = "mapper-dedup"

/** The reason of a repeat's results; in a conflict its content is not that of the first occurrence. */
export type Repeat = "duplicate" | "duplicate_conflict"

/** Whether the connection's delivery refused the occurrence at that raw position. */
export type IsRefused = (at: AtConnection) => boolean

/** An occurrence of an event, and what was known of its id when it came. */
export interface Observation {
  readonly eventId: string
  readonly entry: Entry
  /** What was known; null where nothing was. */
  readonly known: Entry | null
  readonly repeat: Repeat | null
  readonly now: number
  /** Connections that took this occurrence, and those that refused it. */
  readonly taken: Array<string>
  readonly refused: Array<string>
}

export class Duplicates {
  private readonly ids: Deduplicator
  private fresh: Array<Entry> = []

  constructor(options: DeduplicatorOptions) {
    this.ids = new Deduplicator(options)
  }

  /** The next event, encoded as `value`. Its id is remembered by `settle`, if some connection took it. */
  observe(event: NormalizedEvent, value: Buffer, now: number): Observation {
    const { partition, offset } = event.source
    const eventId = event.event_id
    const entry = entryOf({ eventId, partition, offset, content: contentOf(value) }, now)
    const found = this.ids.lookup(entry)
    const repeat = found === "duplicate" ? "duplicate" : found === "conflict" ? "duplicate_conflict" : null
    const known = found === "absent" ? null : this.ids.find(entry)
    return { eventId, entry, known, repeat, now, taken: [], refused: [] }
  }

  /**
   * Whether the event goes to the connection: always if it is no repeat; else if the connection refused, in the mapper or at
   * its platform, the occurrence that it was given last. A replay of a repaired occurrence goes where that went.
   */
  goesTo(observation: Observation, connectionId: string, isRefused: IsRefused): boolean {
    if (observation.repeat === null) return true
    const mark = this.ids.find(this.markOf(observation, connectionId, "taken"))
    if (mark !== null && (standingOf(mark) === "refused" || isSamePosition(mark, observation.entry))) return true
    const source = mark ?? observation.known ?? observation.entry
    return isRefused({ eventId: observation.eventId, connectionId, source })
  }

  /**
   * Remembers what the connections did with the event. What none took is not remembered: sent again with what was missing,
   * it is no repeat. `others` are the connections that a redriven event was not meant for: they have not taken it.
   */
  settle(observation: Observation, others: ReadonlyArray<string> = []): void {
    const { entry, known, taken, refused, repeat } = observation
    if (taken.length === 0) return
    if (known === null) {
      this.remember(entry)
      for (const id of refused) this.remember(this.markOf(observation, id, "refused"))
      for (const id of others) this.remember(this.markOf(observation, id, "refused"))
      return
    }
    for (const id of taken) {
      const mark = this.markOf(observation, id, "taken")
      const before = this.ids.find(mark)
      const isNews =
        before === null ? repeat !== null : standingOf(before) === "refused" || !isSamePosition(before, mark)
      if (isNews) this.remember(mark)
    }
  }

  /** What was remembered since the last call, as a record of the changelog for this partition; none if nothing was. */
  drain(partition: number): ReadonlyArray<Outbound> {
    if (this.fresh.length === 0) return []
    const value = packEntries(this.fresh)
    this.fresh = []
    return [{ topic: duplicatesTopic, key: null, value, partition }]
  }

  /** Takes over a record of the changelog. */
  restore(value: Buffer, now: number): void {
    this.ids.restore(value, now)
  }

  get statistics(): DeduplicatorStatistics {
    return this.ids.statistics
  }

  private markOf({ eventId, entry, now }: Observation, connectionId: string, standing: Standing): Entry {
    return standingEntry({ eventId, connectionId, source: entry }, standing, now)
  }

  private remember(entry: Entry): void {
    this.ids.remember(entry)
    this.fresh.push(entry)
  }
}

const isSamePosition = (a: Entry, b: Entry): boolean => a.partition === b.partition && a.offset === b.offset
