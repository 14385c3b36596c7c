/**
 * What this process knows of requests whose outcome is not committed yet, where a repeated request is not idempotent. When a commit
 * fails and the partition is opened again, the events come again: their responses are taken from here, while the log alone
 * would leave them in doubt.
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import type { Decision } from "./outcome.ts"

/** `not_sent`: no request that carried the event can have arrived, so it may be sent. */
export type Known = Decision | "not_sent"

interface Entry {
  /** The timestamp of the send intent, which distinguishes this process's intent from a later one of another process. */
  readonly declaredAt: number
  /** `in_doubt`: its request ended without a response that could be read. */
  known: Known | "in_doubt"
  /** Done when its request is over; null where none is under way. */
  underWay: Deferred.Deferred<void> | null
}

export class UncommittedResponses {
  /** Null before the first intent. */
  #entries: Map<string, Entry> | null = null
  readonly #entriesMax: number

  constructor(entriesMax = 50_000) {
    this.#entriesMax = entriesMax
  }

  get size(): number {
    return this.#entries?.size ?? 0
  }

  /** An intent is about to be written. @param declaredAt milliseconds since the epoch, as in the intent */
  declare(key: string, declaredAt: number): void {
    this.#entries ??= new Map()
    const entries = this.#entries
    entries.delete(key)
    entries.set(key, { declaredAt, known: "not_sent", underWay: null })
    for (const [oldest, { underWay }] of entries) {
      if (entries.size <= this.#entriesMax) break
      if (underWay === null) entries.delete(oldest)
    }
  }

  /** A request is about to be sent. */
  begin(key: string): void {
    const entry = this.#entries?.get(key)
    if (entry === undefined) return
    entry.known = "in_doubt"
    entry.underWay = Deferred.makeUnsafe<void>()
  }

  /** The request is over; null where nothing is known of its response. */
  end(key: string, known: Known | null): void {
    const entry = this.#entries?.get(key)
    if (entry === undefined) return
    if (known !== null) entry.known = known
    if (entry.underWay !== null) Deferred.doneUnsafe(entry.underWay, Effect.void)
    entry.underWay = null
  }

  /** What is known of the event that the intent of this time was for; null where it is in doubt. */
  recall(key: string, declaredAt: number): Known | null {
    const entry = this.#entries?.get(key)
    return entry === undefined || entry.declaredAt !== declaredAt || entry.known === "in_doubt" ? null : entry.known
  }

  /** Waits until no request for these is under way; each is bounded by its timeout. */
  settled(keys: ReadonlyArray<string>): Effect.Effect<void> {
    return Effect.suspend(() => {
      const underWay = keys.flatMap((key) => this.#entries?.get(key)?.underWay ?? [])
      return underWay.length === 0
        ? Effect.void
        : Effect.forEach(underWay, (deferred) => Deferred.await(deferred), { discard: true })
    })
  }

  /** The outcome is committed: it is in the log from now on. */
  forget(key: string): void {
    this.#entries?.delete(key)
  }
}
