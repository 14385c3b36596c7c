/** How old an event may be at a platform. */

import limits from "../../../schemas/catalog/future-limits.json" with { type: "json" }
import type { NormalizedEvent } from "../../../schemas/types.gen.ts"
import type { Connection } from "../../connections/connection.ts"
import type { MappingContext, MapResult } from "../connector.ts"
import { ageLimitMillis } from "./catalog.ts"
import { type Dropped, rejected } from "./result.ts"

/** Null where the platform has no age limit, else the last moment it takes the event, in milliseconds since the epoch. */
export const deadlineOf = (eventTime: number, source: string, context: MappingContext): number | null => {
  const { kind, mapping } = context.connection
  const own = mapping.maxAgeDays
  if (own === null) return null
  const limit = own === undefined ? ageLimitMillis(kind, source) : own * 86_400_000
  return limit === null ? null : eventTime + limit
}

/** The rejection of an event past its deadline; null while there is time, or where `now` isn't checked. */
export const tooOld = (deadline: number | null, context: MappingContext, rule: string): MapResult | null =>
  deadline !== null && context.now !== null && context.now > deadline ? rejected("event_too_old", rule) : null

/** Whole seconds since the epoch. */
export const seconds = (millis: number): number => Math.floor(millis / 1000)

/** Events whose time lies ahead of the clock, as a producer's clock or time zone makes them: no platform takes them. */

/**
 * How far ahead of the clock an event may go out, in milliseconds: the connection's `future_tolerance`, else what the
 * platform takes. Null where no time goes out (WhatsApp).
 */
export const futureToleranceMillis = ({ kind, mapping }: Pick<Connection, "kind" | "mapping">): number | null => {
  const seconds = limits[kind]
  return seconds === null ? null : (mapping.futureToleranceMillis ?? seconds * 1_000)
}

/** When an event may go out, in milliseconds since the epoch; in the past for nearly all. */
export const dueAt = (
  event: { readonly event_time: number; readonly not_before: number | null },
  toleranceMillis: number | null
): number => Math.max(event.not_before ?? 0, toleranceMillis === null ? 0 : event.event_time - toleranceMillis)

export interface Timed {
  readonly event: NormalizedEvent
  /** When it may go out, where that is after its arrival. */
  readonly notBefore: number | null
  /** What the trace says of it. */
  readonly note: Dropped | null
}

/**
 * The event with the time that it goes out with. One that was ahead of its own arrival waits until it is due, or has the time
 * of its arrival, as the connection says. The arrival is the timestamp of the raw record, so that a replay gives the same.
 */
export const timed = (event: NormalizedEvent, connection: Connection): Timed => {
  const tolerance = futureToleranceMillis(connection)
  const arrival = event.source.timestamp
  if (tolerance === null || arrival <= 0 || event.event_time <= arrival + Math.max(tolerance, clocksApartMillis)) {
    return { event, notBefore: null, note: null }
  }
  return connection.mapping.futureEvents === "arrival_time"
    ? { event: { ...event, event_time: arrival }, notBefore: null, note: arrivalTime }
    : { event, notBefore: event.event_time - tolerance, note: held }
}

/** Two machines are so far apart with good clocks; what of it is left when the event is sent, the delivery waits for. */
const clocksApartMillis = 1_000

const arrivalTime: Dropped = { field: "event_time", reason: "arrival_time" }
const held: Dropped = { field: "event_time", reason: "held_until_due" }
