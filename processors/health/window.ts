/** A sliding window over one connection's outcomes: fixed buckets of time, so that memory does not grow with events. */
import type { EventDeliveryLog } from "../../schemas/types.gen.ts"
import { isFailure, isRepeatOfSending } from "../../shared/model/delivery-result.ts"

export const windowMillis = 60 * 60 * 1000
const bucketMillis = 10_000
const bucketsMax = windowMillis / bucketMillis
/** So many buckets are summed up together, and again only when one of them has changed or left the window. */
const pageBuckets = 30

interface Bucket {
  /** Start of the bucket divided by its width; a stale number marks the bucket as empty. */
  number: number
  succeeded: number
  failed: number
  latencyMillis: number
  timed: number
  readonly outcomes: Map<string, number>
  readonly reasons: Map<string, number>
}

export interface Totals {
  readonly succeeded: number
  readonly failed: number
  readonly latencyMillis: number
  /** Events whose outcome came from a request, so that it has a latency. */
  readonly timed: number
  readonly outcomes: ReadonlyMap<string, number>
  /** The counted failures by their reason codes. */
  readonly reasons: ReadonlyMap<string, number>
}

export const noTotals: Totals = {
  succeeded: 0,
  failed: 0,
  latencyMillis: 0,
  timed: 0,
  outcomes: new Map(),
  reasons: new Map()
}

/** Failures that a later success of their event would take back; beyond it the oldest stay counted. */
const failuresMax = 10_000

/** The sum of some buckets for every end of the window from `from` to before `until` (numbers of buckets). */
interface Page {
  readonly sum: Totals
  readonly from: number
  readonly until: number
}

interface Failure {
  readonly at: number
  readonly outcome: string
  readonly reason: string
}

export class OutcomeWindow {
  private readonly buckets: Array<Bucket | undefined> = new Array(bucketsMax)
  private readonly pages: Array<Page | undefined> = new Array(bucketsMax / pageBuckets)
  /** Events that failed for good, the oldest first: a redrive, a resend or a correction may still bring them through. */
  private readonly failures = new Map<string, Failure>()
  /** When an event last succeeded and when delivery last decided one, in milliseconds since the epoch; null where none did. */
  lastSuccessAt: number | null = null
  lastDeliveryAt: number | null = null

  /**
   * Counts one outcome at its own time; an outcome older than what its bucket holds by now is out of the window. One whose time is still
   * to come, by a delivery's clock that is ahead, is counted now.
   *
   * @param now milliseconds since the epoch
   */
  add(from: EventDeliveryLog, now: number): void {
    const log = from.timestamp > now ? { ...from, timestamp: now } : from
    if (log.circuit_state !== null) this.lastDeliveryAt = latest(this.lastDeliveryAt, log.timestamp)
    if (isRepeatOfSending(log)) return
    if (log.success) this.lastSuccessAt = latest(this.lastSuccessAt, log.timestamp)
    if (log.success) this.forgiveFailure(log)
    // A failure that a correction takes back took the acceptance's place.
    if (log.accepted_at !== null && log.corrects === null) this.takeBack(log.accepted_at)
    const number = Math.floor(log.timestamp / bucketMillis)
    const slot = number % bucketsMax
    let bucket = this.buckets[slot]
    // Beyond the present: of the time before the clock was set back.
    if (bucket === undefined || bucket.number < number || bucket.number > Math.floor(now / bucketMillis)) {
      bucket = { number, succeeded: 0, failed: 0, latencyMillis: 0, timed: 0, outcomes: new Map(), reasons: new Map() }
      this.buckets[slot] = bucket
    }
    if (bucket.number > number) return
    this.pages[Math.floor(slot / pageBuckets)] = undefined
    bucket.outcomes.set(log.outcome, (bucket.outcomes.get(log.outcome) ?? 0) + 1)
    if (log.success) bucket.succeeded++
    else if (isFailure(log)) {
      bucket.failed++
      countIn(bucket.reasons, reasonOf(log), 1)
      if (isFinalFailure.has(log.outcome)) this.noteFailure(log)
    }
    // The request of a final outcome was timed when it was accepted.
    if (log.latency_ms > 0 && log.accepted_at === null) {
      bucket.latencyMillis += log.latency_ms
      bucket.timed++
    }
  }

  /** An accepted event counts as a success until its final outcome takes its place: once, not twice. */
  private takeBack(acceptedAt: number): void {
    const bucket = this.takeOut(acceptedAt, "accepted")
    if (bucket !== null) bucket.succeeded--
  }

  private noteFailure(log: EventDeliveryLog): void {
    const key = eventOf(log)
    if (key === null) return
    const before = this.failures.get(key)
    // It failed again: the event is counted once.
    if (before !== undefined) {
      this.forget(before)
      this.failures.delete(key)
    }
    this.failures.set(key, { at: log.timestamp, outcome: log.outcome, reason: reasonOf(log) })
    for (const [oldest, { at }] of this.failures) {
      if (this.failures.size <= failuresMax && log.timestamp - at < windowMillis) break
      this.failures.delete(oldest)
    }
  }

