/** What bounds the rate of a connection's requests. */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Semaphore from "effect/Semaphore"
import { monotonicMillis } from "../../../shared/model/monotonic.ts"

/**
 * A rate limiter by the specification: token bucket, 100 tokens, 10 a second; acquire, or wait for a token. It counts
 * requests and events, each by a separate bucket, and its rate changes at run time: with the share of partitions that
 * this instance owns, with the usage that the platform reports, and after an outage. Effect's (unstable) limiter
 * has fixed limits for a key, so this one is ours.
 */

/** Capacity and refill of one bucket. */
export interface RateLimit {
  readonly tokens: number
  readonly perSecond: number
}

export interface RateLimiterSettings {
  readonly requests: RateLimit
  /** Null does not count events. */
  readonly events: RateLimit | null
  /** Reported usage from which the rate falls, in percent; at 100 nothing is left but the floor. */
  readonly usageSlowsFrom: number
  /** Smallest factor that reported usage leads to, 0 to 1. */
  readonly usageFloor: number
  /** How long a report of the platform counts. */
  readonly usageHolds: Duration.Duration
}

export const rateLimiterDefaults: RateLimiterSettings = {
  requests: { tokens: 100, perSecond: 10 },
  events: null,
  usageSlowsFrom: 75,
  usageFloor: 0.05,
  usageHolds: Duration.minutes(5)
}

export interface Cost {
  readonly requests: number
  readonly events: number
}

export interface RateLimiter {
  /** Takes tokens if they are there now. */
  readonly tryAcquire: (cost: Cost) => Effect.Effect<boolean>
  /** Waits for tokens, first come first served, and takes them. Gives the time waited. */
  readonly acquire: (cost: Cost) => Effect.Effect<Duration.Duration>
  /** This instance's part of the connection's rate, above 0 to 1. */
  readonly setShare: (share: number) => Effect.Effect<void>
  /** Nothing goes out for so long (Retry-After); a shorter wait never shortens a longer one. */
  readonly throttle: (wait: Duration.Duration) => Effect.Effect<void>
  /** The platform's report of how much of its limit is used, in percent. */
  readonly reportUsage: (percent: number) => Effect.Effect<void>
  /** Starts at a part of the rate with empty buckets and grows to the whole over `over`: for the backlog of an outage. */
  readonly rampUp: (from: number, over: Duration.Duration) => Effect.Effect<void>
  /** The factor on the rate now, 0 to 1. */
  readonly factor: Effect.Effect<number>
}

export const makeRateLimiter = (settings: RateLimiterSettings = rateLimiterDefaults): Effect.Effect<RateLimiter> =>
  Effect.map(monotonicMillis, (start) => new Limiter(settings, start))

class Limiter implements RateLimiter {
  readonly settings: RateLimiterSettings
  requests: TokenBucket
  events: TokenBucket
  share = 1
  throttledUntil = 0
  usage = noUsage
  ramp: { readonly from: number; readonly start: number; readonly end: number } | null = null
  /** Of those who wait; null before one did. */
  private turn: Semaphore.Semaphore | null = null
  private waiting = 0

  constructor(settings: RateLimiterSettings, start: number) {
    this.settings = settings
    this.requests = { tokens: settings.requests.tokens, at: start }
    this.events = { tokens: settings.events?.tokens ?? 0, at: start }
  }

  tryAcquire(cost: Cost): Effect.Effect<boolean> {
    return Effect.map(this.attempt(cost), (millis) => millis === 0)
  }

  acquire(cost: Cost): Effect.Effect<Duration.Duration> {
    return Effect.flatMap(monotonicMillis, (now) => {
      if (this.waiting === 0 && takeOrWait(this, cost, now) === 0) return notWaited
      this.waiting++
      this.turn ??= Semaphore.makeUnsafe(1)
      return Effect.ensuring(
        this.turn.withPermits(1)(this.wait(cost)),
        Effect.sync(() => {
          this.waiting--
        })
      )
    })
  }

  setShare(share: number): Effect.Effect<void> {
    return Effect.map(monotonicMillis, (now) => {
      advance(this, now)
      this.share = Math.min(1, Math.max(shareMin, share))
    })
  }

  throttle(duration: Duration.Duration): Effect.Effect<void> {
    return Effect.map(monotonicMillis, (now) => {
      this.throttledUntil = Math.max(this.throttledUntil, now + Math.ceil(Duration.toMillis(duration)))
    })
  }

  reportUsage(percent: number): Effect.Effect<void> {
    return Effect.map(monotonicMillis, (now) => {
      advance(this, now)
      this.usage = { percent, until: now + Duration.toMillis(this.settings.usageHolds) }
    })
  }

