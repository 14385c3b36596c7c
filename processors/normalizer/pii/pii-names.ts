/** The customer's names, and whether a text contains one of them. */
import { alreadyHashed, clean, isAscii, isPlaceholder, lower } from "../identity/text.ts"
import { hasAsciiLetters, letterBits, plain } from "./text-scan.ts"

/** What a first or a last name is looked for by. */
export interface NamePattern {
  /** All words written together, lower case. */
  readonly joined: string
  /** The letters of `joined`, as `letterBits` gives them; all where it has others than a to z. */
  readonly bits: number
  readonly words: ReadonlyArray<Word>
  /** The letters that all words have: a plain text without one of them has none of the words. */
  readonly common: number
}

interface Word {
  readonly text: string
  readonly bits: number
  /** Of a script that sets spaces between words. */
  readonly spaced: boolean
}

/** Is remembered with the name's hashes (`identity/person.ts`). */
export const namePatternOf = (name: string | null): NamePattern =>
  name === null || alreadyHashed(name) !== null ? noName : splitName(name)

/**
 * Whether a word of either name stands in the text, or both names written together, either way.
 *
 * @param scan what `scanText` says of the text
 */
export const containsName = (text: string, scan: number, first: NamePattern, last: NamePattern): boolean => {
  if (first === noName && last === noName) return false
  // A plain text can't contain a word whose letters it does not all have; nearly every text is done with here.
  const missing = (scan & plain) === 0 ? 0 : ~scan
  const mayHaveName = mayHaveWord(first, missing) || mayHaveWord(last, missing)
  const mayJoin =
    (first.bits & missing) === 0 && (last.bits & missing) === 0 && first.joined !== "" && last.joined !== ""
  if (!mayHaveName && !mayJoin) return false
  const inLower = lowered(text, scan)
  if (mayHaveName && (hasWordOf(inLower, first, missing) || hasWordOf(inLower, last, missing))) return true
  return mayJoin && hasJoined(inLower, scan, first, last)
}

/** Whether words of both names stand in the text, or both written together: one alone is more likely a brand, a place or an id. */
export const containsFullName = (text: string, scan: number, first: NamePattern, last: NamePattern): boolean => {
  if (first === noName || last === noName) return false
  const missing = (scan & plain) === 0 ? 0 : ~scan
  if ((first.common & missing) !== 0 || (last.common & missing) !== 0) return false
  const mayJoin = (first.bits & missing) === 0 && (last.bits & missing) === 0
  if (!mayJoin && !(mayHaveWord(first, missing) && mayHaveWord(last, missing))) return false
  const inLower = lowered(text, scan)
  return (
    (hasWordOf(inLower, first, missing) && hasWordOf(inLower, last, missing)) ||
    (mayJoin && hasJoined(inLower, scan, first, last))
  )
}

/** A plain text is ASCII, of which lower case is ASCII again. */
const lowered = (text: string, scan: number): string => ((scan & plain) === 0 ? lower(text) : text.toLowerCase())

/** Whether a text with this scan may have a word of the name. */
export const mayHaveName = (scan: number, { common, words }: NamePattern): boolean =>
  words.length > 0 && ((scan & plain) === 0 || (common & ~scan) === 0)

const mayHaveWord = ({ words }: NamePattern, missing: number): boolean => {
  for (let index = 0; index < words.length; index++) if ((words[index]!.bits & missing) === 0) return true
  return false
}

const hasJoined = (
  inLower: string,
  scan: number,
  { joined: given }: NamePattern,
  { joined: family }: NamePattern
): boolean => {
  if (given.length + family.length < joinedMin) return false
  if (inLower.length <= stepsLengthMax && ((scan & plain) !== 0 || isAscii(inLower))) {
    return hasAsciiLetters(inLower, given + family) || hasAsciiLetters(inLower, family + given)
  }
  const together = inLower.replace(notLetters, "")
  return together.includes(given + family) || together.includes(family + given)
}

/** In a longer text its letters are brought together first, since names of one letter would be begun at each of them. */
const stepsLengthMax = 512

/** @param missing the letters that the text does not have: of words with one of them it has none */
const hasWordOf = (text: string, { words }: NamePattern, missing: number): boolean => {
  for (let index = 0; index < words.length; index++) {
    const word = words[index]!
    if ((word.bits & missing) === 0 && hasWord(text, word)) return true
  }
  return false
}

/** The word with no letter before or after it; in scripts without spaces between words, anywhere. */
const hasWord = (text: string, { text: word, spaced }: Word): boolean => {
  let end = -1
  for (let at = text.indexOf(word); at >= 0; at = text.indexOf(word, end + 1)) {
    if (!spaced) return true
    // Where it is part of a longer word, no other begins within it.
    end = at + word.length
    if (!(at > 0 && letter.test(text[at - 1]!)) && !(end < text.length && letter.test(text[end]!))) return true
  }
  return false
}

export const noName: NamePattern = { joined: "", bits: 0, words: [], common: 0 }

const splitName = (name: string): NamePattern => {
  const cleaned = clean(name.length > nameLengthMax ? name.slice(0, nameLengthMax) : name)
  if (isPlaceholder(cleaned)) return noName
  const words = lower(cleaned)
    .split(notLetters)
    .filter((word) => word !== "")
  const joined = words.join("").slice(0, searchedMax)
  if (joined === "") return noName
  const bits = bitsOf(joined)
  const distinctive = words.filter(isDistinctive).map((whole) => {
    const text = whole.slice(0, searchedMax)
    // Of a longer word only the beginning is looked for, and letters may follow it.
    return { text, bits: bitsOf(text), spaced: text === whole && alphabetic.test(whole) }
  })
  return { joined, bits, words: distinctive, common: distinctive.reduce((common, word) => common & word.bits, bits) }
}

/** A bit that no plain text has stands for the letters of other scripts. */
const bitsOf = (text: string): number => letterBits(text) | (isAscii(text) ? 0 : otherLetters)
const otherLetters = 1 << 31

/** Two Latin letters are in every text by chance; one character of another script may be, two are a name. */
const isDistinctive = (word: string): boolean =>
  latin.test(word) ? word.length >= 3 && !particles.has(word) : word.length >= 2

/** As of names that are hashed: of more, which is no name, the first words are looked for. */
const nameLengthMax = 256
/** In UTF-16 units: so many are in no text by chance, and to find one text in another may take the product of their lengths. */
const searchedMax = 64
/** Shorter ones are in many texts by chance. */
const joinedMin = 4
/** Parts of many names that are also words. */
const particles = new Set(["van", "von", "der", "den", "del", "dos", "das", "las", "los", "bin", "ibn", "the", "and"])
const notLetters = /[^\p{L}\p{M}]+/gu
const latin = /^\p{Script=Latin}+$/u
const alphabetic =
  /^[\p{Script=Latin}\p{Script=Cyrillic}\p{Script=Greek}\p{Script=Arabic}\p{Script=Hebrew}\p{Script=Devanagari}\p{M}]+$/u
const letter = /[\p{L}\p{M}]/u
