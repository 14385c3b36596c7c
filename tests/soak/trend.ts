/** How a series of readings moves over time, whatever single readings are off. Pure. */

export interface Reading {
  readonly minute: number
  readonly value: number
}

/** The slope of Theil and Sen for each minute: the median over all pairs, which up to a quarter of wild readings does not move. */
export const slopeOf = (readings: ReadonlyArray<Reading>): number =>
  medianOf(
    readings.flatMap((left, index) =>
      readings
        .slice(index + 1)
        .flatMap((right) =>
          right.minute === left.minute ? [] : [(right.value - left.value) / (right.minute - left.minute)]
        )
    )
  )

/** What the slope makes of the time between the first and the last reading. */
export const growthOf = (readings: ReadonlyArray<Reading>): number =>
  readings.length < 2 ? 0 : slopeOf(readings) * (readings.at(-1)!.minute - readings[0]!.minute)

/** The readings of the second half of a run, in which caches are filled and code is compiled. */
export const secondHalf = <A extends Pick<Reading, "minute">>(
  readings: ReadonlyArray<A>,
  minutes: number
): ReadonlyArray<A> => readings.filter(({ minute }) => minute >= minutes / 2)

/** 0 of nothing. */
const medianOf = (values: ReadonlyArray<number>): number => {
  const sorted = values.toSorted((left, right) => left - right)
  const middle = sorted.length >> 1
  if (sorted.length === 0) return 0
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}