  rampUp(from: number, over: Duration.Duration): Effect.Effect<void> {
    return Effect.map(monotonicMillis, (now) => {
      this.ramp = { from, start: now, end: now + Duration.toMillis(over) }
      this.requests = { tokens: Math.min(this.requests.tokens, 1), at: now }
      this.events = { tokens: Math.min(this.events.tokens, 0), at: now }
    })
  }

  get factor(): Effect.Effect<number> {
    return Effect.map(monotonicMillis, (now) => factorAt(this, now))
  }

  private attempt(cost: Cost): Effect.Effect<number> {
    return Effect.map(monotonicMillis, (now) => takeOrWait(this, cost, now))
  }

  private wait(cost: Cost): Effect.Effect<Duration.Duration> {
    return Effect.gen({ self: this }, function* () {
      const since = yield* monotonicMillis
      let millis = yield* this.attempt(cost)
      while (millis > 0) {
        // Never longer than this, since the share, the usage or the ramp may change meanwhile.
        yield* Effect.sleep(Duration.millis(Math.min(millis, recheckMillis)))
        millis = yield* this.attempt(cost)
      }
      return Duration.millis((yield* monotonicMillis) - since)
    })
  }
}

/** Before the first report. */
const noUsage = { percent: 0, until: 0 }

const notWaited = Effect.succeed(Duration.zero)

/** Takes the cost and gives 0, or gives the milliseconds until it may be there. */
const takeOrWait = (limiter: Limiter, cost: Cost, now: number): number => {
  const rates = advance(limiter, now)
  const millis = Math.max(
    Math.ceil(limiter.throttledUntil - now),
    waitFor(limiter.requests, rates.requests, cost.requests),
    rates.events === null ? 0 : waitFor(limiter.events, rates.events, cost.events)
  )
  if (millis > 0) return millis
  limiter.requests = take(limiter.requests, cost.requests)
  if (rates.events !== null) limiter.events = take(limiter.events, cost.events)
  return 0
}

/** Refills the buckets, and gives the rates now. */
const advance = (limiter: Limiter, now: number) => {
  const { settings } = limiter
  const factor = factorAt(limiter, now)
  const requests = scaled(settings.requests, factor)
  const events = settings.events === null ? null : scaled(settings.events, factor)
  limiter.requests = refill(limiter.requests, requests, now)
  if (events !== null) limiter.events = refill(limiter.events, events, now)
  return { requests, events }
}

const factorAt = (limiter: Limiter, now: number): number =>
  limiter.share * usageFactor(limiter, now) * rampFactor(limiter, now)

const usageFactor = ({ settings, usage: { percent, until } }: Limiter, now: number): number => {
  if (now >= until || percent <= settings.usageSlowsFrom) return 1
  const left = (100 - percent) / (100 - settings.usageSlowsFrom)
  return Math.max(settings.usageFloor, Math.min(1, left))
}

const rampFactor = ({ ramp }: Limiter, now: number): number => {
  if (ramp === null || now >= ramp.end) return 1
  return ramp.from + (1 - ramp.from) * ((now - ramp.start) / (ramp.end - ramp.start))
}

/** The burst is scaled as well as the rate, so that the instances together never exceed the whole. */
const scaled = (limit: RateLimit, factor: number): BucketRate => ({
  capacity: Math.max(1, limit.tokens * factor),
  perMilli: (limit.perSecond * factor) / 1000
})

const recheckMillis = 1000
const shareMin = 0.001

/** A token bucket as a value: time comes in as a number, so that each rule is tested alone. */
interface TokenBucket {
  readonly tokens: number
  /** When it was last refilled, in monotonic milliseconds. */
  readonly at: number
}

/** `capacity` tokens at most, `perMilli` new ones a millisecond. */
interface BucketRate {
  readonly capacity: number
  readonly perMilli: number
}

/** The bucket at `now`. */
const refill = (bucket: TokenBucket, rate: BucketRate, now: number): TokenBucket => ({
  tokens: Math.min(rate.capacity, bucket.tokens + (now - bucket.at) * rate.perMilli),
  at: now
})

/**
 * Milliseconds until `cost` can be taken. A cost above the capacity needs a full bucket and leaves it in debt, so that
 * the mean rate holds even where one request carries more events than the bucket has room for.
 */
const waitFor = (bucket: TokenBucket, rate: BucketRate, cost: number): number => {
  const missing = Math.min(cost, rate.capacity) - bucket.tokens
  // A billionth of a token is rounding, not a reason to wait.
  return missing <= 1e-9 ? 0 : Math.max(1, Math.ceil(missing / rate.perMilli))
}

const take = (bucket: TokenBucket, cost: number): TokenBucket => ({ ...bucket, tokens: bucket.tokens - cost })
