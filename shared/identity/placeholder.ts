/** Values that stand for «no value»: they must never become a hash, since one hash would then be thousands of people. */

/** Whether a cleaned value only says that there is none, such as `null`, `N/A`, `unknown`, `-`. */
export const isPlaceholder = (value: string): boolean => {
  if (value.length > 24) return false
  const first = value.charCodeAt(0)
  // Nearly every real value ends here: its first letter begins no word of the list.
  if (first < 128 && firsts[first] === 0) return false
  return words.has(value.toLowerCase()) || exact.has(value) || /^[^\p{L}\p{N}]+$/u.test(value)
}

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

/** `Na` is a name of people; in capitals it is what spreadsheets write. */
const exact = new Set(["NA"])

const firsts = new Uint8Array(128)
for (const word of [...words, ...exact]) {
  firsts[word.charCodeAt(0)] = 1
  firsts[word.toUpperCase().charCodeAt(0)] = 1
}
for (let code = 0; code < 128; code++) {
  if (!/[A-Za-z0-9]/.test(String.fromCharCode(code))) firsts[code] = 1
}
