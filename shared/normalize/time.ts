/** The moment of an event: milliseconds since the epoch, and not of the future. */
import type { NormalizerOptions } from "./options.ts"
import { type Problem, problem } from "./problem.ts"

/** Why a time cannot be used, or null. Old events pass: their age is each platform's own question. */
export const timeProblem = (time: number, options: NormalizerOptions): Problem | null => {
  if (!Number.isFinite(time) || time <= 0) {
    return problem("event_time_invalid", "The event_time is no number of milliseconds since 1970.")
  }
  // 100,000,000,000 is the year 5138 in seconds and March 1973 in milliseconds: nothing lies on both sides.
  if (time < 100_000_000_000) return problem("event_time_in_seconds", "The event_time looks like seconds.")
  if (time >= 100_000_000_000_000) {
    return problem("event_time_invalid", "The event_time looks like microseconds or nanoseconds.")
  }
  if (options.now !== null && time > options.now + options.futureToleranceMillis) {
    return problem("event_time_in_future", "The event_time lies in the future.")
  }
  return null
}
