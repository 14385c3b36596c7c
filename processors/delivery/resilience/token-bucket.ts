/** A token bucket as a value: time comes in as a number, so that each rule is tested alone. */
export interface TokenBucket {
  readonly tokens: number
  /** `Clock` of the last refill, in milliseconds. */
  readonly at: number
}

/** `capacity` tokens at most, `perMilli` new ones a millisecond. */
export interface BucketRate {
  readonly capacity: number
  readonly perMilli: number
}

/** The bucket at `now`; a clock that went back adds nothing. */
export const refill = (bucket: TokenBucket, rate: BucketRate, now: number): TokenBucket => ({
  tokens: Math.min(rate.capacity, bucket.tokens + Math.max(0, now - bucket.at) * rate.perMilli),
  at: now
})

/**
 * Milliseconds until `cost` can be taken. A cost above the capacity needs a full bucket and leaves it in debt, so that
 * the mean rate holds even where one request carries more events than the bucket has room for.
 */
export const waitFor = (bucket: TokenBucket, rate: BucketRate, cost: number): number => {
  const missing = Math.min(cost, rate.capacity) - bucket.tokens
  // A billionth of a token is rounding, not a reason to wait.
  return missing <= 1e-9 ? 0 : Math.max(1, Math.ceil(missing / rate.perMilli))
}

export const take = (bucket: TokenBucket, cost: number): TokenBucket => ({ ...bucket, tokens: bucket.tokens - cost })
