/** Whether the time of a function grows with the length of a text, and how long it takes at the greatest. */
import { cpuMillis } from "../../../shared/testing/growth.ts"

export interface TimeTarget {
  readonly name: string
  /** Makes what is run from a text: what it takes does not count. */
  readonly prepare: (text: string) => () => unknown
  /** The longest text, in characters; a million where it is not given. */
  readonly lengthMax?: number
}

export interface TimeFind {
  readonly target: string
  readonly shape: string
  readonly characters: number
  readonly millis: number
  /** The time at twice the length by that at the length; null where the time alone is too much. */
  readonly ratio: number | null
}

export const limits = {
  /** At twice the length. */
  ratioMax: 2.5,
  /** For a million characters. */
  millisMax: 50,
  /** Below it a time is not compared: the clock of a thread moves in steps of milliseconds, and the collector adds some. */
  comparedMillisMin: 20
} as const

/** Half of each length is measured as well. A short one that takes long ends it: the next might never end. */
const lengths = [1_024, 16_384, 131_072, 1_048_576]
const hopelessMillis = 400
const attemptsMax = 6

/** The worst of a target with one family of texts; null where all is well. */
export const measure = (target: TimeTarget, makeText: (length: number) => string, shape: string): TimeFind | null => {
  for (const whole of lengths) {
    const length = Math.min(whole, target.lengthMax ?? Number.POSITIVE_INFINITY)
    const found = measureAt(target, makeText, shape, length)
    if (found !== null || length < whole) return found
  }
  return null
}

const measureAt = (
  target: TimeTarget,
  makeText: (length: number) => string,
  shape: string,
  characters: number
): TimeFind | null => {
  const run = target.prepare(makeText(characters))
  let double = cpuMillis(run)
  if (double < limits.comparedMillisMin) return null
  const half = target.prepare(makeText(Math.ceil(characters / 2)))
  let single = cpuMillis(half)
  const isBad = (): boolean =>
    double > limits.millisMax || (double >= limits.comparedMillisMin && double / single > limits.ratioMax)
  // Other work of the machine only ever adds to a time.
  for (let attempt = 0; attempt < attemptsMax && isBad() && double < hopelessMillis; attempt++) {
    double = Math.min(double, cpuMillis(run))
    single = Math.min(single, cpuMillis(half))
  }
  if (!isBad()) return null
  const ratio = double / single > limits.ratioMax ? double / single : null
  return { target: target.name, shape, characters, millis: double, ratio }
}
