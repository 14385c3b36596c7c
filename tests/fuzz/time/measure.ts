/** Whether the time of a function grows with the length of a text, and how long it takes at the greatest. */
import { growthOf } from "../../../shared/testing/growth.ts"

export interface TimeTarget {
  readonly name: string
  /** Makes what is run from a text: what it takes does not count. */
  readonly prepare: (text: string) => () => unknown
  /** The longest text, in characters; a million where it is not given. */
  readonly lengthMax?: number
  /** How many times the limit it may take; once where it is not given. */
  readonly timesLimit?: number
  /** It takes the length of a text alone, so one is enough. */
  readonly takesAnyText?: boolean
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
  /**
   * The part of the limit below which a time is not compared: the clock of a thread moves in steps of milliseconds, and the
   * collector adds some. Quadratic time of a million characters is far above it, and so above the limit.
   */
  comparedPart: 0.8
} as const

/** Half of each length is measured as well. A short one that takes long ends it: the next might never end. */
const lengths = [1_024, 16_384, 131_072, 1_048_576]

/** The worst of a target with one family of texts; null where all is well. `limitMillis` is for the greatest length. */
export const measure = (
  target: TimeTarget,
  makeText: (length: number) => string,
  shape: string,
  limitMillis: number = limits.millisMax
): TimeFind | null => {
  const millisMax = limitMillis * (target.timesLimit ?? 1)
  for (const whole of lengths) {
    const characters = Math.min(whole, target.lengthMax ?? Number.POSITIVE_INFINITY)
    const prepare = (length: number) => target.prepare(makeText(length))
    const bounds = { floorMillis: limits.comparedPart * millisMax, ratioMax: limits.ratioMax, millisMax }
    const { millis, ratio } = growthOf(Math.ceil(characters / 2), prepare, (run) => run(), bounds)
    if (ratio > limits.ratioMax) return { target: target.name, shape, characters, millis, ratio }
    if (millis > millisMax) return { target: target.name, shape, characters, millis, ratio: null }
    if (characters < whole) return null
  }
  return null
}
