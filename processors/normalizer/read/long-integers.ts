/** Integers beyond 2⁵³ in JSON, whose digits a parser does not keep: such a number is an id, mostly of a database. */

/** The same JSON with these integers as text. Takes time linear in the length; what is not JSON becomes other text that is not. */
export const longIntegersAsText = (json: string): string => {
  let made = ""
  let copied = 0
  for (let at = 0; at < json.length; at++) {
    const code = json.charCodeAt(at)
    if (code === quote) at = endOfString(json, at)
    else if (mayBeOfNumber(code)) {
      const start = at
      while (mayBeOfNumber(json.charCodeAt(at + 1))) at++
      if (at - start + 1 < digitsMin) continue
      const number = json.slice(start, at + 1)
      if (!integer.test(number) || Number.isSafeInteger(Number(number))) continue
      made += `${json.slice(copied, start)}"${number}"`
      copied = at + 1
    }
  }
  return made + json.slice(copied)
}

const endOfString = (json: string, start: number): number => {
  let at = start + 1
  for (; at < json.length && json.charCodeAt(at) !== quote; at++) if (json.charCodeAt(at) === backslash) at++
  return at
}

/** A digit, `+`, `-`, `.`, `e` or `E`: outside of strings, of words alone beside numbers, which are shorter. */
const mayBeOfNumber = (code: number): boolean =>
  (code >= 0x30 && code <= 0x39) || code === 0x2b || code === 0x2d || code === 0x2e || code === 0x65 || code === 0x45

const quote = 0x22
const backslash = 0x5c
/** Of 2⁵³. */
const digitsMin = 16
const integer = /^-?[0-9]+$/
