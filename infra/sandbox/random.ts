/** Seeded randomness: the same seed gives the same request ids and the same faults. */
export interface Random {
  /** From 0 up to, not including, 1. */
  readonly next: () => number
  readonly characters: (length: number, alphabet?: string) => string
}

const base62 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
export const digits = "0123456789"
export const hexadecimal = "0123456789abcdef"

/** Mulberry32: 32 bits of state, good enough for ids and coin flips, never for secrets. */
export const makeRandom = (seed: number): Random => {
  let state = seed >>> 0
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296
  }
  const characters = (length: number, alphabet = base62) => {
    let text = ""
    for (let index = 0; index < length; index++) text += alphabet[Math.floor(next() * alphabet.length)]
    return text
  }
  return { next, characters }
}
