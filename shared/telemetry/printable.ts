/** Text of others, made safe to print: what a terminal would obey, or what hides how a line reads, becomes visible. */

import { endianness } from "node:os"
import { oncePerCharacter } from "../model/memo.ts"

/**
 * The text with each control character (ESC, NUL, the C1 set), mark of direction, line separator and lone surrogate as `\uXXXX`.
 * Line feeds and tabs stay. JSON stays the same JSON: it can hold these characters in strings alone, where the escape means the
 * same character.
 */
export const printable = (text: string): string => (isPlain.test(text) ? text : escaped(text, backslash))

/** The same for a text that belongs into one line: line feeds and tabs are escaped too. */
export const printableLine = (text: string): string =>
  isPlainLine.test(text) ? text : printable(text).replaceAll("\n", "\\u000a").replaceAll("\t", "\\u0009")

/**
 * JSON of a value for a page: each of these characters is shown there as `\uXXXX`, since a mark of direction makes the words around it
 * read in another order. What JSON escapes itself stays the character.
 */
export const visibleJson = (value: unknown): string => {
  const text = JSON.stringify(value)
  return isPlain.test(text) ? text : escaped(text, `${backslash}${backslash}`)
}

const backslash = "\\"
const isPlain = /^[\n\t -~]*$/
const isPlainLine = /^[ -~]*$/

/** Written unit by unit into one piece of memory: joining millions of short strings takes several times as long. */
const escaped = (text: string, before: string): string => {
  const unitsOfEscape = before.length + 5
  const units = new Uint16Array(text.length * unitsOfEscape)
  let length = 0
  const writeEscape = (unit: number): void => {
    for (let index = 0; index < before.length; index++) units[length++] = 0x5c
    units[length++] = 0x75
    for (let shift = 12; shift >= 0; shift -= 4) units[length++] = hexDigits[(unit >> shift) & 15]!
  }
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at)
    const next = (unit & 0xfc00) === 0xd800 ? text.charCodeAt(at + 1) : 0
    if ((next & 0xfc00) !== 0xdc00) {
      if (isUnsafe(unit)) writeEscape(unit)
      else units[length++] = unit
      continue
    }
    at++
    if (unsafe.test(String.fromCharCode(unit, next))) {
      writeEscape(unit)
      writeEscape(next)
      continue
    }
    units[length++] = unit
    units[length++] = next
  }
  const bytes = Buffer.from(units.buffer, 0, length * 2)
  // Where the processor keeps the higher byte first, both change their places.
  return (endianness() === "LE" ? bytes : bytes.swap16()).toString("utf16le")
}

const hexDigits = Buffer.from("0123456789abcdef")

/** The joiners of Persian and Indic words (U+200C, U+200D) belong to the spelling, and steer nothing. */
const unsafe = /^(?![\n\t\u200c\u200d])[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]$/u

const isUnsafe = oncePerCharacter((unit) => unsafe.test(String.fromCharCode(unit)))
