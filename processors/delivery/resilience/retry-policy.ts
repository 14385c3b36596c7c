/** The specification's retries: 3, after 1, 2 and 4 s, jittered; a platform's Retry-After is honoured. */
import * as Duration from "effect/Duration"

export interface RetryPolicy {
  /** Delay before each retry; their number is the number of retries. */
  readonly delays: ReadonlyArray<Duration.Duration>
  /** Each delay is multiplied by a random number between 1 - jitter and 1 + jitter. */
  readonly jitter: number
  /** A platform's Retry-After is honoured up to this. */
  readonly retryAfterMax: Duration.Duration
}

export const retryDefaults: RetryPolicy = {
  delays: [Duration.seconds(1), Duration.seconds(2), Duration.seconds(4)],
  jitter: 0.2,
  retryAfterMax: Duration.hours(1)
}

/** Whether the policy allows another try after so many failures. */
export const mayRetry = (policy: RetryPolicy, failures: number): boolean => failures <= policy.delays.length

/**
 * How long to wait after the `failures`-th failure (from 1). Beyond the last delay the last one is repeated.
 * `random` is in [0, 1). The platform's `retryAfter` is never undercut: only our delay is jittered.
 */
export const retryDelay = (
  policy: RetryPolicy,
  failures: number,
  retryAfter: Duration.Duration | null,
  random: number
): Duration.Duration => {
  const own = policy.delays[Math.min(failures, policy.delays.length) - 1] ?? Duration.zero
  // Whole milliseconds: clocks and records know no others.
  const jittered = Duration.millis(
    Math.round(Duration.toMillis(own) * (1 - policy.jitter + 2 * policy.jitter * random))
  )
  if (retryAfter === null) return jittered
  return Duration.max(jittered, Duration.min(retryAfter, policy.retryAfterMax))
}
