/**
 * Finds personal data where it does not belong: in URLs, free text and custom properties. Two kinds: what looks like an
 * email address or a phone number of anybody, and this customer's own identifiers in any usual spelling.
 */
import type { RawUser } from "../../schemas/types.gen.ts"
import { normalizeBirthDate } from "../identity/birth-date.ts"
import { memo } from "../identity/memo.ts"
import { isPlaceholder } from "../identity/placeholder.ts"
import { alreadyHashed } from "../identity/sha256.ts"
import { clean, isAscii, lower } from "../identity/text.ts"
import { hasAsciiLetters, hasAt, hasDigits, hasSevenDigits, scanText } from "./text-scan.ts"

export interface PersonalData {
  /** Whether the text tells an email address, or the customer's phone number, name or date of birth. */
  readonly inText: (text: string) => boolean
  /** As above without names: for codes and catalog words, where a name is more likely a brand or a model. */
  readonly inCode: (text: string) => boolean
}

/** What to look for in the texts of one event; the list of the customer's own values is made at the first need. */
export const personalDataOf = (user: RawUser | null): PersonalData => {
  let own: Needles | null = null
  const needles = (): Needles => {
    own ??= needlesOf(user)
    return own
  }
  const inCode = (text: string): boolean => {
    if (text.length <= 4) return false
    const flags = scanText(text)
    if (flags === 0) return false
    return (
      ((flags & hasAt) !== 0 && emailInText.test(text)) ||
      ((flags & hasSevenDigits) !== 0 && hasNumber(text, needles()))
    )
  }
  return {
    inCode,
    inText: (text) => inCode(text) || hasName(text, needles())
  }
}

/** An address anywhere in the text, percent-encoded or not. */
export const looksLikeEmail = (text: string): boolean =>
  (text.includes("@") || text.includes("%40") || text.includes("＠")) && emailInText.test(text)

/** Names of parameters and properties that hold an identifier whatever their value looks like. */
export const isIdentifierName: (name: string) => boolean = memo(20_000, (name) => identifierName.test(name))

interface Needles {
  /** Digits of phone numbers without prefixes, and of the date of birth in the orders in which people write it. */
  readonly numbers: ReadonlyArray<string>
  /** Parts of the names, lower case. */
  readonly words: ReadonlyArray<Word>
  /** First and last name written together, both ways. */
  readonly joined: ReadonlyArray<string>
}

const needlesOf = (user: RawUser | null): Needles => {
  if (user === null) return { numbers: [], words: [], joined: [] }
  const numbers: Array<string> = []
  for (const phone of plainValues(user.phone)) {
    // Trunk prefix and country code differ between spellings; the last eight digits do not.
    const digits = phone.replace(/[^0-9]+/g, "")
    if (digits.length >= 7) numbers.push(digits.slice(-8).replace(/^0+/, ""))
  }
  for (const date of plainValues(user.date_of_birth)) numbers.push(...birthdayDigits(date))
  const first = wordsOf(user.first_name)
  const last = wordsOf(user.last_name)
  const [given, family] = [first.joined, last.joined]
  const joined =
    given.length + family.length >= 4 && given !== "" && family !== "" ? [given + family, family + given] : []
  return {
    numbers: numbers.filter((digits) => digits.length >= 6),
    words: last.telling.length === 0 ? first.telling : first.telling.concat(last.telling),
    joined
  }
}

/** Year, month and day in every usual order, with the zeros before single digits and without. */
const birthdayDigits = memo(20_000, (raw: string): ReadonlyArray<string> => {
  const found = new Set<string>()
  const given = raw.replace(/[^0-9]+/g, "")
  if (given.length >= 8) found.add(given.slice(0, 8))
  for (const order of ["month_first", "day_first"] as const) {
    const date = normalizeBirthDate(raw, Number.POSITIVE_INFINITY, order)
    if (!("value" in date)) continue
    const [year, month, day] = [date.value.slice(0, 4), date.value.slice(4, 6), date.value.slice(6)]
    for (const [m, d] of [[month, day] as const, [String(Number(month)), String(Number(day))] as const]) {
      for (const digits of [year + m + d, d + m + year, m + d + year]) if (digits.length >= 7) found.add(digits)
    }
  }
  return [...found]
})

