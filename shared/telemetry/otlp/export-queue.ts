/**
 * What waits for the collector: bounded, sent by one fiber for each signal. A collector that is down, slow or answers 429 or 503
 * costs what no longer fits, which is counted, and never the pipeline. Effect's exporters hand over to it at once, so that none
 * of them holds more than one batch.
 */
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Latch from "effect/Latch"
import * as Metric from "effect/Metric"
import * as Random from "effect/Random"
import type * as Scope from "effect/Scope"
import { monotonicMillis } from "../../model/monotonic.ts"

const signals = ["traces", "metrics", "logs"] as const
export type Signal = (typeof signals)[number]

/** The encoded items of one request. */
export interface Payload {
  readonly signal: Signal
  readonly url: string
  readonly contentType: string
  readonly body: Uint8Array
  /** Spans, log records, or 1 for metrics. */
  readonly items: number
}

/** What the collector answered; a rejected effect stands for none. */
export interface Answer {
  readonly status: number
  readonly retryAfter: string | null
}

export interface ExportQueueOptions {
  /** One request; fails with a reason in words where no response came. */
  readonly send: (payload: Payload) => Effect.Effect<Answer, string>
  readonly itemsMax: number
  /** How long the end of the scope waits for what is left. */
  readonly flushWithin: Duration.Duration
}

export interface ExportQueue {
  /** Drops, and counts, what does not fit. */
  readonly offer: (payload: Payload) => void
  /** False where nothing more fits; counts an item as dropped then. */
  readonly hasRoom: (signal: Signal) => boolean
}

export const makeExportQueue = (options: ExportQueueOptions): Effect.Effect<ExportQueue, never, Scope.Scope> =>
  Effect.gen(function* () {
    const context = yield* Effect.context<never>()
    const count = (metric: Metric.Counter<number>, signal: Signal, items: number, reason?: string) =>
      Metric.withAttributes(metric, reason === undefined ? { signal } : { signal, reason }).updateUnsafe(items, context)
    const state = { isEnding: false }
    const lines = new Map(
      signals.map((signal) => [signal, { waiting: [] as Array<Payload>, items: 0, more: Latch.makeUnsafe() }])
    )
    const fibers: Array<Fiber.Fiber<void>> = []

    for (const [signal, line] of lines) {
      const worker = Effect.gen(function* () {
        const health = makeHealth(signal)
        while (true) {
          const payload = line.waiting[0]
          if (payload === undefined) {
            if (state.isEnding) return
            line.more.closeUnsafe()
            yield* line.more.await
            continue
          }
          const dropped = yield* sendUntilTaken(options.send(payload), health)
          line.waiting.shift()
          line.items -= payload.items
          if (dropped === null) count(exported, signal, payload.items)
          else count(droppedItems, signal, payload.items, dropped)
        }
      })
      fibers.push(yield* Effect.forkScoped(worker))
    }
    yield* Effect.addFinalizer(() =>
      Effect.gen(function* () {
        state.isEnding = true
        for (const { more } of lines.values()) more.openUnsafe()
        yield* Effect.timeoutOption(Fiber.awaitAll(fibers), options.flushWithin)
        for (const [signal, { items }] of lines) if (items > 0) count(droppedItems, signal, items, "shutdown")
      }).pipe(Effect.interruptible)
    )

    return {
      offer: (payload) => {
        const line = lines.get(payload.signal)!
        if (line.items > 0 && line.items + payload.items > options.itemsMax)
          return count(droppedItems, payload.signal, payload.items, "queue_full")
        line.waiting.push(payload)
        line.items += payload.items
        line.more.openUnsafe()
      },
      hasRoom: (signal) => {
        if (lines.get(signal)!.items < options.itemsMax) return true
        count(droppedItems, signal, 1, "queue_full")
        return false
      }
    }
  })

/** Null once it is taken, else why it is dropped. OTLP says which answers may be repeated ("Failures", OTLP/HTTP). */
const sendUntilTaken = (send: Effect.Effect<Answer, string>, health: Health) =>
  Effect.gen(function* () {
    const startedAt = yield* monotonicMillis
    for (let attempt = 0; ; attempt++) {
      const answer = yield* Effect.result(send)
      const status = answer._tag === "Success" ? answer.success.status : null
      if (status !== null && status >= 200 && status < 300) {
        yield* health.works
        return null
      }
      yield* health.fails(answer._tag === "Success" ? `The collector answered ${status}.` : answer.failure)
      if (status !== null && !repeatable.has(status)) return "refused"
      const retryAfter =
        answer._tag === "Success" ? Number(answer.success.retryAfter ?? Number.NaN) * 1_000 : Number.NaN
      const usual = Math.min(delayMillisMax, delayMillisMin * 2 ** attempt) * (0.75 + (yield* Random.next) / 2)
      const delay = Number.isFinite(retryAfter) && retryAfter > 0 ? Math.min(retryAfter, giveUpMillis) : usual
      if ((yield* monotonicMillis) - startedAt + delay > giveUpMillis) return "not_taken"
      yield* Effect.sleep(delay)
    }
  })

const repeatable: ReadonlySet<number> = new Set([429, 502, 503, 504])
const [delayMillisMin, delayMillisMax, giveUpMillis] = [1_000, 30_000, 120_000]

/** Logs that the collector takes nothing, once a repetition failed too and at most once in ten minutes; and that it works again. */
interface Health {
  readonly works: Effect.Effect<void>
  readonly fails: (reason: string) => Effect.Effect<void>
}

const makeHealth = (signal: Signal): Health => {
  let loggedAt: number | null = null
  let failures = 0
  return {
    works: Effect.suspend(() => {
      failures = 0
      if (loggedAt === null) return Effect.void
      loggedAt = null
      return Effect.logInfo("The OpenTelemetry collector takes telemetry again.").pipe(Effect.annotateLogs({ signal }))
    }),
    fails: (reason) =>
      Effect.flatMap(monotonicMillis, (now) => {
        // One alone may be a connection that broke.
        if (++failures < 2 || (loggedAt !== null && now - loggedAt < logAgainMillis)) return Effect.void
        loggedAt = now
        return Effect.logWarning(
          "The OpenTelemetry collector takes no telemetry; events are processed as before."
        ).pipe(Effect.annotateLogs({ signal, reason }))
      })
  }
}

const logAgainMillis = 600_000

const counter = (name: string, description: string) => Metric.counter(name, { incremental: true, description })
const exported = counter(
  "capi_telemetry_exported_total",
  "Spans, log records and sets of metrics that the collector took."
)
const droppedItems = counter(
  "capi_telemetry_dropped_total",
  "Spans, log records and sets of metrics that the collector did not get, by reason."
)
