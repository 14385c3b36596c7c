/** How the time of a function grows with the size of its input: linear or quadratic, on a noisy machine. */
import process from "node:process"

export interface Growth {
  /** The time at twice the size by that at the size; 1 where it is too short to measure. */
  readonly ratio: number
  /** Milliseconds of processor time at twice the size, the least of the runs. */
  readonly millis: number
}

/**
 * Runs the function at a size and at twice the size. What stays below `floorMillis` at twice the size counts as flat; a
 * ratio that looks bad is measured again before it is believed, since other work of the machine only ever adds to a time.
 *
 * @param prepare makes the input of a size; its time does not count
 */
export const growthOf = <A>(
  size: number,
  prepare: (size: number) => A,
  run: (input: A) => unknown,
  floorMillis = 40
): Growth => {
  const twice = prepare(2 * size)
  let double = cpuMillis(() => run(twice))
  if (double < floorMillis) return { ratio: 1, millis: double }
  const once = prepare(size)
  let single = cpuMillis(() => run(once))
  const isDoubtful = (): boolean => double >= floorMillis && double < certainMillis && double / single > linearRatioMax
  for (let attempt = 0; attempt < attemptsMax && isDoubtful(); attempt++) {
    double = Math.min(
      double,
      cpuMillis(() => run(twice))
    )
    single = Math.min(
      single,
      cpuMillis(() => run(once))
    )
  }
  return { ratio: double < floorMillis ? 1 : double / single, millis: double }
}

/** Linear time doubles, quadratic time takes four times as long; between them lies what noise may add. */
export const linearRatioMax = 3
const attemptsMax = 6
/** No other work adds so much. */
const certainMillis = 1_000

/** Milliseconds of processor time of this thread alone: other programs and V8's helpers do not count. */
export const cpuMillis = (run: () => unknown): number => {
  const start = process.threadCpuUsage()
  run()
  const { system, user } = process.threadCpuUsage(start)
  return (system + user) / 1000
}
