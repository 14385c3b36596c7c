/** Reads `resilience` of a connection: every figure of the resilience layer, each with the range that makes sense. */
import * as Duration from "effect/Duration"
import type { ResilienceOptions } from "./resilience-options.ts"
import type { Section } from "./section.ts"

export const readResilience = (section: Section): ResilienceOptions => {
  const options: ResilienceOptions = {
    circuitBreaker: group(section, "circuit_breaker", (own) => ({
      failures: own.integer("failures", 1, 1_000),
      recovery: own.duration("recovery"),
      halfOpenCalls: own.integer("half_open_calls", 1, 100),
      probeEvents: own.integer("probe_events", 1, 10_000)
    })),
    retry: group(section, "retry", (own) => ({
      delays: own.durations("delays"),
      jitterPercent: own.integer("jitter_percent", 0, 100),
      retryAfterMax: own.duration("retry_after_max")
    })),
    delayedRetry: group(section, "delayed_retry", (own) => ({
      delays: own.durations("delays"),
      roundsMax: own.integer("rounds_max", 1, 10_000),
      unknownRoundsMax: own.integer("unknown_rounds_max", 1, 10_000)
    })),
    pause: group(section, "pause", (own) => ({
      firstProbe: own.duration("first_probe"),
      probeMax: own.duration("probe_max")
    })),
    catchUp: group(section, "catch_up", (own) => ({
      fromPercent: own.integer("from_percent", 1, 100),
      over: own.duration("over")
    })),
    rateLimiter: group(section, "rate_limiter", (own) => ({
      tokens: own.integer("tokens", 1, 1_000_000),
      perSecond: own.integer("per_second", 1, 1_000_000),
      usageSlowsFromPercent: own.integer("usage_slows_from_percent", 1, 99),
      usageHolds: own.duration("usage_holds")
    })),
    pool: group(section, "pool", (own) => ({
      connections: own.integer("connections", 1, 1_000),
      timeout: own.duration("timeout"),
      connectTimeout: own.duration("connect_timeout"),
      idle: own.duration("idle")
    })),
    batchOptimizer: group(section, "batch_optimizer", (own) => ({
      sizeMin: own.integer("size_min", 1, 10_000),
      samples: own.integer("samples", 1, 1_000),
      marginPercent: own.integer("margin_percent", 0, 100)
    })),
    later: group(section, "later", (own) => ({
      firstQuestion: own.duration("first_question"),
      questionMax: own.duration("question_max"),
      life: own.duration("life")
    })),
    deduplication: group(section, "deduplication", (own) => ({
      window: own.duration("window"),
      entriesMax: own.integer("entries_max", 1, 100_000_000)
    }))
  }
  section.finish()
  warnOfOrder(section, options)
  return options
}

const group = <A>(section: Section, key: string, read: (own: Section) => A): A => {
  const own = section.section(key)
  const options = read(own)
  own.finish()
  return options
}

/** A maximum below its beginning is a slip of the pen: it would take the place of both. */
const warnOfOrder = (section: Section, { pause }: ResilienceOptions): void => {
  if (pause.firstProbe === null || pause.probeMax === null) return
  if (Duration.toMillis(pause.probeMax) < Duration.toMillis(pause.firstProbe))
    section.section("pause").reader.warn(section.find("pause")!, "probe_max is below first_probe.", "a longer time")
}
