/** When a platform takes an event: how old it may be, and how far ahead of the clock. */
import type { NormalizedEvent } from "../../../schemas/types.gen.ts"
import type { Connection } from "../../connections/connection.ts"
import type { CompiledConnection, Connector } from "../connector.ts"
import type { Dropped } from "./result.ts"

/**
 * The last time at which the platform takes an event of this source, in milliseconds since the epoch; null where it has no age
 * limit. The connection's `max_age_days` comes before the platform's limit.
 */
export const deadlineOf = (eventTime: number, source: string, compiled: CompiledConnection): number | null => {
  const { maxAgeDays } = compiled.connection.mapping
  if (maxAgeDays === null) return null
  if (maxAgeDays !== undefined) return eventTime + maxAgeDays * 86_400_000
  const { ageLimitMillis } = compiled.connector.catalog
  const limit = ageLimitMillis[source] ?? ageLimitMillis["default"]
  return limit === undefined ? null : eventTime + limit
}

/** Whole seconds since the epoch. */
export const seconds = (millis: number): number => Math.floor(millis / 1000)

/**
 * How far ahead of the clock an event may go out, in milliseconds: the connection's `future_tolerance`, else what the
 * platform takes. Null where no time goes out.
 */
export const futureToleranceMillis = (
  { mapping }: Pick<Connection, "mapping">,
  { catalog }: Pick<Connector, "catalog">
): number | null =>
  catalog.futureLimitMillis === null ? null : (mapping.futureToleranceMillis ?? catalog.futureLimitMillis)

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
 * The event with the time that it goes out with. One that was ahead of its arrival waits until it is due, or has the time
 * of its arrival, as the connection says. The arrival is the timestamp of the raw record, so that a replay gives the same.
 */
export const timed = (event: NormalizedEvent, connection: Connection, connector: Pick<Connector, "catalog">): Timed => {
  const tolerance = futureToleranceMillis(connection, connector)
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
