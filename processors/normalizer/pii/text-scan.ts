/**
 * One pass over a text that finds whether the costly searches for personal data could find anything; and the search for email addresses in
 * another form.
 */
import { hash } from "node:crypto"

/** Printable ASCII without a space at either end: nothing to clean. The letters are given for such texts alone. */
export const plain = 1 << 27
/** The text has an `@`, its full-width form, or its percent-encoding. */
export const hasAt = 1 << 28
/** It has seven digits with at most three other characters between two of them: the least that a phone number shows. */
export const hasSevenDigits = 1 << 29
/** The text may have a word that is base64 of printable characters, or as long as an MD5 or SHA-1 in hex. */
export const hasEncodedWord = 1 << 26
/** A plain text has a `%` or a `+`, so that its characters may stand for others. */
export const hasEscape = 1 << 30

/**
 * `plain`, `hasAt`, `hasSevenDigits`, `hasEncodedWord` and `hasEscape`, as far as they hold, and for a plain text its letters as in `letterBits`.
 * Bytes are read, since V8 reads those of a buffer several times faster than the characters of a text cut from another; of a short text the
 * call that writes them would cost more.
 */
export const scanText = (text: string): number => {
  const length = text.length
  if (length > scannedMax) return scanWide(text)
  const bytes = scratch
  if (length <= shortMax) {
    for (let at = 0; at < length; at++) {
      const code = text.charCodeAt(at)
      if (code > 0x7e) return scanWide(text)
      bytes[at] = code
    }
  } else bytes.write(text)
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
  if (length >= wordLengthMin && mayHaveEncodedWord(bytes, length)) found |= hasEncodedWord
  return length > 0 && bytes[0] !== space && bytes[length - 1] !== space ? found | plain : found
}

/** Whether a word of base64's characters has only first characters of four that stand for printable ones. */
const mayHaveEncodedWord = (bytes: Uint8Array, length: number): boolean => {
  // A word that is long enough covers one of the positions that are looked at.
  for (let at = wordLengthMin - 1; at < length; at += wordLengthMin) {
    if (base64[bytes[at]!] === 0) continue
    let start = at
    while (start > 0 && base64[bytes[start - 1]!] !== 0) start--
    let end = at + 1
    while (end < length && base64[bytes[end]!] !== 0) end++
    if (end - start >= wordLengthMin) {
      if (end - start === 32 || end - start === 40) return true
      let first = start
      while (first + 1 < end && base64[bytes[first]!] === 2) first += 4
      if (first + 1 >= end) return true
    }
    at = end - 1
  }
  return false
}

/** `hasAt` and `hasSevenDigits` of any text; of an encoded word it is not sure. */
const scanWide = (text: string): number => {
  let flags = text.length < wordLengthMin ? 0 : hasEncodedWord
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

/** ASCII, Arabic, Persian, Devanagari, full-width. */
const isDigit = (code: number): boolean => isIn(westernCode(code), 0x30)
const isIn = (code: number, zero: number): boolean => code >= zero && code < zero + 10

/** A text with the digits of these scripts, and its full-width plus and dash, in ASCII; character by character. */
export const westernDigits = (text: string): string => {
  if (!otherDigit.test(text)) return text
  const codes = new Uint16Array(text.length)
  for (let at = 0; at < text.length; at++) codes[at] = westernCode(text.charCodeAt(at))
  return Buffer.from(codes.buffer).toString("utf16le")
}

const westernCode = (code: number): number => {
  if (code < 0x660) return code
  for (const zero of zeros) if (isIn(code, zero)) return code - zero + 0x30
  if (code === 0xff0b) return 0x2b
  return code === 0xff0d || code === 0x2010 || code === 0x2012 || code === 0x2013 || code === 0x2212 ? 0x2d : code
}

const zeros = [0x660, 0x6f0, 0x966, 0xff10]
const otherDigit = /[\u0660-\u0669\u06f0-\u06f9\u0966-\u096f\uff10-\uff19\uff0b\uff0d\u2010\u2012\u2013\u2212]/

/** Longer texts are rare: they are read without the buffer. */
const scannedMax = 2048
const scratch = Buffer.alloc(3 * scannedMax)
/** Up to here the characters are read one by one. */
const shortMax = 24
/** From one digit of a run to the next: with at most three other characters between them. */
const stepMax = 4
const space = 0x20
/** Not printable ASCII. */
const wide = 1 << 31
const hasPercent = 1 << 26

/** Base64 of an address of eleven characters: shorter words are ordinary ones. */
export const wordLengthMin = 15
/**
 * 2 for `I` to `Z` and `a` to `f`, with which the code of a printable character begins. The last two characters of either alphabet
 * are none of a word: they stand between words of paths and ids, and in an encoded address only as the last of four, for `>`, `?`
 * and `~`, so that what follows can be read by itself.
 */
const base64 = new Uint8Array(256)
for (const character of "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789") {
  base64[character.charCodeAt(0)] = /[I-Za-f]/.test(character) ? 2 : 1
}

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

/** Whose addresses are searched for; `emailHashes`, see `emailHashesOf`, are asked for only where a word has the form of such a hash. */
export interface AddressOwner {
  readonly emailHashes: () => ReadonlySet<string>
}

/** Whether a word of the text is base64 of an email address, or a hash of one of the owner's. */
export const hasEncodedEmail = (text: string, owner: AddressOwner): boolean => {
  // A word of that length covers one of the positions that are looked at.
  for (let at = wordLengthMin - 1; at < text.length; at += wordLengthMin) {
    if (!isBase64(text.charCodeAt(at))) continue
    let start = at
    while (start > 0 && isBase64(text.charCodeAt(start - 1))) start--
    let end = at + 1
    while (end < text.length && isBase64(text.charCodeAt(end))) end++
    if (end - start >= wordLengthMin && isEncodedEmail(text, start, end, owner)) return true
    at = end - 1
  }
  return false
}

const isEncodedEmail = (text: string, start: number, end: number, owner: AddressOwner): boolean => {
  const length = end - start
  if (length === md5Length || length === sha1Length) {
    const word = text.slice(start, end)
    if (hex.test(word)) return owner.emailHashes().has(word.toLowerCase())
  }
  if (length > wordLengthMax) return false
  const decoded = Buffer.from(text.slice(start, end), "base64").toString("latin1")
  const sign = decoded.indexOf("@")
  return sign > 0 && printable.test(decoded) && domain.test(decoded.slice(sign + 1))
}

/** MD5 and SHA-1 of the customer's addresses, as they are given and trimmed in lower case. */
export const emailHashesOf = (email: string | ReadonlyArray<string> | null): ReadonlySet<string> => {
  const found = new Set<string>()
  for (const address of (typeof email === "string" ? [email] : (email ?? [])).slice(0, addressesMax)) {
    if (address.length > wordLengthMax) continue
    for (const form of new Set([address, address.trim(), address.trim().toLowerCase()])) {
      found.add(hash("md5", form)).add(hash("sha1", form))
    }
  }
  return found
}

const addressesMax = 20
/** The longest address that SMTP carries, in base64. */
const wordLengthMax = 344
const md5Length = 32
const sha1Length = 40
const hex = /^[0-9a-f]+$/i
const printable = /^[ -~]+$/
const domain = /^[^\s@.]+\.[a-z]/i

const isBase64 = (code: number): boolean => code < 128 && base64[code] !== 0
