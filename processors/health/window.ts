/** A sliding window over one connection's outcomes: fixed buckets of time, so that memory does not grow with events. */
import type { EventDeliveryLog } from "../../schemas/types.gen.ts"

export const windowMillis = 60 * 60 * 1000
const bucketMillis = 10_000
const bucketsMax = windowMillis / bucketMillis

interface Bucket {
  /** Start of the bucket divided by its width; a stale number marks the bucket as empty. */
  number: number
  succeeded: number
  failed: number
  latencyMillis: number
  timed: number
  readonly outcomes: Map<string, number>
}

export interface Totals {
  readonly succeeded: number
  readonly failed: number
  readonly latencyMillis: number
  /** Events whose outcome came from a request, so that it has a latency. */
  readonly timed: number
  readonly outcomes: ReadonlyMap<string, number>
}

export const noTotals: Totals = { succeeded: 0, failed: 0, latencyMillis: 0, timed: 0, outcomes: new Map() }

export class OutcomeWindow {
  private readonly buckets: Array<Bucket | undefined> = new Array(bucketsMax)

  /** Counts one outcome at its own time; an outcome older than what its bucket holds by now is out of the window. */
  add(log: EventDeliveryLog): void {
    if (isRepeatOfSending(log)) return
    // The failure that a correction takes back took the acceptance's place, and stays counted in its hour.
    if (log.accepted_at !== null && log.corrects === null) this.takeBack(log.accepted_at)
    const number = Math.floor(log.timestamp / bucketMillis)
    const slot = number % bucketsMax
    let bucket = this.buckets[slot]
    if (bucket === undefined || bucket.number < number) {
      bucket = { number, succeeded: 0, failed: 0, latencyMillis: 0, timed: 0, outcomes: new Map() }
      this.buckets[slot] = bucket
    }
    if (bucket.number > number) return
    bucket.outcomes.set(log.outcome, (bucket.outcomes.get(log.outcome) ?? 0) + 1)
    if (log.success) bucket.succeeded++
    else if (isFailure(log.outcome)) bucket.failed++
    // The request of a final outcome was timed when it was accepted.
    if (log.latency_ms > 0 && log.accepted_at === null) {
      bucket.latencyMillis += log.latency_ms
      bucket.timed++
    }
  }

  /** An accepted event counts as a success until its final outcome takes its place: once, not twice. */
  private takeBack(acceptedAt: number): void {
    const number = Math.floor(acceptedAt / bucketMillis)
    const bucket = this.buckets[number % bucketsMax]
    if (bucket === undefined || bucket.number !== number) return
    const accepted = bucket.outcomes.get("accepted") ?? 0
    if (accepted === 0) return
    bucket.succeeded--
    if (accepted === 1) bucket.outcomes.delete("accepted")
    else bucket.outcomes.set("accepted", accepted - 1)
  }

  /** The sums of the hour that ends at `now` (milliseconds since the epoch). */
  totals(now: number): Totals {
    const newest = Math.floor(now / bucketMillis)
    const oldest = newest - bucketsMax + 1
    let sum = noTotals
    for (const bucket of this.buckets) {
      if (bucket !== undefined && bucket.number >= oldest && bucket.number <= newest) sum = add(sum, bucket)
    }
    return sum
  }
}

/** Adds totals up, such as those of a connection's partitions. */
export const add = (left: Totals, right: Totals): Totals => {
  const outcomes = new Map(left.outcomes)
  for (const [outcome, count] of right.outcomes) outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + count)
  return {
    succeeded: left.succeeded + right.succeeded,
    failed: left.failed + right.failed,
    latencyMillis: left.latencyMillis + right.latencyMillis,
    timed: left.timed + right.timed,
    outcomes
  }
}

// A replay of what was sent: its first sending is counted. The mapper's duplicates are events of their producer.
const isRepeatOfSending = ({ outcome, reason_code, circuit_state }: EventDeliveryLog): boolean =>
  outcome === "skipped" && reason_code === "duplicate" && circuit_state !== null

// A skipped event was not meant for the platform: it says nothing of the connection's health.
const isFailure = (outcome: string): boolean => outcome !== "skipped"
