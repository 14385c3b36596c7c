/**
 * Metrics with a series for each of hundreds of connections. Effect's series are closures, and some 600 bytes each beside the metric that made
 * them; these are one object, in the same registry, and a reader sees no difference.
 */
import type * as Metric from "effect/Metric"

export type Attributes = Readonly<Record<string, string>>

/** The series of a process, by a text that is different for each. */
export type SeriesRegistry = Metric.MetricRegistry

/** A metric: its series by their attributes. */
export class SeriesOf<S extends Metric.Metric.Hooks<number, unknown>> {
  private readonly id: string
  private readonly type: Metric.Metric.Type
  private readonly description: string
  private readonly make: () => S

  constructor(type: Metric.Metric.Type, id: string, description: string, make: () => S) {
    this.type = type
    this.id = id
    this.description = description
    this.make = make
  }

  /** The series with these attributes, which is there from now on. */
  in(registry: SeriesRegistry, attributes: Attributes): S {
    const key = this.keyOf(attributes)
    const known = registry.get(key)
    return known === undefined ? this.setAt(key, registry, attributes, this.make()) : (known.hooks as never)
  }

  /** Figures that are computed when they are read. */
  set<H extends Metric.Metric.Hooks<number, unknown>>(registry: SeriesRegistry, attributes: Attributes, hooks: H): H {
    return this.setAt(this.keyOf(attributes), registry, attributes, hooks)
  }

  private setAt<H extends Metric.Metric.Hooks<number, unknown>>(
    key: string,
    registry: SeriesRegistry,
    attributes: Attributes,
    hooks: H
  ): H {
    const { id, type, description } = this
    registry.set(key, { id, type, description, attributes, hooks })
    return hooks
  }

  remove(registry: SeriesRegistry, attributes: Attributes): void {
    registry.delete(this.keyOf(attributes))
  }

  private keyOf(attributes: Attributes): string {
    return JSON.stringify([this.id, ...Object.values(attributes)])
  }
}

/** What is counted; it only grows. */
export class CounterSeries implements Metric.Metric.Hooks<number, Metric.CounterState<number>> {
  private count = 0

  update(by: number): void {
    if (by >= 0) this.count += by
  }

  modify(by: number): void {
    this.update(by)
  }

  get(): Metric.CounterState<number> {
    return { count: this.count, incremental: true }
  }
}

/** A value that is set. */
export class GaugeSeries implements Metric.Metric.Hooks<number, Metric.GaugeState<number>> {
  private value = 0

  update(value: number): void {
    this.value = value
  }

  modify(by: number): void {
    this.value += by
  }

  get(): Metric.GaugeState<number> {
    return { value: this.value }
  }
}

/** How many values are at most as large as each boundary. */
export class HistogramSeries implements Metric.Metric.Hooks<number, Metric.HistogramState> {
  /** Ascending. */
  private readonly boundaries: ReadonlyArray<number>
  /** Of the values up to each boundary and above the one before; the last are those above all. */
  private readonly counts: Array<number>
  private count = 0
  private sum = 0
  private min = Number.MAX_VALUE
  private max = -Number.MAX_VALUE

  constructor(boundaries: ReadonlyArray<number>) {
    this.boundaries = boundaries
    this.counts = new Array<number>(boundaries.length + 1).fill(0)
  }

  update(value: number): void {
    const found = this.boundaries.findIndex((boundary) => value <= boundary)
    const index = found < 0 ? this.boundaries.length : found
    this.counts[index] = this.counts[index]! + 1
    this.count++
    this.sum += value
    this.min = Math.min(this.min, value)
    this.max = Math.max(this.max, value)
  }

  modify(value: number): void {
    this.update(value)
  }

  get(): Metric.HistogramState {
    const { count, min, max, sum } = this
    let below = 0
    const buckets = this.boundaries.map((boundary, index): [number, number] => {
      below += this.counts[index]!
      return [boundary, below]
    })
    return { buckets, count, min, max, sum }
  }
}

export const counter = (id: string, description: string): SeriesOf<CounterSeries> =>
  new SeriesOf("Counter", id, description, () => new CounterSeries())

export const gauge = (id: string, description: string): SeriesOf<GaugeSeries> =>
  new SeriesOf("Gauge", id, description, () => new GaugeSeries())

/** @param boundaries ascending */
export const histogram = (
  id: string,
  description: string,
  boundaries: ReadonlyArray<number>
): SeriesOf<HistogramSeries> => new SeriesOf("Histogram", id, description, () => new HistogramSeries(boundaries))

/** A gauge's figure that is computed when it is read. */
export class ComputedGauge<T> implements Metric.Metric.Hooks<number, Metric.GaugeState<number>> {
  private readonly source: T
  private readonly of: (source: T) => number

  constructor(source: T, of: (source: T) => number) {
    this.source = source
    this.of = of
  }

  update(): void {}

  modify(): void {}

  get(): Metric.GaugeState<number> {
    return { value: this.of(this.source) }
  }
}
