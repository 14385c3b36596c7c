/** The live view: server-sent events of rates and results. */
import type { Percentiles } from "./connections.ts"
import type { ResultRow } from "./results.ts"

/** Query of `/api/live`: which results are shown. All that are given must fit; several values of one are separated by commas. */
export interface LiveFilter {
  readonly connection?: string
  readonly outcome?: string
  /** A reason code, or its word before the colon. */
  readonly reason?: string
  /** An event id, or its beginning. */
  readonly event?: string
  /** `0`: no `results` events at all, only `tick` and `changed`; for views other than the live one. */
  readonly results?: "0" | "1"
}

/**
 * The names of the server-sent events and the JSON in their `data`. `EventSource` reconnects by itself; each connection begins with `hello`.
 * At most `liveBytesPerSecondMax` bytes a second on average.
 */
export interface LiveEvents {
  readonly hello: LiveHello
  /** Once a second. */
  readonly tick: LiveTick
  /** At most twice a second, and only while there are any. */
  readonly results: LiveResults
  /** At most once a second: answers of these routes are different by now. */
  readonly changed: LiveChanged
  /** Where the server ends the stream: it stops, or the session ended. `EventSource` should be closed on `signed_out`. */
  readonly bye: { readonly reason: "stopping" | "signed_out" }
}
export type LiveEventName = keyof LiveEvents

export const liveBytesPerSecondMax = 65_536
/** Results in one `results` event at most. */
export const liveRowsMax = 20

export interface LiveHello {
  readonly at: number
  /** Ids by their index in `LiveTick.connections`. */
  readonly connections: ReadonlyArray<string>
}

export interface LiveTick {
  readonly at: number
  /** Over which rates are counted: since the tick before. */
  readonly seconds: number
  readonly stages: ReadonlyArray<StageRates>
  /** Of all connections, results a second. */
  readonly succeeded: number
  readonly failed: number
  readonly skipped: number
  readonly retried: number
  /** Only connections with results in this second, or whose lag is different by now. */
  readonly connections: ReadonlyArray<ConnectionTick>
  /** Why something cannot be read from Kafka now, so that all that is shown may be from before; null where everything is read. */
  readonly not_read: string | null
}

export interface StageRates {
  /** sealer, normalizer, mapper, health, or `delivery-<platform>`. */
  readonly stage: string
  /** What it reads, without prefix. */
  readonly topic: string
  /** Records a second that come into its topic. */
  readonly in_per_second: number
  /** Records behind the end of the topic; of a delivery the furthest connection's. */
  readonly lag: number
  /** From the raw record on Kafka to what this stage wrote; null where nothing passed lately. */
  readonly latency_ms: Percentiles | null
}

/** An array to save bytes. `lag` is records behind the end, `p50` and `p95` the request's latency in this second (ms), null without one. */
export type ConnectionTick = readonly [
  index: number,
  succeeded: number,
  failed: number,
  skipped: number,
  lag: number,
  p50: number | null,
  p95: number | null
]

export interface LiveResults {
  readonly at: number
  /** The newest first, at most `liveRowsMax`. */
  readonly rows: ReadonlyArray<ResultRow>
  /** Results that fit the filter since the event before; more than `rows` where they were sampled. */
  readonly matched: number
}

export interface LiveChanged {
  readonly what: ReadonlyArray<"connections" | "alerts" | "dead_letters" | "redrives" | "overview" | "replays">
}
