/**
 * What the live view's subscribers get: a picture of the rates each second, and of the results that fit a subscriber's filter the newest
 * few, twice a second. So the bytes to a browser do not grow with the events.
 */
import * as Latch from "effect/Latch"
import type { EventDeliveryLog } from "../../../schemas/types.gen.ts"
import { isReason } from "../../../shared/model/dead-letter.ts"
import { isFailure } from "../../../shared/model/delivery-result.ts"
import { visibleJson } from "../../../shared/telemetry/printable.ts"
import type { ConnectionTick, LiveChanged, LiveEventName, LiveEvents, LiveTick, StageRates } from "../api.ts"
import { liveRowsMax } from "../api.ts"
import { Histogram } from "../counts/histogram.ts"
import { type PlacedResult, resultRow } from "./result-row.ts"

export type Changed = LiveChanged["what"][number]

export interface LiveFilter {
  readonly connections: ReadonlySet<string> | null
  readonly outcomes: ReadonlySet<string> | null
  readonly reasons: ReadonlyArray<string> | null
  /** The beginning of an event id. */
  readonly event: string | null
}

/** Gets text in the form of server-sent events; false where it does not take any now, since its socket is slow. */
export type Send = (text: string) => boolean

interface Subscriber {
  readonly send: Send
  /** Null where it wants no results. */
  readonly filter: LiveFilter | null
  /** The newest that fit, the newest last. */
  fitting: Array<PlacedResult>
  matched: number
  readonly changed: Set<Changed>
}

interface Second {
  succeeded: number
  failed: number
  skipped: number
  retried: number
  readonly latency: Histogram
}

/** More are refused: each has its own bytes a second. */
export const subscribersMax = 32

export class LiveHub {
  private readonly subscribers = new Set<Subscriber>()
  private readonly seconds = new Map<string, Second>()
  private readonly lags = new Map<string, number>()
  private readonly connections: Array<string>
  private readonly indexes = new Map<string, number>()
  private tickedAt = 0
  /** Open while there is a subscriber. */
  readonly watched = Latch.makeUnsafe(false)

  constructor(connections: ReadonlyArray<string>) {
    this.connections = [...connections]
    for (const [index, id] of connections.entries()) this.indexes.set(id, index)
  }

  get count(): number {
    return this.subscribers.size
  }

  /** Null where there are too many; else what ends the subscription. `now` in milliseconds since the epoch. */
  subscribe(send: Send, filter: LiveFilter | null, now: number): (() => void) | null {
    if (this.subscribers.size >= subscribersMax) return null
    const subscriber: Subscriber = { send, filter, fitting: [], matched: 0, changed: new Set() }
    send(eventText("hello", { at: now, connections: this.connections }))
    if (this.subscribers.size === 0) this.restart(now)
    this.subscribers.add(subscriber)
    this.watched.openUnsafe()
    return () => {
      this.subscribers.delete(subscriber)
      if (this.subscribers.size === 0) this.watched.closeUnsafe()
    }
  }

  /** A result that was written just now. */
  add(result: PlacedResult): void {
    const { log } = result
    if (this.indexes.has(log.connection_id)) this.countResult(log)
    for (const subscriber of this.subscribers) {
      if (subscriber.filter === null || !fits(subscriber.filter, log)) continue
      subscriber.matched++
      subscriber.fitting.push(result)
      if (subscriber.fitting.length >= 4 * liveRowsMax) subscriber.fitting = subscriber.fitting.slice(-liveRowsMax)
    }
  }

  /** Answers of these routes are different by now: said with the next tick. */
  changed(what: Changed): void {
    for (const { changed } of this.subscribers) changed.add(what)
  }

  /** There were no ticks without a subscriber; the next one is not to hold what came meanwhile. */
  private restart(now: number): void {
    this.tickedAt = now
    this.seconds.clear()
  }

