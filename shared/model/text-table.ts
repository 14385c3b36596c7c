import { spread } from "./memo.ts"

/**
 * As `Map.get` of a map that never changes, for texts that were just read. V8 looks a text that a Map or a Set is asked for up among all
 * the texts that it keeps once first, which costs several times what this search does. For keys of no more than a few words.
 */
export const textTable = <A>(entries: Iterable<readonly [string, A]>): ((text: string) => A | undefined) => {
  const given = [...new Map(entries)]
  // At most a quarter of the places is taken, so that a search mostly ends at its first one.
  const places = 2 ** Math.ceil(Math.log2(4 * given.length + 1))
  const keys = new Array<string | null>(places).fill(null)
  const values = new Array<A | undefined>(places).fill(undefined)
  const last = places - 1
  for (const [key, value] of given) {
    let at = spread(key) & last
    while (keys[at] !== null) at = (at + 1) & last
    keys[at] = key
    values[at] = value
  }
  return (text) => {
    for (let at = spread(text) & last; ; at = (at + 1) & last) {
      const key = keys[at]!
      if (key === text) return values[at]
      if (key === null) return undefined
    }
  }
}

/** The word itself as it stands in the list, of which V8 knows more than of one that was just read; undefined for any other text. */
export const wordTable = <Word extends string>(words: Iterable<Word>): ((text: string) => Word | undefined) =>
  textTable(Array.from(words, (word) => [word, word] as const))
