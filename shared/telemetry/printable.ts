/** Text of others, made safe to print: what a terminal would obey, or what hides how a line reads, becomes visible. */

/**
 * The text with each control character (ESC, NUL, the C1 set), mark of direction, line separator and lone surrogate as `\uXXXX`.
 * Line feeds and tabs stay. JSON stays the same JSON: it can hold these characters in strings alone, where the escape means the
 * same character.
 */
export const printable = (text: string): string => (isPlain.test(text) ? text : text.replace(unsafe, escaped))

/** The same for a text that belongs into one line: line feeds and tabs are escaped too. */
export const printableLine = (text: string): string =>
  isPlainLine.test(text) ? text : printable(text).replace(lineBreaks, escaped)

/**
 * JSON of a value for a page: each of these characters is shown there as `\uXXXX`, since a mark of direction makes the words around it
 * read in another order. What JSON escapes itself stays the character.
 */
export const visibleJson = (value: unknown): string => {
  const text = JSON.stringify(value)
  return isPlain.test(text) ? text : text.replace(unsafe, (character) => escaped(character).replaceAll("\\", "\\\\"))
}

const escaped = (character: string): string => {
  const known = escapes.get(character)
  if (known !== undefined) return known
  let text = ""
  for (let unit = 0; unit < character.length; unit++)
    text += `\\u${character.charCodeAt(unit).toString(16).padStart(4, "0")}`
  escapes.set(character, text)
  return text
}

/** There are about 2,500 such characters. */
const escapes = new Map<string, string>()
const isPlain = /^[\n\t -~]*$/
const isPlainLine = /^[ -~]*$/
/** The joiners of Persian and Indic words (U+200C, U+200D) belong to the spelling, and steer nothing. */
const unsafe = /(?![\n\t\u200c\u200d])[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu
const lineBreaks = /[\n\t]/g
