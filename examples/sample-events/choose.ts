/** Seeded choices: the same seed gives the same file. */
export interface Choose {
  /** From 0 up to, not including, `below`. */
  readonly number: (below: number) => number
  readonly one: <A>(list: ReadonlyArray<A>) => A
  readonly chance: (probability: number) => boolean
  readonly characters: (length: number, alphabet: string) => string
}

export const hexadecimal = "0123456789abcdef"
export const base62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

export const makeChoose = (seed: number): Choose => {
  let state = seed >>> 0
  // Park and Miller's generator in its 64-bit form, of which the upper half is used.
  const next = () => {
    state = Number((BigInt(state) * 48_271n + 11n) % 2_147_483_647n)
    return state / 2_147_483_647
  }
  const number = (below: number) => Math.floor(next() * below)
  return {
    number,
    one: (list) => list[number(list.length)]!,
    chance: (probability) => next() < probability,
    characters: (length, alphabet) => Array.from({ length }, () => alphabet[number(alphabet.length)]).join("")
  }
}
