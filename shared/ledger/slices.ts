/**
 * Raw records in slices that are accounted for one after the other, so that what is held of a slice's events has room. The first reading of a later
 * stage's topic is of all of it, and notes where the records of each other slice are: events are handled in about the order of the log, so
 * that the readings of the others are short.
 */
import type { Place } from "./event-state.ts"

/** Offsets of a partition; `to` is exclusive. */
export interface OffsetRange {
  readonly partition: number
  readonly from: number
  readonly to: number
}

export class Slices {
  readonly count: number
  /** By partition, where each slice begins, and where the last ends. */
  readonly #bounds: ReadonlyMap<number, ReadonlyArray<number>>
  /** By topic, slice and partition. */
  readonly #found = new Map<string, Map<number, Map<number, Array<OffsetRange>>>>()

  /**
   * @param ranges of all raw records
   * @param recordsMax of a slice, about
   */
  constructor(ranges: ReadonlyArray<OffsetRange>, recordsMax: number) {
    const records = ranges.reduce((sum, { from, to }) => sum + Math.max(0, to - from), 0)
    const count = Math.max(1, Math.ceil(records / recordsMax))
    this.count = count
    this.#bounds = new Map(
      ranges
        .filter(({ from, to }) => from < to)
        .map(({ partition, from, to }) => [
          partition,
          Array.from({ length: count + 1 }, (_, index) => from + Math.floor((index * (to - from)) / count))
        ])
    )
  }

  /** The raw records of a slice. */
  rawOf(slice: number): ReadonlyArray<OffsetRange> {
    return [...this.#bounds].map(([partition, bounds]) => ({ partition, from: bounds[slice]!, to: bounds[slice + 1]! }))
  }

  /** The slice of a raw record; -1 where it is in none. */
  indexOf({ partition, offset }: Place): number {
    const bounds = this.#bounds.get(partition)
    if (bounds === undefined || offset < bounds[0]! || offset >= bounds[this.count]!) return -1
    let [low, high] = [0, this.count - 1]
    while (low < high) {
      const middle = Math.ceil((low + high) / 2)
      if (bounds[middle]! <= offset) low = middle
      else high = middle - 1
    }
    return low
  }

  /** A later stage's record of a slice's event stands at the place, behind all that were noted of its partition. */
  note(topic: string, slice: number, { partition, offset }: Place): void {
    const ofTopic = this.#found.get(topic) ?? new Map<number, Map<number, Array<OffsetRange>>>()
    this.#found.set(topic, ofTopic)
    const ofSlice = ofTopic.get(slice) ?? new Map<number, Array<OffsetRange>>()
    ofTopic.set(slice, ofSlice)
    const ranges = ofSlice.get(partition) ?? []
    ofSlice.set(partition, ranges)
    const last = ranges.at(-1)
    if (last === undefined || offset - last.to > gapMax) ranges.push({ partition, from: offset, to: offset + 1 })
    else ranges[ranges.length - 1] = { partition, from: last.from, to: offset + 1 }
  }

  /** Where all of the slice's records in the topic are, among those of other slices: ranges to be read one after the other, in each at most one of a partition. */
  noted(topic: string, slice: number): ReadonlyArray<ReadonlyArray<OffsetRange>> {
    const ofPartitions = [...(this.#found.get(topic)?.get(slice)?.values() ?? [])]
    const most = Math.max(0, ...ofPartitions.map(({ length }) => length))
    return Array.from({ length: most }, (_, index) => ofPartitions.flatMap((ranges) => ranges[index] ?? []))
  }
}

/** A single retry or late outcome must not make all between it and the others be read: so many records are read rather than left out. */
const gapMax = 10_000
