/** What trouble changes of others' latencies: two troubled phases between two calm ones, compared by their p99. */

/** Latencies of one phase in milliseconds, sorted. */
export type Phase = ReadonlyArray<number>

/** Two calm phases around two troubled ones, so that a machine's drift falls on both alike. */
export interface Four {
  readonly trouble: string
  readonly calm: readonly [Phase, Phase]
  readonly troubled: readonly [Phase, Phase]
}

/** What the trouble changed, in percent: the p99s of its two phases against those of the two around them. */
export const changeOf = ({ calm, troubled }: Four): number =>
  100 * (Math.sqrt((p99(troubled[0]) * p99(troubled[1])) / (p99(calm[0]) * p99(calm[1]))) - 1)

/** How much two phases without trouble differ, in percent. */
export const noiseOf = ({ calm: [first, last] }: Four): number => 100 * Math.abs(p99(last) / p99(first) - 1)

/** All latencies of one kind of phase, sorted. */
export const pooled = (fours: ReadonlyArray<Four>, side: "calm" | "troubled"): Phase =>
  fours.flatMap((four) => four[side].flat()).toSorted((left, right) => left - right)

/** @param part 0 to 1 */
export const quantile = (sorted: Phase, part: number): number =>
  sorted[Math.min(sorted.length - 1, Math.ceil(part * sorted.length) - 1)] ?? Number.NaN

export const p99 = (sorted: Phase): number => quantile(sorted, 0.99)

export const median = (values: ReadonlyArray<number>): number => {
  const sorted = values.toSorted((left, right) => left - right)
  const middle = Math.floor(sorted.length / 2)
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}
