/** What a program's readings say after a soak: how each quantity moved, and whether it grew by more than it may. Pure. */
import { growthOf, type Reading, secondHalf, slopeOf } from "./trend.ts"

/** The readings of one process, in the order of time. */
export interface Series {
  readonly program: string
  readonly quantity: Quantity
  readonly readings: ReadonlyArray<Reading>
}

export interface Trend {
  readonly program: string
  readonly quantity: Quantity
  readonly start: number
  readonly end: number
  /** By the second half. */
  readonly growthAnHour: number
  /** Over the second half, without what is remembered by design. */
  readonly unexplained: number
  /** Null where nothing is asked of it. */
  readonly atMost: number | null
}

const mebibyte = 2 ** 20

/**
 * What may be more at the end of the second half than at its beginning. Memory is read after a collection of all garbage; what the
 * allocator keeps is only in `resident`. A pool holds up to ten connections, as troubles come and go, and a program has some more series then.
 */
export const growthMax = {
  heap: 4 * mebibyte,
  external: 8 * mebibyte,
  resident: 32 * mebibyte,
  descriptors: 12,
  handles: 12,
  timers: 8,
  series: 20,
  /** Ids of the deduplicator, secrets of identifiers and the like, which settings bound: it explains growth of memory. */
  remembered: null,
  /** Pages of the indexer's file, which SQLite holds up to a bound. */
  cached: null,
  /** Of a JVM, whose heap has a bound and grows up to it. */
  virtualMachine: null,
  /** Of a JVM, which has files as well as connections. */
  virtualMachineDescriptors: null,
  loopDelayMax: null,
  loopDelay99: null
} as const
export type Quantity = keyof typeof growthMax

const explainedBy: Partial<Record<Quantity, ReadonlyArray<Quantity>>> = {
  heap: ["remembered"],
  external: ["remembered"],
  resident: ["remembered", "cached"]
}

/** Pools and buffers fill within minutes of a trouble and stay: a shorter run takes that for growth. */
export const judgedFromMinutes = 20

/** @param minutes of the whole run; below `judgedFromMinutes` nothing is asked of what grows */
export const trendsOf = (all: ReadonlyArray<Series>, minutes: number): ReadonlyArray<Trend> =>
  all.flatMap(({ program, quantity, readings }) => {
    const half = secondHalf(readings, minutes)
    if (half.length === 0) return []
    const explained = all
      .filter((one) => one.program === program && explainedBy[quantity]?.includes(one.quantity) === true)
      .reduce((sum, one) => sum + growthOf(secondHalf(one.readings, minutes)), 0)
    return {
      program,
      quantity,
      start: readings[0]!.value,
      end: readings.at(-1)!.value,
      growthAnHour: slopeOf(half) * 60,
      unexplained: growthOf(half) - explained,
      atMost: minutes < judgedFromMinutes ? null : growthMax[quantity]
    }
  })

/** A sentence for each that grew too much. */
export const growing = (trends: ReadonlyArray<Trend>): ReadonlyArray<string> =>
  trends
    .filter(({ unexplained, atMost }) => atMost !== null && unexplained > atMost)
    .map(
      ({ program, quantity, unexplained, atMost }) =>
        `${program}: ${quantity} grew by ${shown(quantity, unexplained)} over the second half, more than ${shown(quantity, atMost ?? 0)}.`
    )

/** With its unit. */
export const shown = (quantity: Quantity, value: number): string => {
  const rounded = (number: number) => String(Math.round(number * 10) / 10)
  if (quantity.startsWith("loopDelay")) return `${rounded(value)} ms`
  return memory.includes(quantity) ? `${rounded(value / mebibyte)} MiB` : rounded(value)
}

const memory: ReadonlyArray<Quantity> = ["heap", "external", "resident", "remembered", "cached", "virtualMachine"]
