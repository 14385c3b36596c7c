/** What bounds the requests of a connection: their rate, and how many are in flight. */
import * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Semaphore from "effect/Semaphore"

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

interface Limiter {
  requests: TokenBucket
  events: TokenBucket
  share: number
  throttledUntil: number
  usage: { readonly percent: number; readonly until: number }
  ramp: { readonly from: number; readonly start: number; readonly end: number } | null
}

export const makeRateLimiter = (settings: RateLimiterSettings = rateLimiterDefaults): Effect.Effect<RateLimiter> =>
  Effect.map(Clock.currentTimeMillis, (start) => {
    const limiter: Limiter = {
      requests: { tokens: settings.requests.tokens, at: start },
      events: { tokens: settings.events?.tokens ?? 0, at: start },
      share: 1,
      throttledUntil: 0,
      usage: { percent: 0, until: 0 },
      ramp: null
    }
    const turn = Semaphore.makeUnsafe(1)
    let waiting = 0
    const at = <A>(read: (now: number) => A) => Effect.map(Clock.currentTimeMillis, read)
    const attempt = (cost: Cost) => at((now) => takeOrWait(limiter, settings, cost, now))
    const wait = Effect.fnUntraced(function* (cost: Cost) {
      const since = yield* Clock.currentTimeMillis
      let millis = yield* attempt(cost)
      while (millis > 0) {
        // Never longer than this, since the share, the usage or the ramp may change meanwhile.
        yield* Effect.sleep(Duration.millis(Math.min(millis, recheckMillis)))
        millis = yield* attempt(cost)
      }
      return Duration.millis((yield* Clock.currentTimeMillis) - since)
    })
    return {
      tryAcquire: (cost) => Effect.map(attempt(cost), (millis) => millis === 0),
      acquire: (cost) =>
        Effect.flatMap(Clock.currentTimeMillis, (now) => {
          if (waiting === 0 && takeOrWait(limiter, settings, cost, now) === 0) return notWaited
          waiting++
          return Effect.ensuring(
            turn.withPermits(1)(wait(cost)),
            Effect.sync(() => {
              waiting--
            })
          )
        }),
      setShare: (share) =>
        at((now) => {
          advance(limiter, settings, now)
          limiter.share = Math.min(1, Math.max(shareMin, share))
        }),
      throttle: (duration) =>
        at((now) => {
          limiter.throttledUntil = Math.max(limiter.throttledUntil, now + Math.ceil(Duration.toMillis(duration)))
        }),
      reportUsage: (percent) =>
        at((now) => {
          advance(limiter, settings, now)
          limiter.usage = { percent, until: now + Duration.toMillis(settings.usageHolds) }
        }),
      rampUp: (from, over) =>
        at((now) => {
          limiter.ramp = { from, start: now, end: now + Duration.toMillis(over) }
          limiter.requests = { tokens: Math.min(limiter.requests.tokens, 1), at: now }
          limiter.events = { tokens: Math.min(limiter.events.tokens, 0), at: now }
        }),
      factor: at((now) => factorAt(limiter, settings, now))
    }
  })

const notWaited = Effect.succeed(Duration.zero)

/** Takes the cost and gives 0, or gives the milliseconds until it may be there. */
const takeOrWait = (limiter: Limiter, settings: RateLimiterSettings, cost: Cost, now: number): number => {
  const rates = advance(limiter, settings, now)
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
const advance = (limiter: Limiter, settings: RateLimiterSettings, now: number) => {
  const factor = factorAt(limiter, settings, now)
  const requests = scaled(settings.requests, factor)
  const events = settings.events === null ? null : scaled(settings.events, factor)
  limiter.requests = refill(limiter.requests, requests, now)
  if (events !== null) limiter.events = refill(limiter.events, events, now)
  return { requests, events }
}

const factorAt = (limiter: Limiter, settings: RateLimiterSettings, now: number): number =>
  limiter.share * usageFactor(limiter, settings, now) * rampFactor(limiter, now)

const usageFactor = (limiter: Limiter, settings: RateLimiterSettings, now: number): number => {
  const { percent, until } = limiter.usage
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
  /** `Clock` of the last refill, in milliseconds. */
  readonly at: number
}

/** `capacity` tokens at most, `perMilli` new ones a millisecond. */
interface BucketRate {
  readonly capacity: number
  readonly perMilli: number
}

/** The bucket at `now`; a clock that went back adds nothing. */
const refill = (bucket: TokenBucket, rate: BucketRate, now: number): TokenBucket => ({
  tokens: Math.min(rate.capacity, bucket.tokens + Math.max(0, now - bucket.at) * rate.perMilli),
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

/** Permits that go to the most urgent of those who wait, and among equals to the first: earliest deadline first. */
export interface DeadlineSemaphore {
  /** Runs an effect while it holds a permit. The smaller `deadline`, the sooner its turn comes. */
  readonly withPermit: <A, E, R>(deadline: number, use: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
}

interface Ticket {
  readonly deadline: number
  /** Null where it did not have to wait. */
  readonly called: Deferred.Deferred<void> | null
  /** Whether it holds a permit: whoever leaves with one passes it on. */
  holds: boolean
}

export const makeDeadlineSemaphore = (permits: number): DeadlineSemaphore => {
  let free = permits
  /** By deadline; few, as each waits for a separate batch. */
  const waiting: Array<Ticket> = []

  const join = (deadline: number): Ticket => {
    if (free > 0 && waiting.length === 0) {
      free -= 1
      return { deadline, called: null, holds: true }
    }
    const ticket: Ticket = { deadline, called: Deferred.makeUnsafe<void>(), holds: false }
    const behind = waiting.findIndex((other) => other.deadline > deadline)
    waiting.splice(behind < 0 ? waiting.length : behind, 0, ticket)
    call()
    return ticket
  }
  const leave = (ticket: Ticket): void => {
    if (ticket.holds) free += 1
    else waiting.splice(waiting.indexOf(ticket), 1)
    call()
  }
  const call = (): void => {
    while (free > 0) {
      const next = waiting.shift()
      if (next === undefined) return
      free -= 1
      next.holds = true
      if (next.called !== null) Deferred.doneUnsafe(next.called, Effect.void)
    }
  }

  return {
    // It waits inside of use, so that one who is interrupted while waiting leaves as well.
    withPermit: (deadline, use) =>
      Effect.acquireUseRelease(
        Effect.sync(() => join(deadline)),
        ({ called }) => (called === null ? use : Effect.andThen(Deferred.await(called), use)),
        (ticket) => Effect.sync(() => leave(ticket))
      )
  }
}
