import * as Duration from "effect/Duration"
import type { Limits } from "./connector.ts"

/**
 * Limits of a platform, the rest filled in: no rate, a window of one minute, four requests in flight, and four MiB a
 * request, which no platform documents but which holds 1,000 events of four KiB.
 */
export const limits = (given: Partial<Limits> & Pick<Limits, "eventsPerRequest">): Limits => ({
  bytesPerRequest: 4 * 1024 * 1024,
  requestsPerWindow: null,
  eventsPerWindow: null,
  window: Duration.minutes(1),
  concurrency: 4,
  ...given
})
