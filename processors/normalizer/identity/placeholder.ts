/** Values that stand for «no value»: they must never become a hash, since one hash would then be thousands of people. */
import { hash } from "node:crypto"

/** Whether a cleaned value stands for no value, such as `null`, `N/A`, `-`, or a variable that nothing filled. */
export const isPlaceholder = (value: string): boolean => {
  if (value.length > 24) return isPlaceholderHash(value) || (value.length <= variableLengthMax && variable.test(value))
  const first = value.charCodeAt(0)
  const last = value.charCodeAt(value.length - 1)
  // Nearly every real value ends here: no word of the list begins and ends as it does.
  if (first < 128 && last < 128 && ends[(first << 7) | last] === 0) return false
  return words.has(value.toLowerCase()) || exact.has(value) || noLetter.test(value) || variable.test(value)
}

const noLetter = /^[^\p{L}\p{N}]+$/u

/** As tag managers, shops and mailing programs write it: `{{Order ID}}`, `{gclid}`, `${id}`, `%%EMAIL%%`, `<%= id %>`, `*|FNAME|*`. */
const variable = /^(?:\$?\{[^{}]*\}|\{\{[^{}]*\}\}|\{%[^%]*%\}|%%[^%]+%%|<%[^%]*%>|\[\[[^[\]]*\]\]|\*\|[^|]*\|\*)$/
const variableLengthMax = 256

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

/** Whether it is the SHA-256 in hex of such a word or of the empty text: programs hash what is not there, too. */
export const isPlaceholderHash = (value: string): boolean => value.length === 64 && hashes.has(value.toLowerCase())

const hashes: ReadonlySet<string> = new Set(
  ["", "0", "true", "false", ...words].map((word) => hash("sha256", word, "hex"))
)

/** `Na` is a name of people; in capitals it is what spreadsheets write. */
const exact = new Set(["NA"])

const isLetterOrDigit = (code: number): boolean => /[A-Za-z0-9]/.test(String.fromCharCode(code))

/** By first and last character, 1 where a text between them may be a placeholder: one of the words, or no letter at all. */
const ends = new Uint8Array(128 * 128)
for (let first = 0; first < 128; first++) {
  for (let last = 0; last < 128; last++) {
    if (!isLetterOrDigit(first) && !isLetterOrDigit(last)) ends[(first << 7) | last] = 1
  }
}
for (const word of [...words, ...exact]) {
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
export const wordSet = (words: Iterable<string>): ((text: string) => boolean) => {
  const known = new Set(words)
  const ends = new Uint8Array(endsMax)
  for (const word of known) ends[endsOf(word)] = 1
  return (text) => ends[endsOf(text)] === 1 && known.has(text)
}

/** The same number for strings with the same first and last character, in either case of ASCII. */
const endsOf = (text: string): number => ((text.charCodeAt(0) & 31) << 5) | (text.charCodeAt(text.length - 1) & 31)

const endsMax = 1024
