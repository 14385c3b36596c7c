/** What every normalizer does to text before its own rule. */

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
  (value.length > marksMax ? value.replace(longRunOfMarks, "$&\u034f") : value).normalize("NFC")

const marksMax = 30
/** The joiner that parts a run (U+034F) is a mark itself, and ends a run. */
const longRunOfMarks = /(?:(?!\u034f)\p{M}){30}(?=\p{M})(?!\u034f)/gu

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

/** Without spaces, punctuation and symbols; letters, digits and marks of every script stay. */
export const lettersAndDigits = (value: string): string =>
  asciiLetters.test(value) ? value : lower(value.replace(notLetters, ""))

/** Without any space, invisible ones too. */
export const withoutSpaces = (value: string): string => value.replace(spaces, "")

/** The key by which names of countries are found: lower case, without accents, spaces and punctuation. */
export const fold = (value: string): string => {
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

const isInvisible = (code: number): boolean =>
  code < 0x80 ? code === 0x20 || (code >= 9 && code <= 13) : invisible.test(String.fromCodePoint(code))

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
