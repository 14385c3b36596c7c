/** How alike two names are: by words, in any language and spelling, with room for slips and endings. */

/**
 * The words of a name, in lower case and without accents: camelCase, snake_case, kebab-case, spaces and digits part them.
 * Text without spaces between words (Chinese, Japanese) stays one word. What is behind the first 1,024 characters is not read.
 */
export const wordsOf = (name: string): ReadonlyArray<string> =>
  name
    .slice(0, nameMax)
    .normalize("NFKC")
    .replace(/(\p{Ll}|\p{N})(\p{Lu})/gu, "$1 $2")
    .replace(/(\p{Lu})(\p{Lu}\p{Ll})/gu, "$1 $2")
    .toLowerCase()
    .normalize("NFD")
    .replace(/\p{M}+/gu, "")
    .split(/[^\p{L}\p{N}]+/u)
    .filter((word) => word !== "" && !emptyWords.has(word))

/** In characters; no name of an event has more. */
const nameMax = 1_024

/** Words that do not say what happened. */
const emptyWords: ReadonlySet<string> = new Set(
  (
    "event evt custom track tracked user customer client web site website mobile ios android ga4 fb ns " +
    "the a an of for by le la les de du des un une der die das dem den ein eine el los las il lo het een o os as do da"
  ).split(" ")
)

/** 0 to 1: 1 for the same words in any order, less the more of either name's weight has no partner in the other. */
export const similarity = (
  name: ReadonlyArray<string>,
  phrase: ReadonlyArray<string>,
  weightOf: (word: string) => number
): number => {
  if (name.length === 0 || phrase.length === 0) return 0
  const joined = joinedSimilarity(name.join(""), phrase.join(""))
  if (joined === 1) return 1
  return Math.max(joined, byWords(name, phrase, weightOf))
}

const byWords = (
  name: ReadonlyArray<string>,
  phrase: ReadonlyArray<string>,
  weightOf: (word: string) => number
): number => {
  const free = [...name]
  let shared = 0
  let ofPhrase = 0
  for (const word of phrase) {
    const weight = weightOf(word)
    ofPhrase += weight
    const [index, likeness] = nearest(word, free)
    if (likeness === 0) continue
    shared += weight * likeness
    free.splice(index, 1)
  }
  const ofName = name.reduce((sum, word) => sum + weightOf(word), 0)
  // All of the phrase within a longer name counts more than half of it in a short one.
  const coverage = shared / ofPhrase
  return 0.6 * coverage * coverage + 0.4 * ((2 * shared) / (ofPhrase + Math.max(ofName, shared)))
}

const nearest = (word: string, words: ReadonlyArray<string>): readonly [number, number] => {
  let best = -1
  let likeness = 0
  for (let index = 0; index < words.length; index++) {
    const like = wordLikeness(word, words[index]!)
    if (like > likeness) {
      best = index
      likeness = like
    }
  }
  return [best, likeness]
}

const wordLikeness = (a: string, b: string): number => {
  if (a === b) return 1
  const [short, long] = a.length < b.length ? [a, b] : [b, a]
  // Endings: purchase, purchased, purchases.
  if (short.length >= 4 && long.startsWith(short) && long.length - short.length <= 3) return 0.9
  const slips = long.length >= 8 ? 2 : long.length >= 5 ? 1 : 0
  return slips > 0 && distance(a, b, slips) <= slips ? 0.8 : 0
}

/** Names written together: `addtocart`, or a phrase of a script without spaces within a longer name. */
const joinedSimilarity = (name: string, phrase: string): number => {
  if (name === phrase) return 1
  const spaceless = /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}]/u.test(phrase)
  if (spaceless && phrase.length >= 2 && name.includes(phrase)) return 0.6 + 0.4 * (phrase.length / name.length)
  const longest = Math.max(name.length, phrase.length)
  if (longest < 6 || Math.abs(name.length - phrase.length) > 2) return 0
  const apart = distance(name, phrase, 2)
  return apart <= 2 ? 0.95 * (1 - apart / longest) : 0
}

/** Edit distance with neighbours exchanged as one edit; `max + 1` as soon as it is more than `max`. */
export const distance = (a: string, b: string, max: number): number => {
  if (Math.abs(a.length - b.length) > max) return max + 1
  let beforeLast: ReadonlyArray<number> = []
  let last = Array.from({ length: b.length + 1 }, (_, index) => index)
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    let least = i
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1]
      let edits = Math.min(last[j]! + 1, row[j - 1]! + 1, last[j - 1]! + (same ? 0 : 1))
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        edits = Math.min(edits, beforeLast[j - 2]! + 1)
      row.push(edits)
      if (edits < least) least = edits
    }
    if (least > max) return max + 1
    beforeLast = last
    last = row
  }
  return last[b.length]!
}
