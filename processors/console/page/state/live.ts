/** The stream of the server: rates each second, results as they come, and what has changed. */
import { batch, signal } from "@preact/signals"
import type { LiveChanged, LiveEventName, LiveEvents, LiveFilter, LiveTick, ResultRow } from "../../api.ts"
import { apiPath } from "./api.ts"
import { learnServerTime } from "./clock.ts"
import { History } from "./history.ts"
import { loadSession } from "./session.ts"

/** `lost`: it ended, and the browser tries again. */
export type StreamState = "connecting" | "open" | "lost" | "signed_out"

export const streamState = signal<StreamState>("connecting")
/** Since when nothing came, by the browser's clock; null while the stream is open. */
export const lostAt = signal<number | null>(null)

/** Counts of the changes that the server named, by what changed. */
export const changes = signal<Readonly<Partial<Record<LiveChanged["what"][number], number>>>>({})

export const lastTick = signal<LiveTick | null>(null)
/** Five minutes of ticks. Not a signal: who draws it reads it after each tick. */
export const history = new History(300)

/** Of the newest results, the newest first. */
export const results = signal<ReadonlyArray<ResultRow>>([])
const resultsMax = 2_000
/** Results that fitted the filter since it was set: more than the rows where the server sampled them. */
export const matched = signal(0)
export const paused = signal(false)
/** Those that came while paused. */
const held: Array<ResultRow> = []
export const heldCount = signal(0)

/** By its id: results and failures in the last second, and the lag. */
const connectionRates = signal<ReadonlyMap<string, ConnectionRate>>(new Map())
export interface ConnectionRate {
  readonly perSecond: number
  readonly failed: number
  readonly lag: number
}

let source: EventSource | null = null
let openedFor = ""
let names: ReadonlyArray<string> = []
let retry: ReturnType<typeof setTimeout> | undefined

/** Opens the stream, or opens it again where another filter is asked for. Without one, no results come. */
export const openStream = (filter: LiveFilter | null): void => {
  const path = apiPath("/api/live", filter === null ? { results: "0" } : { ...filter })
  if (source !== null && source.readyState !== EventSource.CLOSED && path === openedFor) return
  if (path !== openedFor) {
    batch(() => {
      results.value = []
      matched.value = 0
      held.length = 0
      heldCount.value = 0
    })
  }
  closeStream()
  openedFor = path
  const opened = new EventSource(path)
  source = opened
  opened.onopen = () => {
    streamState.value = "open"
    lostAt.value = null
  }
  opened.onerror = () => {
    if (source !== opened) return
    streamState.value = "lost"
    lostAt.value ??= performance.timeOrigin + performance.now()
    // The browser gives up after an answer that is an error, such as 401.
    if (opened.readyState !== EventSource.CLOSED) return
    void loadSession()
    clearTimeout(retry)
    retry = setTimeout(() => openStream(filter), 3_000)
  }
  for (const name of Object.keys(handlers) as ReadonlyArray<LiveEventName>) {
    opened.addEventListener(name, (event) => handle(name, JSON.parse((event as MessageEvent<string>).data)))
  }
}

export const closeStream = (): void => {
  clearTimeout(retry)
  source?.close()
  source = null
}

export const setPaused = (on: boolean): void => {
  paused.value = on
  if (on) return
  results.value = [...held, ...results.value].slice(0, resultsMax)
  held.length = 0
  heldCount.value = 0
}

const handlers: { readonly [Name in LiveEventName]: (data: LiveEvents[Name]) => void } = {
  hello: ({ at, connections }) => {
    learnServerTime(at)
    names = connections
    // What changed while the stream was not open is not known: everything is asked for again.
    countChanges(["connections", "alerts", "dead_letters", "redrives", "overview", "replays"])
  },
  tick: (tick) => {
    batch(() => {
      history.add(tick)
      lastTick.value = tick
      if (tick.connections.length > 0) connectionRates.value = withRates(connectionRates.value, tick)
    })
  },
  results: (latest) => {
    matched.value += latest.matched
    if (paused.value) {
      held.unshift(...latest.rows)
      if (held.length > resultsMax) held.length = resultsMax
      heldCount.value += latest.matched
    } else results.value = [...latest.rows, ...results.value].slice(0, resultsMax)
  },
  changed: ({ what }) => countChanges(what),
  bye: ({ reason }) => {
    if (reason !== "signed_out") return
    closeStream()
    streamState.value = "signed_out"
    void loadSession()
  }
}

const handle = <Name extends LiveEventName>(name: Name, data: LiveEvents[Name]): void => handlers[name](data)

const countChanges = (what: LiveChanged["what"]): void => {
  const counted = { ...changes.value }
  for (const name of what) counted[name] = (counted[name] ?? 0) + 1
  changes.value = counted
}

const withRates = (
  before: ReadonlyMap<string, ConnectionRate>,
  tick: LiveTick
): ReadonlyMap<string, ConnectionRate> => {
  const rates = new Map(before)
  const now = new Set(tick.connections.map(([index]) => names[index]))
  for (const [id, rate] of before)
    if (!now.has(id) && rate.perSecond > 0) rates.set(id, { ...rate, perSecond: 0, failed: 0 })
  for (const [index, succeeded, failed, skipped, lag] of tick.connections) {
    const id = names[index]
    if (id !== undefined)
      rates.set(id, { perSecond: (succeeded + failed + skipped) / tick.seconds, failed: failed / tick.seconds, lag })
  }
  return rates
}
