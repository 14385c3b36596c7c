/** Email addresses in another form: base64 of anyone's, MD5 and SHA-1 of the customer's. Takes time linear in the length of a text. */
import { hash } from "node:crypto"
import { base64, wordLengthMin } from "./text-scan.ts"

/**
 * Whether a word of the text is base64 of an email address, or a hash among `ownHashes`.
 *
 * @param ownHashes see `emailHashesOf`; asked for only where a word has the form of such a hash
 */
export const hasEncodedEmail = (text: string, ownHashes: () => ReadonlySet<string>): boolean => {
  // A word of that length covers one of the positions that are looked at.
  for (let at = wordLengthMin - 1; at < text.length; at += wordLengthMin) {
    if (!isBase64(text.charCodeAt(at))) continue
    let start = at
    while (start > 0 && isBase64(text.charCodeAt(start - 1))) start--
    let end = at + 1
    while (end < text.length && isBase64(text.charCodeAt(end))) end++
    if (end - start >= wordLengthMin && isEncodedEmail(text, start, end, ownHashes)) return true
    at = end - 1
  }
  return false
}

const isEncodedEmail = (text: string, start: number, end: number, ownHashes: () => ReadonlySet<string>): boolean => {
  const length = end - start
  if (length === md5Length || length === sha1Length) {
    const word = text.slice(start, end)
    if (hex.test(word)) return ownHashes().has(word.toLowerCase())
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
