/** How the time of a function grows with the size of its input: linear or quadratic, on a noisy machine. */
import process from "node:process"

export interface Growth {
  /** The time at twice the size by that at the size; 1 where it is too short to measure, or did not grow so at four times the size. */
  readonly ratio: number
  /** Milliseconds of processor time at twice the size, the least of the runs. */
  readonly millis: number
}

export interface GrowthBounds {
  /** Below it, in milliseconds at twice the size, a time counts as flat: the clock of a thread moves in steps of milliseconds. */
  readonly floorMillis: number
  /** A ratio above it is measured again before it is believed. */
  readonly ratioMax: number
  /** So is a time above it. */
  readonly millisMax: number
}

/** Linear time doubles, quadratic time takes four times as long; between them lies what noise may add. */
export const linearRatioMax = 3
/** The collector adds up to three times to a short time, so the least of many is taken. */
const attemptsMax = 12
/** No other work adds so much. */
const certainMillis = 1_000

/**
 * Runs the function at a size and at twice the size. What looks bad is measured again before it is believed, since other work of
 * the machine only ever adds to a time; a bad ratio is believed only if the time grows as fast from twice to four times the size,
 * since memory that no longer fits a cache costs once.
 *
 * @param prepare makes the input of a size; its time does not count
 */
export const growthOf = <A>(
  size: number,
  prepare: (size: number) => A,
  run: (input: A) => unknown,
  bounds: Partial<GrowthBounds> = {}
): Growth => {
  const { floorMillis, millisMax, ratioMax } = {
    floorMillis: 40,
    ratioMax: linearRatioMax,
    millisMax: certainMillis,
    ...bounds
  }
  const time = (input: A): number => cpuMillis(() => run(input))
  const twice = prepare(2 * size)
  let double = time(twice)
  if (double < floorMillis) return { ratio: 1, millis: double }
  const once = prepare(size)
  let single = time(once)
  const isBad = (): boolean => double > millisMax || (double >= floorMillis && double / single > ratioMax)
  for (let attempt = 0; attempt < attemptsMax && isBad() && double < certainMillis; attempt++) {
    double = Math.min(double, time(twice))
    single = Math.min(single, time(once))
  }
  if (double < floorMillis) return { ratio: 1, millis: double }
  const ratio = double / single
  if (ratio <= ratioMax || double >= certainMillis) return { ratio, millis: double }
  const fourTimes = prepare(4 * size)
  let quadruple = time(fourTimes)
  for (
    let attempt = 0;
    attempt < attemptsMax && quadruple / double > ratioMax && quadruple < certainMillis;
    attempt++
  ) {
    quadruple = Math.min(quadruple, time(fourTimes))
    double = Math.min(double, time(twice))
  }
  return { ratio: quadruple / double > ratioMax ? ratio : 1, millis: double }
}

/** Milliseconds of processor time of this thread alone: other programs and V8's helpers do not count. */
export const cpuMillis = (run: () => unknown): number => {
  const start = process.threadCpuUsage()
  run()
  const { system, user } = process.threadCpuUsage(start)
  return (system + user) / 1000
}
