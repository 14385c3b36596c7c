/** What the results of the last hour say of each connection: counts by the minute, latencies, batches, match quality. */
import type { EventDeliveryLog } from "../../../schemas/types.gen.ts"
import { isFailure, isRepeatOfSending } from "../../../shared/model/delivery-result.ts"
import type { BatchFill, MinuteCounts, Percentiles } from "../api.ts"
import { Histogram } from "./histogram.ts"
import { minuteMillis } from "./minute-series.ts"

const minutesKept = 60

interface Minute {
  number: number
  succeeded: number
  failed: number
  skipped: number
  readonly latency: Histogram
  readonly endToEnd: Histogram
  /** Events that were sent, and requests: each of `batch_size` events adds its share of one. */
  sent: number
  requests: number
  match: number
  matched: number
}

export interface RecentSummary {
  readonly minutes: ReadonlyArray<MinuteCounts>
  readonly latency: Percentiles | null
  readonly endToEnd: Percentiles | null
  /** Mean events in a request; null where nothing was sent. */
  readonly batch: number | null
  readonly matchQuality: number | null
}

export class RecentResults {
  private readonly connections = new Map<string, Array<Minute | undefined>>()

  /** A result counts in the minute of its time; one that is older than an hour does not count. */
  add(log: EventDeliveryLog, now: number): void {
    const number = Math.floor(log.timestamp / minuteMillis)
    const newest = Math.floor(now / minuteMillis)
    if (number <= newest - minutesKept || number > newest + 1 || isRepeatOfSending(log)) return
    const minute = this.minuteOf(log.connection_id, number)
    if (minute === null) return
    if (log.success) {
      if (log.accepted_at === null) minute.succeeded++
    } else if (isFailure(log)) minute.failed++
    else if (log.outcome === "skipped") minute.skipped++
    if (log.match_quality !== null) {
      minute.match += log.match_quality
      minute.matched++
    }
    if (log.accepted_at !== null) return
    if (log.latency_ms > 0) minute.latency.add(log.latency_ms)
    if (log.success && log.source !== null) minute.endToEnd.add(log.timestamp - log.source.timestamp)
    if (log.attempted_at !== null && log.batch_size > 0) {
      minute.sent++
      minute.requests += 1 / log.batch_size
    }
  }

  /** Of the hour that ends at `now` (milliseconds since the epoch). */
  summary(connectionId: string, now: number): RecentSummary {
    const newest = Math.floor(now / minuteMillis)
    const slots = this.connections.get(connectionId) ?? []
    const [latency, endToEnd] = [new Histogram(), new Histogram()]
    const minutes: Array<MinuteCounts> = []
    let [sent, requests, match, matched] = [0, 0, 0, 0]
    for (let number = newest - minutesKept + 1; number <= newest; number++) {
      const slot = slots[number % minutesKept]
      const minute = slot?.number === number ? slot : null
      const { succeeded = 0, failed = 0, skipped = 0 } = minute ?? {}
      minutes.push({ minute: number * minuteMillis, succeeded, failed, skipped })
      if (minute === null) continue
      latency.addAll(minute.latency)
      endToEnd.addAll(minute.endToEnd)
      sent += minute.sent
      requests += minute.requests
      match += minute.match
      matched += minute.matched
    }
    return {
      minutes,
      latency: latency.percentiles(),
      endToEnd: endToEnd.percentiles(),
      batch: requests === 0 ? null : rounded(sent / requests),
      matchQuality: matched === 0 ? null : rounded(match / matched)
    }
  }

  /** Null where the slot holds a younger minute. */
  private minuteOf(connectionId: string, number: number): Minute | null {
    let slots = this.connections.get(connectionId)
    if (slots === undefined) {
      slots = new Array<Minute | undefined>(minutesKept)
      this.connections.set(connectionId, slots)
    }
    const slot = slots[number % minutesKept]
    if (slot === undefined) {
      const minute = newMinute(number)
      slots[number % minutesKept] = minute
      return minute
    }
    if (slot.number > number) return null
    if (slot.number < number) restart(slot, number)
    return slot
  }
}

/** `mean` of `max`; null where one of both is not known. */
export const batchFill = (mean: number | null, max: number | null): BatchFill | null =>
  mean === null || max === null ? null : { mean, max, fill: rounded(Math.min(1, mean / max)) }

const rounded = (number: number): number => Math.round(1_000 * number) / 1_000

const newMinute = (number: number): Minute => ({
  ...{ number, succeeded: 0, failed: 0, skipped: 0, sent: 0, requests: 0, match: 0, matched: 0 },
  latency: new Histogram(),
  endToEnd: new Histogram()
})

const restart = (minute: Minute, number: number): void => {
  Object.assign(minute, { number, succeeded: 0, failed: 0, skipped: 0, sent: 0, requests: 0, match: 0, matched: 0 })
  minute.latency.clear()
  minute.endToEnd.clear()
}
