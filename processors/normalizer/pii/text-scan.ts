/** One pass over a text that finds whether the costly searches for personal data could find anything. */

/** Printable ASCII without a space at either end: nothing to clean. The letters are given for such texts alone. */
export const plain = 1 << 27
/** The text has an `@`, its full-width form, or its percent-encoding. */
export const hasAt = 1 << 28
/** It has seven digits with at most three other characters between two of them: the least that a phone number shows. */
export const hasSevenDigits = 1 << 29
/** A plain text has a `%` or a `+`, so that its characters may stand for others. */
export const hasEscape = 1 << 30

/**
 * `plain`, `hasAt`, `hasSevenDigits` and `hasEscape`, as far as they hold, and for a plain text its letters as in `letterBits`.
 * Bytes are read, since V8 reads those of a buffer several times faster than the characters of a text cut from another.
 */
export const scanText = (text: string): number => {
  const length = text.length
  if (length > scannedMax) return scanWide(text)
  const bytes = scratch
  encoder.encodeInto(text, bytes)
  let found = 0
  let run = 0
  let lastDigit = 0
  for (let at = 0; at < length; at++) {
    const code = bytes[at]!
    found |= meaning[code]!
    if (code < 0x30 || code > 0x39) continue
    run = at - lastDigit > stepMax ? 1 : run + 1
    lastDigit = at
    if (run >= 7) found |= hasSevenDigits
  }
  // A byte beyond ASCII is less than a character.
  if ((found & wide) !== 0) return scanWide(text)
  if ((found & hasPercent) !== 0) found |= text.includes("%40") ? hasAt | hasEscape : hasEscape
  found &= ~(wide | hasPercent)
  return length > 0 && bytes[0] !== space && bytes[length - 1] !== space ? found | plain : found
}

/** `hasAt` and `hasSevenDigits` of any text. */
const scanWide = (text: string): number => {
  let flags = 0
  let run = 0
  let gap = 0
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (isDigit(code)) {
      gap = 0
      if (++run >= 7) flags |= hasSevenDigits
      continue
    }
    if (++gap > 3) run = 0
    if (code === 0x40 || code === 0xff20 || (code === 0x25 && text.startsWith("40", at + 1))) flags |= hasAt
  }
  return flags
}

/** A bit for each of the letters a to z that the lower-case text holds; those of a word that a text holds are among its. */
export const letterBits = (lowered: string): number => {
  let found = 0
  for (let at = 0; at < lowered.length; at++) {
    const code = lowered.charCodeAt(at)
    if (code >= 0x61 && code <= 0x7a) found |= 1 << (code - 0x61)
  }
  return found
}

/** Whether the letters a to z come in this order in an ASCII text in lower case, with no other letter between them. */
export const hasAsciiLetters = (text: string, letters: string): boolean => {
  const first = letters.charCodeAt(0)
  const last = text.length - letters.length
  for (let start = 0; start <= last; start++) {
    if (text.charCodeAt(start) !== first) continue
    let found = 1
    for (let at = start + 1; at < text.length && found < letters.length; at++) {
      const code = text.charCodeAt(at)
      if (code === letters.charCodeAt(found)) found++
      else if (code >= 0x61 && code <= 0x7a) break
    }
    if (found === letters.length) return true
  }
  return false
}

const isDigit = (code: number): boolean => code >= 0x30 && code <= 0x39

/** Longer texts are rare: they are read without the buffer. */
const scannedMax = 2048
const encoder = new TextEncoder()
const scratch = new Uint8Array(3 * scannedMax)
/** From one digit of a run to the next: with at most three other characters between them. */
const stepMax = 4
const space = 0x20
/** Not printable ASCII. */
const wide = 1 << 31
const hasPercent = 1 << 26

/** What each byte says of the text that it stands in. */
const meaning = new Int32Array(256)
for (let code = 0; code < 256; code++) {
  const lower = code | 0x20
  if (code < 0x20 || code > 0x7e) meaning[code] = wide
  else if (lower >= 0x61 && lower <= 0x7a) meaning[code] = 1 << (lower - 0x61)
}
meaning[0x40] = hasAt
meaning[0x25] = hasPercent
meaning[0x2b] = hasEscape
