import * as Duration from "effect/Duration"
import type { Connection } from "../../../shared/connections/connection.ts"
import type { Connector, Limits } from "../../../shared/connectors/connector.ts"
import type { RateLimiterSettings } from "../resilience/rate-limiter.ts"
import type { DeliverySettings } from "./settings.ts"

/** The limits of a connection: its profile's, with its own overrides. */
export const limitsOf = (connector: Connector, connection: Connection): Limits => {
  const profile = connector.limits[connection.limits.profile]
  const own = connection.limits
  return {
    eventsPerRequest: Math.max(1, own.eventsPerRequest ?? profile.eventsPerRequest),
    bytesPerRequest: own.bytesPerRequest ?? profile.bytesPerRequest,
    requestsPerWindow: own.requestsPerWindow ?? profile.requestsPerWindow,
    eventsPerWindow: own.eventsPerWindow ?? profile.eventsPerWindow,
    window: own.window ?? profile.window,
    concurrency: Math.max(1, own.concurrency ?? profile.concurrency)
  }
}

/** The buckets of a connection: a window's worth of burst, refilled at the window's rate. */
export const rateOf = (limits: Limits, settings: DeliverySettings): RateLimiterSettings => {
  const seconds = Duration.toSeconds(limits.window)
  const bucket = (perWindow: number) => ({ tokens: perWindow, perSecond: perWindow / seconds })
  return {
    ...settings.usage,
    requests: limits.requestsPerWindow === null ? settings.requestsWhereUndocumented : bucket(limits.requestsPerWindow),
    events: limits.eventsPerWindow === null ? null : bucket(limits.eventsPerWindow)
  }
}

/** Bytes of a request's body kept free for what surrounds the events. */
export const envelopeBytes = 8192
