/** What every normalizer does to text before its own rule. */

/** NFC, without control characters and lone surrogates, and without spaces or invisible characters at the ends. */
export const clean = (value: string): string => {
  if (plainAscii.test(value)) return value
  if (printableAscii.test(value)) return value.trim()
  return trimInvisible(value.toWellFormed().normalize("NFC").replace(controls, " "))
}

/**
 * Without the characters that nobody sees or types, wherever they stand: zero-width and soft breaks, marks of direction
 * (which some systems put between the parts of a date). The joiners of Persian and Indic words are part of the spelling.
 */
export const visible = (value: string): string => (ascii.test(value) ? value : value.replace(unseen, ""))

/** Lower case by Unicode's own rule, of no language, and NFC again: some letters lower to more than one. */
export const lower = (value: string): string => {
  const lowered = value.toLowerCase()
  return ascii.test(lowered) ? lowered : lowered.normalize("NFC")
}

/** Without spaces, punctuation and symbols; letters, digits and marks of every script stay. */
export const letters = (value: string): string =>
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
const invisibleEnds = /^[\s\p{Z}\p{Cf}]+|[\s\p{Z}\p{Cf}]+$/gu
const trimInvisible = (value: string): string => value.replace(invisibleEnds, "")

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
