/** What the rule of every field does to text before its own: cleans it, recognizes what stands for no value, and what is hashed already. */
import { hash } from "node:crypto"
import { oncePerCharacter } from "../../../shared/model/memo.ts"
import { wordTable } from "../../../shared/model/text-table.ts"

/**
 * NFC, without control characters, lone surrogates and marks that turn the direction of the text behind them, and without spaces or
 * invisible characters at the ends.
 */
export const clean = (value: string): string => {
  if (plainAscii.test(value)) return value
  if (printableAscii.test(value)) return value.trim()
  return trimInvisible(composed(value.toWellFormed().replace(directions, "")).replace(controls, " "))
}

/** Without control characters, marks that turn the direction, and lone surrogates; its lines and spaces stay. */
export const withoutControls = (value: string): string =>
  printableAscii.test(value) ? value : value.toWellFormed().replace(controlsInLines, "").replace(directions, "")

/**
 * NFC in linear time: sorting a run of combining marks takes the square of its length, so that a longer run than any
 * language has is parted as Unicode's Stream-Safe Text Format does it (UAX #15, section 13).
 */
const composed = (value: string): string =>
  isComposed(value) ? value : (value.length > marksMax ? withPartedMarks(value) : value).normalize("NFC")

/**
 * Whether NFC leaves the text as it is for certain: none of its characters changes by itself, and none joins the one before it. Those
 * that join are marks and the medial and final letters of Hangul (UAX #15, section 9).
 */
const isComposed = (value: string): boolean => {
  for (let index = 0; index < value.length; index++) {
    const code = value.charCodeAt(index)
    if (code < 0x300) continue
    if (!isAloneInNfc(code)) return false
  }
  return true
}

const isAloneInNfc = oncePerCharacter((code) => {
  const character = String.fromCharCode(code)
  const isHangulLetter = code >= 0x1100 && code <= 0x11ff
  return (
    !isHangulLetter && character.isWellFormed() && !mark.test(character) && character.normalize("NFC") === character
  )
})
const mark = /^\p{M}$/u

const marksMax = 30
/** The joiner that parts a run (U+034F) is a mark itself, and ends a run. */
const joiner = 0x34f

const withPartedMarks = (value: string): string => {
  let parted = ""
  let start = 0
  let run = 0
  for (let index = 0; index < value.length; index++) {
    const code = value.codePointAt(index)!
    if (code === joiner || !isMark(code)) run = 0
    else if (++run > marksMax) {
      parted += `${value.slice(start, index)}\u034f`
      ;[start, run] = [index, 1]
    }
    if (code > 0xffff) index++
  }
  return start === 0 ? value : parted + value.slice(start)
}

const isMark = (code: number): boolean =>
  code > 0xffff ? mark.test(String.fromCodePoint(code)) : code >= 0x300 && isMarkInBasicPlane(code)
const isMarkInBasicPlane = oncePerCharacter((code) => mark.test(String.fromCharCode(code)))

/**
 * Without the characters that no one sees or types, wherever they stand: zero-width and soft breaks, marks of direction
 * (which some systems put between the parts of a date). The joiners of Persian and Indic words are part of the spelling.
 */
export const visible = (value: string): string => (ascii.test(value) ? value : value.replace(unseen, ""))

/** Lower case by Unicode's rule, of no language, and NFC again: some letters lower to more than one. */
export const lower = (value: string): string => {
  const lowered = value.toLowerCase()
  return ascii.test(lowered) ? lowered : composed(lowered)
}

/** Without spaces, punctuation and symbols; letters, digits and marks of every script stay. Empty for a text longer than any name. */
export const lettersAndDigits = (value: string): string => {
  if (value.length > nameLengthMax) return ""
  return asciiLetters.test(value) ? value : lower(value.replace(notLetters, ""))
}

/** Without any space, invisible ones too. */
export const withoutSpaces = (value: string): string => value.replace(spaces, "")

/**
 * The key by which names of countries are found: lower case, without accents, spaces and punctuation; empty for a text that is
 * longer than any name.
 */
export const fold = (value: string): string => {
  if (value.length > nameLengthMax) return ""
  if (asciiLetters.test(value)) return value
  return value
    .normalize("NFKD")
    .toLowerCase()
    .replace(/\p{M}/gu, "")
    .replace(specialLetters, (letter) => specialLetter[letter] ?? letter)
    .replace(/[^\p{L}\p{N}]/gu, "")
}

