/** Email addresses: trimmed and lower case for every platform, with Google's rule for gmail beside. */
import { isBase64Hash, narrow } from "./as-typed.ts"
import { dropped, type Field, kept } from "./field.ts"
import { clean, isAscii, isOtherHash, isPlaceholder, lower, visible, wordSet } from "./text.ts"

export interface EmailForms {
  /** Meta, TikTok, Snapchat: trimmed, lower case; dots and `+suffix` stay. */
  readonly plain: string
  /**
   * Google (Data Manager, formatting page): as above, and for gmail.com and googlemail.com without the dots and the
   * `+suffix` of the local part, the domain as given. Null where nothing is left of the local part.
   */
  readonly google: string | null
}

export const normalizeEmail = (raw: string): Field<EmailForms> => {
  if (raw.length > 1024) return dropped("too_long")
  const cleaned = isAscii(raw) ? clean(raw) : narrow(clean(raw))
  if (cleaned === "") return dropped("empty")
  if (isPlaceholder(cleaned)) return dropped("placeholder")
  const lowered = withoutScheme(cleaned).toLowerCase()
  // Nearly every address; of what is not ASCII nothing of this shape is left by lower case but what the rule gives, too.
  const isUsual = lowered.length <= 254 && asciiShape.test(lowered)
  const ascii = isUsual || isAscii(cleaned)
  const plain = ascii ? lowered : lower(withoutScheme(visible(cleaned)))
  const at = plain.indexOf("@")
  // The longest address that SMTP can carry (RFC 5321, section 4.5.3.1).
  if (plain.length > 254) return dropped("too_long")
  if (!isUsual && (at < 1 || !shape(plain, ascii).test(plain)))
    return dropped(isOtherHash(plain) || isBase64Hash(cleaned) ? "unsupported_hash" : "invalid_email")
  const local = plain.slice(0, at)
  if (local.startsWith(".") && onlyDots.test(local)) return dropped("invalid_email")
  const domain = plain.slice(at + 1)
  if (isPlaceholderAddress(local, domain)) return dropped("placeholder")
  return kept({ plain, google: googleForm(plain, local, domain) })
}

const withoutScheme = (value: string): string =>
  value.charCodeAt(6) === colon && /^mailto:/i.test(value) ? value.slice(7).trim() : value

const colon = 0x3a
const onlyDots = /^\.+$/
const shape = (value: string, ascii: boolean): RegExp => (ascii || isAscii(value) ? asciiShape : unicodeShape)
const asciiShape =
  /^[a-z0-9.!#$%&'*+/=?^_`{|}~-]+@(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)+(?:[a-z]{2,}|xn--[a-z0-9-]*[a-z0-9])$/
/** As above with letters of every script (RFC 6531). */
const unicodeShape =
  /^[\p{L}\p{M}\p{N}.!#$%&'*+/=?^_`{|}~-]+@(?:[\p{L}\p{N}](?:[\p{L}\p{M}\p{N}-]*[\p{L}\p{M}\p{N}])?\.)+\p{L}[\p{L}\p{M}]+$/u

const googleForm = (plain: string, local: string, domain: string): string | null => {
  if (domain !== "gmail.com" && domain !== "googlemail.com") return plain
  const plus = local.indexOf("+")
  const bare = (plus < 0 ? local : local.slice(0, plus)).replaceAll(".", "")
  return bare === "" ? null : `${bare}@${domain}`
}

/** `test@test.com`, `none@none.com`, `noemail@…`, addresses under domains that can never receive mail (RFC 2606, 6761). */
const isPlaceholderAddress = (local: string, domain: string): boolean => {
  if (isNeverAnAddress(local)) return true
  if (domain.endsWith(".invalid") || domain.endsWith(".localhost")) return true
  return isPlaceholderPart(local) && (domain.slice(0, domain.indexOf(".")) === local || placeholderDomains.has(domain))
}

const isNeverAnAddress = wordSet([
  "null",
  "undefined",
  "noemail",
  "no-email",
  "no_email",
  "no.email",
  "nomail",
  "noreply",
  "no-reply",
  "no_reply",
  "donotreply",
  "do-not-reply"
])
const isPlaceholderPart = wordSet([
  "test",
  "none",
  "na",
  "n.a",
  "n/a",
  "no",
  "nope",
  "unknown",
  "anonymous",
  "example",
  "email",
  "mail",
  "asdf",
  "asd",
  "qwerty",
  "abc",
  "a",
  "aa",
  "aaa",
  "x",
  "xx",
  "xxx"
])
const placeholderDomains = new Set([
  "test.com",
  "none.com",
  "na.com",
  "unknown.com",
  "noemail.com",
  "nomail.com",
  "no.com"
])