const plainValues = (values: string | ReadonlyArray<string> | null): ReadonlyArray<string> => {
  if (values === null) return []
  const list = typeof values === "string" ? [values] : values
  return list.filter((value) => alreadyHashed(value) === null)
}

interface NameWords {
  readonly joined: string
  readonly telling: ReadonlyArray<Word>
}

interface Word {
  readonly text: string
  /** Of a script that sets spaces between words. */
  readonly spaced: boolean
}

const wordsOf = (name: string | null): NameWords =>
  name === null || alreadyHashed(name) !== null ? noWords : splitName(name)

const noWords: NameWords = { joined: "", telling: [] }
const notLetters = /[^\p{L}\p{M}]+/gu
const splitName = memo(20_000, (name: string): NameWords => {
  const cleaned = clean(name)
  if (isPlaceholder(cleaned)) return noWords
  const words = lower(cleaned)
    .split(notLetters)
    .filter((word) => word !== "")
  return {
    joined: words.join(""),
    telling: words.filter(isTelling).map((text) => ({ text, spaced: alphabetic.test(text) }))
  }
})

/** Two Latin letters are in every text by chance; one character of another script may be, two are a name. */
const isTelling = (word: string): boolean =>
  latin.test(word) ? word.length >= 3 && !particles.has(word) : word.length >= 2

const hasNumber = (text: string, { numbers }: Needles): boolean => {
  for (const number of numbers) if (hasDigits(text, number)) return true
  return false
}

const hasName = (text: string, { joined, words }: Needles): boolean => {
  if (words.length === 0 && joined.length === 0) return false
  const lowered = lower(text)
  for (const word of words) if (hasWord(lowered, word)) return true
  if (joined.length === 0) return false
  if (isAscii(lowered)) {
    for (const name of joined) if (hasAsciiLetters(lowered, name)) return true
    return false
  }
  const together = lowered.replace(notLetters, "")
  return joined.some((name) => together.includes(name))
}

/** The word with no letter before or after it; in scripts without spaces between words, anywhere. */
const hasWord = (text: string, { text: word, spaced }: Word): boolean => {
  for (let at = text.indexOf(word); at >= 0; at = text.indexOf(word, at + 1)) {
    if (!spaced) return true
    const end = at + word.length
    if (!(at > 0 && letter.test(text[at - 1]!)) && !(end < text.length && letter.test(text[end]!))) return true
  }
  return false
}

const emailInText = /[^\s@＠](?:@|＠|%40)[^\s@＠]*[^\s@＠.](?:\.|%2e)\p{L}/iu
const identifierName =
  /^(?:(?:user|customer|contact|billing|shipping)?[-_. ]?(?:e[-_]?mail(?:[-_]?address)?|phone(?:[-_]?number)?|telephone|msisdn|first[-_]?name|last[-_]?name|full[-_]?name|given[-_]?name|family[-_]?name|surname|birth[-_]?date|birthday|date[-_]?of[-_]?birth)|dob|tel|mail|fname|lname|em|ph|fn|ln)$/i
/** Parts of many names that are words of their own as well. */
const particles = new Set(["van", "von", "der", "den", "del", "dos", "das", "las", "los", "bin", "ibn", "the", "and"])
const latin = /^\p{Script=Latin}+$/u
const alphabetic =
  /^[\p{Script=Latin}\p{Script=Cyrillic}\p{Script=Greek}\p{Script=Arabic}\p{Script=Hebrew}\p{Script=Devanagari}\p{M}]+$/u
const letter = /[\p{L}\p{M}]/u