  /** Sends each subscriber the results that fit; to be called twice a second. */
  sendResults(now: number): void {
    for (const subscriber of this.subscribers) {
      if (subscriber.matched === 0) continue
      const rows = subscriber.fitting.slice(-liveRowsMax).reverse().map(resultRow)
      if (!subscriber.send(eventText("results", { at: now, rows, matched: subscriber.matched }))) continue
      subscriber.fitting = []
      subscriber.matched = 0
    }
  }

  /** Sends the rates since the tick before; to be called once a second. `lags` by connection; `notRead` as in `LiveTick`. */
  tick(
    now: number,
    stages: ReadonlyArray<StageRates>,
    lags: ReadonlyMap<string, number>,
    notRead: string | null = null
  ): void {
    const tick = { ...this.takeTick(now, stages, lags), not_read: notRead }
    const text = eventText("tick", tick)
    for (const { send, changed } of this.subscribers) {
      send(text)
      if (changed.size > 0 && send(eventText("changed", { what: [...changed] }))) changed.clear()
    }
  }

  /** To all, such as that the server stops. */
  end(reason: LiveEvents["bye"]["reason"]): void {
    for (const { send } of this.subscribers) send(eventText("bye", { reason }))
  }

  private countResult(log: EventDeliveryLog): void {
    let second = this.seconds.get(log.connection_id)
    if (second === undefined) {
      second = { succeeded: 0, failed: 0, skipped: 0, retried: 0, latency: new Histogram() }
      this.seconds.set(log.connection_id, second)
    }
    if (log.success) second.succeeded++
    else if (log.outcome === "retry_scheduled") second.retried++
    else if (isFailure(log) || log.outcome !== "skipped") second.failed++
    else second.skipped++
    if (log.latency_ms > 0 && log.accepted_at === null) second.latency.add(log.latency_ms)
  }

  private takeTick(now: number, stages: ReadonlyArray<StageRates>, lags: ReadonlyMap<string, number>) {
    const elapsed = this.tickedAt === 0 ? 1 : Math.max(0.001, (now - this.tickedAt) / 1_000)
    this.tickedAt = now
    const total = { succeeded: 0, failed: 0, skipped: 0, retried: 0 }
    const connections: Array<ConnectionTick> = []
    for (const [index, id] of this.connections.entries()) {
      const lag = lags.get(id) ?? 0
      const second = this.seconds.get(id)
      const counted = second === undefined ? 0 : second.succeeded + second.failed + second.skipped + second.retried
      if (counted === 0 && this.lags.get(id) === lag) continue
      this.lags.set(id, lag)
      const { succeeded = 0, failed = 0, skipped = 0, retried = 0, latency } = second ?? {}
      const percentiles = latency?.percentiles() ?? null
      connections.push([index, succeeded, failed, skipped, lag, percentiles?.p50 ?? null, percentiles?.p95 ?? null])
      total.succeeded += succeeded
      total.failed += failed
      total.skipped += skipped
      total.retried += retried
      latency?.clear()
      if (second !== undefined) Object.assign(second, { succeeded: 0, failed: 0, skipped: 0, retried: 0 })
    }
    const perSecond = (count: number) => Math.round((10 * count) / elapsed) / 10
    return {
      at: now,
      seconds: elapsed,
      stages,
      succeeded: perSecond(total.succeeded),
      failed: perSecond(total.failed),
      skipped: perSecond(total.skipped),
      retried: perSecond(total.retried),
      connections
    } satisfies Omit<LiveTick, "not_read">
  }
}

const fits = ({ connections, outcomes, reasons, event }: LiveFilter, log: EventDeliveryLog): boolean =>
  (connections === null || connections.has(log.connection_id)) &&
  (outcomes === null || outcomes.has(log.outcome)) &&
  (reasons === null || reasons.some((reason) => isReason(reason, log.reason_code ?? ""))) &&
  (event === null || log.event_id.startsWith(event))

/** An event of the stream, in the form of server-sent events. */
export const eventText = <N extends LiveEventName>(name: N, data: LiveEvents[N]): string =>
  `event: ${name}\ndata: ${visibleJson(data)}\n\n`
