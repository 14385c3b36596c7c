/**
 * The history: a record for each connection and minute, with the counts of the results of that minute by their time. A result
 * that arrives late replaces the record. After a restart the last hour is counted from the results again, so what is
 * missing or different is written, and nothing else: the history does not depend on when the processor ran.
 */
import type { ConnectorHealthPoint, ConnectorHealthStatus, EventDeliveryLog } from "../../schemas/types.gen.ts"
import { isFailure } from "../../shared/model/delivery-result.ts"
import { windowMillis } from "./window.ts"

export const minuteMillis = 60_000
/** A minute is written so long after its end, since its last results arrive then. */
export const settleMillis = 5_000
/** Minutes that are compared with the results: those of the window that is restored. */
const minutesKept = windowMillis / minuteMillis

type Counts = Pick<ConnectorHealthPoint, "succeeded" | "failed" | "invalid" | "skipped" | "latency_ms">

interface Minute {
  succeeded: number
  failed: number
  invalid: number
  skipped: number
  latencyMillis: number
  timed: number
}

/** The results of one connection in one partition by the minute of their time (milliseconds since the epoch / 60,000). */
export class MinuteCounts {
  private readonly minutes = new Map<number, Minute>()

  add(log: EventDeliveryLog): void {
    const number = Math.floor(log.timestamp / minuteMillis)
    let minute = this.minutes.get(number)
    if (minute === undefined) {
      minute = { succeeded: 0, failed: 0, invalid: 0, skipped: 0, latencyMillis: 0, timed: 0 }
      this.minutes.set(number, minute)
    }
    if (log.success) {
      // Its acceptance was counted as the success.
      if (log.accepted_at === null) minute.succeeded++
    } else if (isFailure(log)) minute.failed++
    else if (log.error_class === "invalid_event") minute.invalid++
    else if (log.outcome === "skipped") minute.skipped++
    if (log.latency_ms > 0 && log.accepted_at === null) {
      minute.latencyMillis += log.latency_ms
      minute.timed++
    }
  }

  get(number: number): Minute | undefined {
    return this.minutes.get(number)
  }

  /** Forgets what is before. */
  prune(number: number): void {
    for (const known of this.minutes.keys()) if (known < number) this.minutes.delete(known)
  }
}

export interface HistoryInput {
  /** The connection's status now, which is that of the minute that has just ended. */
  readonly health: ConnectorHealthStatus
  /** Of each partition of the results. */
  readonly counts: ReadonlyArray<MinuteCounts>
}

export class History {
  /** What the topic says, by connection and minute. */
  private readonly points = new Map<string, Map<number, ConnectorHealthPoint>>()
  private written = 0

  /** Forgets everything, before it is restored. */
  clear(): void {
    this.points.clear()
    this.written = 0
  }

  /** Forgets a connection. */
  forget(connectionId: string): void {
    this.points.delete(connectionId)
  }

  restore(point: ConnectorHealthPoint): void {
    this.pointsOf(point.connection_id).set(Math.floor(point.minute / minuteMillis), point)
  }

  /** Whether a minute has ended since the last writing. */
  isDue(now: number): boolean {
    // A clock that was set back goes through some minutes again.
    return minuteBefore(now) !== this.written
  }

  /**
   * The records to write now (milliseconds since the epoch). `wholeSince` is the time from which all results are counted.
   */
  due(inputs: ReadonlyArray<HistoryInput>, now: number, wholeSince: number): ReadonlyArray<ConnectorHealthPoint> {
    const last = minuteBefore(now)
    this.written = last
    const first = Math.max(Math.ceil(wholeSince / minuteMillis), last - minutesKept + 1)
    const changed: Array<ConnectorHealthPoint> = []
    for (const { health, counts } of inputs) {
      const points = this.pointsOf(health.connection_id)
      for (const number of points.keys()) if (number < first) points.delete(number)
      for (const one of counts) one.prune(first)
      for (let number = first; number <= last; number++) {
        const point = pointOf(health, number, sumOf(counts, number), points, number === last)
        if (point === null) continue
        points.set(number, point)
        changed.push(point)
      }
    }
    return changed
  }

  private pointsOf(connectionId: string): Map<number, ConnectorHealthPoint> {
    const known = this.points.get(connectionId) ?? new Map<number, ConnectorHealthPoint>()
    this.points.set(connectionId, known)
    return known
  }
}

const minuteBefore = (now: number): number => Math.floor((now - settleMillis) / minuteMillis) - 1

/** The minute's record, if the topic does not have it like that. */
const pointOf = (
  health: ConnectorHealthStatus,
  number: number,
  counts: Counts,
  points: ReadonlyMap<number, ConnectorHealthPoint>,
  isNow: boolean
): ConnectorHealthPoint | null => {
  const known = points.get(number)
  if (known !== undefined) return sameCounts(known, counts) ? null : { ...known, ...counts }
  const subject = {
    connection_id: health.connection_id,
    platform: health.platform,
    minute: number * minuteMillis,
    ...counts
  }
  if (isNow) {
    const { status, cause, waiting_events, oldest_expires_at } = health
    return { ...subject, status, cause, waiting_events, oldest_expires_at }
  }
  // It was missed: written if there was anything, or as a part of a history that began before.
  const hasBegun = counts.succeeded + counts.failed + counts.invalid + counts.skipped > 0 || isAfterAny(points, number)
  return hasBegun ? { ...subject, status: "unknown", cause: null, waiting_events: null, oldest_expires_at: null } : null
}

const isAfterAny = (points: ReadonlyMap<number, ConnectorHealthPoint>, number: number): boolean => {
  for (const known of points.keys()) if (known < number) return true
  return false
}

const sumOf = (counts: ReadonlyArray<MinuteCounts>, number: number): Counts => {
  const sum = { succeeded: 0, failed: 0, invalid: 0, skipped: 0 }
  let latencyMillis = 0
  let timed = 0
  for (const one of counts) {
    const minute = one.get(number)
    if (minute === undefined) continue
    sum.succeeded += minute.succeeded
    sum.failed += minute.failed
    sum.invalid += minute.invalid
    sum.skipped += minute.skipped
    latencyMillis += minute.latencyMillis
    timed += minute.timed
  }
  return { ...sum, latency_ms: timed === 0 ? 0 : Math.round((100 * latencyMillis) / timed) / 100 }
}

const sameCounts = (left: Counts, right: Counts): boolean =>
  left.succeeded === right.succeeded &&
  left.failed === right.failed &&
  left.invalid === right.invalid &&
  left.skipped === right.skipped &&
  left.latency_ms === right.latency_ms
