/** The engine's figures for one connection: the specification's, with what `resilience` of its file says. */
import * as Duration from "effect/Duration"
import type { Connection } from "../../../shared/connections/connection.ts"
import type { Connector } from "../../../shared/connectors/connector.ts"
import type { HttpTransportOptions } from "../../../shared/connectors/http/http-client.ts"
import { type DeliverySettings, deliveryDefaults } from "./settings.ts"

export const settingsOf = ({ resilience }: Pick<Connection, "resilience">): DeliverySettings => {
  if (resilience === undefined) return deliveryDefaults
  const { circuitBreaker, retry, delayedRetry, pause, catchUp, rateLimiter, batchOptimizer, deduplication, later } =
    resilience
  const own = deliveryDefaults
  return {
    ...own,
    breaker: {
      failures: circuitBreaker.failures ?? own.breaker.failures,
      recovery: circuitBreaker.recovery ?? own.breaker.recovery,
      halfOpenCalls: circuitBreaker.halfOpenCalls ?? own.breaker.halfOpenCalls
    },
    probeEvents: circuitBreaker.probeEvents ?? own.probeEvents,
    retry: {
      delays: retry.delays ?? own.retry.delays,
      jitter: partOf(retry.jitterPercent) ?? own.retry.jitter,
      retryAfterMax: retry.retryAfterMax ?? own.retry.retryAfterMax
    },
    delayedRetries: delayedRetry.delays ?? own.delayedRetries,
    delayedRoundsMax: delayedRetry.roundsMax ?? own.delayedRoundsMax,
    delayedUnknownRoundsMax: delayedRetry.unknownRoundsMax ?? own.delayedUnknownRoundsMax,
    recoveryFirst: pause.firstProbe ?? own.recoveryFirst,
    recoveryMax: pause.probeMax ?? own.recoveryMax,
    catchUpFrom: partOf(catchUp.fromPercent) ?? own.catchUpFrom,
    catchUpOver: catchUp.over ?? own.catchUpOver,
    requestsWhereUndocumented: {
      tokens: rateLimiter.tokens ?? own.requestsWhereUndocumented.tokens,
      perSecond: rateLimiter.perSecond ?? own.requestsWhereUndocumented.perSecond
    },
    usage: {
      ...own.usage,
      usageSlowsFrom: rateLimiter.usageSlowsFromPercent ?? own.usage.usageSlowsFrom,
      usageHolds: rateLimiter.usageHolds ?? own.usage.usageHolds
    },
    optimizer: {
      ...own.optimizer,
      sizeMin: batchOptimizer.sizeMin ?? own.optimizer.sizeMin,
      samples: batchOptimizer.samples ?? own.optimizer.samples,
      margin: partOf(batchOptimizer.marginPercent) ?? own.optimizer.margin
    },
    pollFirst: later.firstQuestion ?? own.pollFirst,
    pollMax: later.questionMax ?? own.pollMax,
    asyncOutcomeLife: later.life ?? own.asyncOutcomeLife,
    deduplicationWindow: deduplication.window ?? own.deduplicationWindow,
    deduplicationEntriesMax: deduplication.entriesMax ?? own.deduplicationEntriesMax
  }
}

/**
 * What a connection says of its pool; the rest is the transport's default. A host may close a connection that was idle just when
 * a request is written to it: where a repeated request is not idempotent, only connections that were used moments ago are used again.
 */
export const poolOptionsOf = (
  { resilience }: Pick<Connection, "resilience">,
  { idempotent }: Pick<Connector, "idempotent">
): Partial<HttpTransportOptions> => {
  const usual = idempotent ? {} : { idleMillis: unrepeatableIdleMillis }
  if (resilience === undefined) return usual
  const { connections, timeout, connectTimeout, idle } = resilience.pool
  return {
    ...usual,
    ...(connections === null ? {} : { connections }),
    ...(timeout === null ? {} : { timeoutMillis: Duration.toMillis(timeout) }),
    ...(connectTimeout === null ? {} : { connectTimeoutMillis: Duration.toMillis(connectTimeout) }),
    ...(idle === null ? {} : { idleMillis: Duration.toMillis(idle) })
  }
}

/** Below any idle time that a server is known to allow (Node's: 5 s). */
const unrepeatableIdleMillis = 2_000

const partOf = (percent: number | null): number | null => (percent === null ? null : percent / 100)