  private forgiveFailure(log: EventDeliveryLog): void {
    if (this.failures.size === 0) return
    const failure = this.failures.get(eventOf(log) ?? "")
    if (failure === undefined || failure.at > log.timestamp) return
    this.failures.delete(eventOf(log) ?? "")
    this.forget(failure)
  }

  private forget({ at, outcome, reason }: Failure): void {
    const bucket = this.takeOut(at, outcome)
    if (bucket === null) return
    bucket.failed--
    countIn(bucket.reasons, reason, -1)
  }

  /** One event less of an outcome at a time; null where the window does not hold it any more. */
  private takeOut(at: number, outcome: string): Bucket | null {
    const number = Math.floor(at / bucketMillis)
    const bucket = this.buckets[number % bucketsMax]
    if (bucket === undefined || bucket.number !== number) return null
    const count = bucket.outcomes.get(outcome) ?? 0
    if (count === 0) return null
    this.pages[Math.floor((number % bucketsMax) / pageBuckets)] = undefined
    if (count === 1) bucket.outcomes.delete(outcome)
    else bucket.outcomes.set(outcome, count - 1)
    return bucket
  }

  /** The sums of the hour that ends at `now` (milliseconds since the epoch). */
  totals(now: number): Totals {
    this.setBackTo(now)
    const newest = Math.floor(now / bucketMillis)
    let totals = noTotals
    for (let index = 0; index < this.pages.length; index++) {
      let page = this.pages[index]
      if (page === undefined || newest < page.from || newest >= page.until) {
        page = this.sumUp(index, newest)
        this.pages[index] = page
      }
      if (page.sum !== noTotals) totals = totals === noTotals ? page.sum : add(totals, page.sum)
    }
    return totals
  }

  /** What a clock that was set back says was done in the time to come was done by now. */
  private setBackTo(now: number): void {
    if (this.lastSuccessAt !== null) this.lastSuccessAt = Math.min(this.lastSuccessAt, now)
    if (this.lastDeliveryAt !== null) this.lastDeliveryAt = Math.min(this.lastDeliveryAt, now)
  }

  private sumUp(index: number, newest: number): Page {
    const oldest = newest - bucketsMax + 1
    const sum = { succeeded: 0, failed: 0, latencyMillis: 0, timed: 0, outcomes: new Map(), reasons: new Map() }
    let until = Number.POSITIVE_INFINITY
    for (const bucket of this.buckets.slice(index * pageBuckets, (index + 1) * pageBuckets)) {
      if (bucket === undefined || bucket.number < oldest) continue
      if (bucket.number > newest) {
        until = Math.min(until, bucket.number)
        continue
      }
      until = Math.min(until, bucket.number + bucketsMax)
      sum.succeeded += bucket.succeeded
      sum.failed += bucket.failed
      sum.latencyMillis += bucket.latencyMillis
      sum.timed += bucket.timed
      for (const [outcome, count] of bucket.outcomes) countIn(sum.outcomes, outcome, count)
      for (const [reason, count] of bucket.reasons) countIn(sum.reasons, reason, count)
    }
    // Where a clock is set back, older buckets would be in the window again.
    return { sum: sum.outcomes.size === 0 && sum.timed === 0 ? noTotals : sum, from: newest, until }
  }
}

/** Adds totals up, such as those of a connection's partitions. */
export const add = (left: Totals, right: Totals): Totals => ({
  succeeded: left.succeeded + right.succeeded,
  failed: left.failed + right.failed,
  latencyMillis: left.latencyMillis + right.latencyMillis,
  timed: left.timed + right.timed,
  outcomes: addCounts(left.outcomes, right.outcomes),
  reasons: addCounts(left.reasons, right.reasons)
})

const addCounts = (left: ReadonlyMap<string, number>, right: ReadonlyMap<string, number>) => {
  if (right.size === 0) return left
  const sums = new Map(left)
  for (const [name, count] of right) countIn(sums, name, count)
  return sums
}

const countIn = (counts: Map<string, number>, name: string, by: number): void => {
  const count = (counts.get(name) ?? 0) + by
  if (count <= 0) counts.delete(name)
  else counts.set(name, count)
}

/** The code's word: a platform's numbers after it are without end. */
const reasonOf = ({ reason_code, error_class }: EventDeliveryLog): string =>
  (reason_code ?? error_class ?? "unknown").split(":", 1)[0]!

/** By its raw record, since a producer's duplicate is another event; null where the result does not have it. */
const eventOf = ({ source }: EventDeliveryLog): string | null =>
  source === null ? null : `${source.partition}:${source.offset}`

const isFinalFailure: ReadonlySet<string> = new Set(["rejected", "expired", "dead_lettered", "unknown"])

/** The later of two times; null where neither is known. */
export const latest = (left: number | null, right: number | null): number | null =>
  left === null || right === null ? (left ?? right) : Math.max(left, right)
