/** Plain loops over a text that tell whether the costly searches for personal data could find anything. */

/** The text has an `@`, its full-width form, or its percent-encoding. */
export const hasAt = 1
/** It has seven digits with at most three other characters between two of them: the least that a phone number shows. */
export const hasSevenDigits = 2

/** `hasAt` and `hasSevenDigits`, as far as they hold. */
export const scanText = (text: string): number => {
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

/** Whether the digits come in this order in the text, whatever stands between them. */
export const hasDigits = (text: string, digits: string): boolean => {
  const first = digits.charCodeAt(0)
  for (let start = 0; start < text.length; start++) {
    if (text.charCodeAt(start) !== first) continue
    let found = 1
    for (let at = start + 1; at < text.length && found < digits.length; at++) {
      const code = text.charCodeAt(at)
      if (code === digits.charCodeAt(found)) found++
      else if (isDigit(code)) break
    }
    if (found === digits.length) return true
  }
  return false
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
