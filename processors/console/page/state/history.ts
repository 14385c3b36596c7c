/** The last ticks as columns, for charts: memory does not grow, and adding one moves no more than the columns. */
import type { LiveTick } from "../../api.ts"

export type Column = ReadonlyArray<number | null>

export class History {
  private readonly length: number
  /** Seconds since the epoch, as uPlot wants them. */
  readonly times: Array<number> = []
  private readonly columns = new Map<string, Array<number | null>>()
  /** The stages that were ever seen, in the order in which the server names them. */
  stages: ReadonlyArray<string> = []

  constructor(length: number) {
    this.length = length
  }

  /** A tick of a time that is not later than the last one is left out: charts need rising times. */
  add(tick: LiveTick): void {
    const time = tick.at / 1_000
    if (time <= (this.times.at(-1) ?? 0)) return
    this.times.push(time)
    for (const name of ["succeeded", "failed", "skipped", "retried"] as const) this.put(name, tick[name])
    const names = tick.stages.map(({ stage }) => stage)
    if (names.some((name) => !this.stages.includes(name))) this.stages = [...new Set([...names, ...this.stages])]
    for (const { stage, in_per_second, lag, latency_ms } of tick.stages) {
      this.put(`in:${stage}`, in_per_second)
      this.put(`lag:${stage}`, lag)
      this.put(`latency:${stage}`, latency_ms?.p95 ?? null)
    }
    // A column that this tick says nothing of has a gap.
    for (const column of this.columns.values()) if (column.length < this.times.length) column.push(null)
    if (this.times.length <= this.length) return
    this.times.shift()
    for (const column of this.columns.values()) column.shift()
  }

  /** A value for each of `times`; nulls where nothing is known. */
  column(name: string): Column {
    return this.columns.get(name) ?? this.times.map(() => null)
  }

  private put(name: string, value: number | null): void {
    let column = this.columns.get(name)
    if (column === undefined) {
      column = Array.from({ length: this.times.length - 1 }, () => null)
      this.columns.set(name, column)
    }
    column.push(value)
  }
}
