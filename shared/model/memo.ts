import { codeAt } from "./text.ts"

/**
 * Remembers the results of a pure function for values that come again and again (cities, countries, names). Bounded: each
 * value has two places; a third one at the same places replaces the value that was asked for longest ago.
 * Plain arrays, since a Map would compute the hash of each text, which a text fresh from a record does not have yet.
 *
 * @param entriesMax a power of two
 */
export const memo = <A>(entriesMax: number, compute: (key: string) => A): ((key: string) => A) => {
  if ((entriesMax & (entriesMax - 1)) !== 0 || entriesMax < 2)
    throw new RangeError("entriesMax must be a power of two.")
  const keys: Array<string | null> = new Array<string | null>(entriesMax).fill(null)
  const values: Array<A | null> = new Array<A | null>(entriesMax).fill(null)
  const lastSet = entriesMax - 2
  return (key) => {
    const at = spread(key) & lastSet
    if (keys[at] === key) return values[at] as A
    // Long keys are rare and would make the bound on entries a poor bound on bytes.
    if (key.length > keyLengthMax) return compute(key)
    const second = at + 1
    const known = keys[second] === key
    const value = known ? (values[second] as A) : compute(key)
    const kept = known ? keys[second]! : ownCopy(key)
    keys[second] = keys[at]!
    values[second] = values[at]!
    keys[at] = kept
    values[at] = value
    return value
  }
}

/** A number of the length and the characters; of longer texts, of every second one or fewer. */
export const spread = (key: string): number => {
  const length = key.length
  const step = length <= 16 ? 1 : length >> 3
  let mixed = length
  for (let at = 0; at < length; at += step) mixed = Math.imul(mixed, 31) + codeAt(key, at)
  mixed = Math.imul(mixed ^ (mixed >>> 15), 0x85ebca6b)
  return (mixed ^ (mixed >>> 13)) << 1
}

/** A longer text cut from a record would keep the whole record alive. */
const ownCopy = (key: string): string => {
  if (key.length < cutLengthMin) return key
  const copy = Buffer.from(key).toString()
  return copy === key ? copy : key
}

const keyLengthMax = 256
const cutLengthMin = 13

/** Asks once for each character of the basic plane: a long text of one is then looked up, not matched. */
export const oncePerCharacter = (test: (code: number) => boolean): ((code: number) => boolean) => {
  const answers = new Uint8Array(0x10000)
  return (code) => {
    if (answers[code] === 0) answers[code] = test(code) ? 1 : 2
    return answers[code] === 1
  }
}
