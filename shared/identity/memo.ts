/**
 * Remembers the results of a pure function for values that come again and again (cities, countries, names). Bounded:
 * two generations of at most `entriesMax` each; the older one is forgotten as a whole.
 */
export const memo = <A>(entriesMax: number, compute: (key: string) => A): ((key: string) => A) => {
  let young = new Map<string, A>()
  let old = new Map<string, A>()
  return (key) => {
    const known = young.get(key)
    if (known !== undefined) return known
    const value = old.get(key) ?? compute(key)
    // Long keys are rare and would make the bound on entries a poor bound on bytes.
    if (key.length > keyLengthMax) return value
    if (young.size >= entriesMax) {
      old = young
      young = new Map()
    }
    young.set(key, value)
    return value
  }
}

const keyLengthMax = 256
