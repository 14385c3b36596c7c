/** Which events were sent within a window, at 28 to 40 bytes an event outside of the heap: a day of messages are millions. */
import * as Duration from "effect/Duration"
import { Deduplicator, entryOf } from "../../../shared/dedup/deduplicator.ts"

export class SentIdCache {
  readonly #ids: Deduplicator
  /** Remembered as sent, and then found not to be: few, since only what a person sends again can come to that. */
  readonly #revoked = new Set<string>()

  /** Remembers for at most the window, in whole seconds; beyond `entriesMax` the oldest go first. */
  constructor(window: Duration.Duration, entriesMax: number) {
    const whole = Duration.millis(Math.max(0, Duration.toMillis(window) - 1_000))
    this.#ids = new Deduplicator({ window: whole, idsMax: entriesMax })
  }

  /** @param at milliseconds since the epoch */
  remember(eventId: string, at: number): void {
    this.#revoked.delete(eventId)
    this.#ids.remember(entryAt(eventId, at))
  }

  /** What the ids take. */
  get bytes(): number {
    return this.#ids.statistics.bytes
  }

  revoke(eventId: string, now: number): void {
    if (this.has(eventId, now)) this.#revoked.add(eventId)
  }

  has(eventId: string, now: number): boolean {
    return this.#ids.lookup(entryAt(eventId, now)) !== "absent" && !this.#revoked.has(eventId)
  }
}

/** Position and content stand for nothing here: an id is known or not. */
const entryAt = (eventId: string, at: number) =>
  entryOf({ eventId, partition: 0, offset: 0, timestamp: 0, content: 0 }, at)
