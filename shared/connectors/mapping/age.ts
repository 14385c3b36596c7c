/** How old an event may be at a platform. */
import type { MappingContext, MapResult } from "../connector.ts"
import { ageLimitMillis } from "./catalog.ts"
import { rejected } from "./result.ts"

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
