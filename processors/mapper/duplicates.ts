/**
 * The mapper's memory of event ids in one partition of normalized-events. An id that comes again from another raw record is
 * a repeat and goes no further; one that comes again from the same raw record is a replay and goes on
 * (docs/decisions/0005-duplicates-are-told-by-position.md).
 */
import type { NormalizedEvent } from "../../schemas/types.gen.ts"
import {
  Deduplicator,
  type DeduplicatorOptions,
  type DeduplicatorStatistics,
  entryOf,
  type Occurrence,
  packEntries
} from "../../shared/dedup/deduplicator.ts"
import type { Entry, Lookup } from "../../shared/dedup/id-table.ts"
import type { Outbound } from "../../shared/stream/contract.ts"
import { contentOf } from "./content.ts"

/** The changelog of the ids: the mapper alone writes it, and restores from it. */
export const duplicatesTopic = "mapper-dedup"

/** `event`: an id counts for all connections together. `connection`: each connection has ids of its own. */
export const duplicateScopes = ["event", "connection"] as const

export interface DuplicateOptions extends DeduplicatorOptions {
  readonly scope: (typeof duplicateScopes)[number]
}

/** The reason of a repeat's results; in a conflict its content is not that of the first occurrence. */
export type Repeat = "duplicate" | "duplicate_conflict"

export class Duplicates {
  private readonly ids: Deduplicator
  private readonly scope: DuplicateOptions["scope"]
  private fresh: Array<Entry> = []
  private occurrence: Occurrence = { eventId: "", partition: 0, offset: 0, content: 0 }
  private entry: Entry = entryOf(this.occurrence, 0)
  private isKnown = false
  private now = 0

  constructor(options: DuplicateOptions) {
    this.ids = new Deduplicator(options)
    this.scope = options.scope
  }

  /** Turns to the next event, encoded as `value`; tells a repeat where ids count for all connections. */
  next(event: NormalizedEvent, value: Buffer, now: number): Repeat | null {
    const { partition, offset } = event.source
    this.occurrence = { eventId: event.event_id, partition, offset, content: contentOf(value) }
    this.now = now
    if (this.scope === "connection") return null
    this.entry = entryOf(this.occurrence, now)
    const found = this.ids.lookup(this.entry)
    this.isKnown = found !== "absent"
    return repeatOf(found)
  }

  /**
   * The event was mapped for the connection, so from now on its id is known; tells a repeat where ids count for each
   * connection. What no connection took is not remembered: sent again with what was missing, it is no repeat.
   */
  mapped(connectionId: string): Repeat | null {
    if (this.scope === "event") {
      if (!this.isKnown) this.remember(this.entry)
      this.isKnown = true
      return null
    }
    const eventId = `${this.occurrence.eventId}\n${connectionId}`
    const entry = entryOf({ ...this.occurrence, eventId }, this.now)
    const found = this.ids.lookup(entry)
    if (found === "absent") this.remember(entry)
    return repeatOf(found)
  }

  /** What was remembered since the last call, as a record of the changelog for this partition; none if nothing was. */
  changes(partition: number): ReadonlyArray<Outbound> {
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

  private remember(entry: Entry): void {
    this.ids.remember(entry)
    this.fresh.push(entry)
  }
}

const repeatOf = (found: Lookup): Repeat | null => {
  if (found === "duplicate") return "duplicate"
  return found === "conflict" ? "duplicate_conflict" : null
}