/** An email address where a name or a place belongs; an `@` alone is only punctuation. */
export const looksLikeAddress = (value: string): boolean => value.includes("@") && address.test(value)

export const isAscii = (value: string): boolean => ascii.test(value)

// biome-ignore lint/suspicious/noControlCharactersInRegex: the range is what ASCII means.
const ascii = /^[\x00-\x7f]*$/
const address = /[^\s@]@[^\s@]+\.[^\s@]/
/** Printable ASCII with no space at either end: nothing to clean. */
const plainAscii = /^[!-~](?:[ -~]*[!-~])?$/
const printableAscii = /^[ -~]*$/
const asciiLetters = /^[a-z0-9]+$/
const notLetters = /[^\p{L}\p{N}\p{M}]+/gu
const spaces = /[\s\p{Z}\p{Cf}\u115f\u1160\u3164\uffa0]+/gu
const unseen = /(?![\u200c\u200d])\p{Cf}/gu
const controls = /[\p{Cc}\ufffe\uffff]+/gu
const controlsInLines = /(?![\t\n\r])[\p{Cc}\ufffe\uffff]/gu
/** Embeddings, overrides and isolates; the marks of Arabic and Hebrew (U+200E, U+200F, U+061C) belong to the text. */
const directions = /[\u202a-\u202e\u2066-\u2069]/g

/** Without spaces and invisible characters at the ends, found from the ends, so that a long run of them costs once. */
const trimInvisible = (value: string): string => {
  let start = 0
  let end = value.length
  while (start < end && isInvisible(value.codePointAt(start)!)) start += value.codePointAt(start)! > 0xffff ? 2 : 1
  while (end > start) {
    const from = isPairBefore(value, end) ? end - 2 : end - 1
    if (!isInvisible(value.codePointAt(from)!)) break
    end = from
  }
  return value.slice(start, end)
}

const isPairBefore = (value: string, end: number): boolean =>
  end > 1 && (value.charCodeAt(end - 1) & 0xfc00) === 0xdc00 && (value.charCodeAt(end - 2) & 0xfc00) === 0xd800

const isInvisible = (code: number): boolean => {
  if (code < 0x80) return code === 0x20 || (code >= 9 && code <= 13)
  return code > 0xffff ? invisible.test(String.fromCodePoint(code)) : isInvisibleInBasicPlane(code)
}

const isInvisibleInBasicPlane = oncePerCharacter((code) => invisible.test(String.fromCharCode(code)))
/** In UTF-16 units: names of people, places and countries are bounded before, to fewer. */
const nameLengthMax = 1_024
const invisible = /^[\s\p{Z}\p{Cf}]$/u

const specialLetters = /[&ßıøđłæœ]/g
const specialLetter: Readonly<Record<string, string>> = {
  "&": "and",
  ß: "ss",
  ı: "i",
  ø: "o",
  đ: "d",
  ł: "l",
  æ: "ae",
  œ: "oe"
}

/** Whether a cleaned value stands for no value, such as `null`, `N/A`, `-`, or a variable that nothing filled. */
export const isPlaceholder = (value: string): boolean => {
  const first = value.charCodeAt(0)
  if (value.length > 24) {
    if (value.length === 64 && isPlaceholderHash(value)) return true
    return value.length <= variableLengthMax && variableStarts.includes(first) && variable.test(value)
  }
  const last = value.charCodeAt(value.length - 1)
  // Nearly every real value ends here: no word of the list begins and ends as it does.
  if (first < 128 && last < 128 && ends[(first << 7) | last] === 0) return false
  return (
    isWord(value.toLowerCase()) !== undefined || value === notAvailable || noLetter.test(value) || variable.test(value)
  )
}

const noLetter = /^[^\p{L}\p{N}]+$/u

/** As tag managers, shops and mailing programs write it: `{{Order ID}}`, `{gclid}`, `${id}`, `%%EMAIL%%`, `<%= id %>`, `*|FNAME|*`. */
const variable = /^(?:\$?\{[^{}]*\}|\{\{[^{}]*\}\}|\{%[^%]*%\}|%%[^%]+%%|<%[^%]*%>|\[\[[^[\]]*\]\]|\*\|[^|]*\|\*)$/
const variableLengthMax = 256
const variableStarts: ReadonlyArray<number> = Array.from("${%<[*", (character) => character.charCodeAt(0))

