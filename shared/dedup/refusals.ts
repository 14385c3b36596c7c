/**
 * Refusals: which (event, connection) pairs a platform, or a delivery, refused for good. A delivery writes them to the topic
 * `delivery-refusals` in the transaction of its results; the mapper reads them when an event id comes again, so that a
 * repaired event reaches the connections that refused it (docs/decisions/0016-a-corrected-event-reaches-connections-that-refused-it.md).
 */

import type * as Duration from "effect/Duration"
import { consentUnknownInEurope } from "../connectors/mapping/consent.ts"
import { topicNames } from "../model/topics.ts"
import type { Outbound } from "../runtime/contract.ts"
import { suppressionReasons } from "../suppression/suppressions.ts"
import { type Deduplicator, entryAt, packEntries } from "./deduplicator.ts"
import { type Entry, isAtPlace, type Place } from "./id-table.ts"

/** Written by deliveries and by redrives, keyed by event id; the value is one packed entry of 28 bytes. */
export const refusalsTopic = topicNames.refusals

/** What a connection did with an occurrence of an event. */
export type RefusalState = "refused" | "taken"

/** Reasons of skipped events that are the event's own: one that is published again with the consent that it lacked is no repeat. */
export const refusingSkips: ReadonlySet<string> = new Set([
  "consent",
  consentUnknownInEurope,
  suppressionReasons.withdrawn
])

/** An occurrence of an event, by its raw record, at one connection. */
export interface AtConnection {
  readonly eventId: string
  readonly connectionId: string
  /** As `placeOf` gives it. */
  readonly source: Place
}

/** The entry for a table of ids: its id is that of the event and the connection, its content is the state. */
export const refusalEntry = (
  { eventId, connectionId, source }: AtConnection,
  state: RefusalState,
  now: number
): Entry => entryAt(`${eventId}\n${connectionId}`, source, contentOf[state], now)

/** The state in a found entry. */
export const refusalStateOf = ({ content }: Pick<Entry, "content">): RefusalState =>
  content === contentOf.refused ? "refused" : "taken"

/** The record that makes a refusal known, or revokes it because the event was sent to the connection again. */
export const refusalRecord = (at: AtConnection, state: RefusalState, now: number): Outbound => ({
  topic: refusalsTopic,
  key: at.eventId,
  value: packEntries([refusalEntry(at, state, now)])
})

/** Whether the connection refused the occurrence of the event of this raw record. */
export const isRefused = (refusals: Deduplicator, at: AtConnection, now: number): boolean => {
  const found = refusals.find(refusalEntry(at, "refused", now))
  return found !== null && refusalStateOf(found) === "refused" && isAtPlace(found, at.source)
}

/** How long refusals are kept, as the ids of events are; `idsMax` bounds those of one partition of the mapper's input. */
export const refusalOptions = (window: Duration.Duration) => ({ window, idsMax: 500_000 })

const contentOf: Readonly<Record<RefusalState, number>> = { refused: 0, taken: 1 }