const words = new Set([
  "null",
  "(null)",
  "<null>",
  "[null]",
  "nil",
  "nan",
  "none",
  "(none)",
  "undefined",
  "(undefined)",
  "[object object]",
  "unknown",
  "(unknown)",
  "unspecified",
  "not set",
  "(not set)",
  "notset",
  "not_set",
  "not available",
  "not applicable",
  "not provided",
  "(not provided)",
  "not specified",
  "n/a",
  "n.a.",
  "n.a",
  "#n/a",
  "n\\a",
  "(empty)",
  "empty",
  "blank",
  "(blank)",
  "#ref!",
  "#value!",
  "#null!",
  "#name?",
  "{}",
  "[]",
  '""',
  "''"
])

const isWord = wordTable(words)

/** Whether it is the SHA-256 in hex of such a word or of the empty text: programs hash what is not there, too. */
const isPlaceholderHash = (value: string): boolean => value.length === 64 && hashes.has(value.toLowerCase())

const hashes: ReadonlySet<string> = new Set(
  ["", "0", "true", "false", ...words].map((word) => hash("sha256", word, "hex"))
)

/** `Na` is a name of people; in capitals it is what spreadsheets write. */
const notAvailable = "NA"

const isLetterOrDigit = (code: number): boolean => /[A-Za-z0-9]/.test(String.fromCharCode(code))

/** By first and last character, 1 where a text between them may be a placeholder: one of the words, or no letter at all. */
const ends = new Uint8Array(128 * 128)
for (let first = 0; first < 128; first++) {
  for (let last = 0; last < 128; last++) {
    if (!isLetterOrDigit(first) && !isLetterOrDigit(last)) ends[(first << 7) | last] = 1
  }
}
for (const word of [...words, notAvailable]) {
  const [first, last] = [word.charAt(0), word.charAt(word.length - 1)]
  for (const start of [first.toLowerCase(), first.toUpperCase()]) {
    for (const end of [last.toLowerCase(), last.toUpperCase()]) {
      ends[(start.charCodeAt(0) << 7) | end.charCodeAt(0)] = 1
    }
  }
}

/**
 * Whether a text is one of the words. First and last character decide for most texts, which spares computing the hash of
 * a fresh text.
 */
export const wordSet = (words: ReadonlyArray<string>): ((text: string) => boolean) => {
  const known = wordTable(words)
  const ends = new Uint8Array(endsMax)
  for (const word of words) ends[endsOf(word)] = 1
  return (text) => ends[endsOf(text)] === 1 && known(text) !== undefined
}

/** The same number for strings with the same first and last character, in either case of ASCII. */
const endsOf = (text: string): number => ((text.charCodeAt(0) & 31) << 5) | (text.charCodeAt(text.length - 1) & 31)

const endsMax = 1024

/** 64 lower-case hex characters: SHA-256 of the text's UTF-8 bytes. */
export const sha256 = (text: string): string => hash("sha256", text, "hex")

/**
 * The lower-case hash if the value is one already (64 hex characters of any case), else null. Meta's parameter builder
 * appends `.` and a short mark to a hash; the mark is cut off. The hash of a placeholder is not one, so that the
 * field's rule reports the placeholder.
 */
export const alreadyHashed = (value: string): string | null => {
  if (value.length < 64 || value.length > 80) return null
  const match = sha256Shape.exec(clean(value))
  return match === null || isPlaceholderHash(match[1]!) ? null : match[1]!.toLowerCase()
}

/** MD5, SHA-1, SHA-224, SHA-384 or SHA-512 in hex: no platform takes them, and hashing them again would match no one. */
export const isOtherHash = (value: string): boolean => otherHashLengths.has(value.length) && hex.test(value)

const sha256Shape = /^([0-9a-f]{64})(?:\.[A-Za-z0-9_-]{2,8})?$/i
const hex = /^[0-9a-f]+$/i
const otherHashLengths = new Set([32, 40, 56, 96, 128])
