/**
 * Ids of the customer, in the producer's system and WhatsApp's; and what a device says about itself: IP address, user agent, locale,
 * advertising id.
 */

import { isIPv4, isIPv6 } from "node:net"
import { isWhatsAppUserId } from "../../../shared/model/platform.ts"
import { isPlainAgent } from "../pii/user-agent.ts"
import { isDamaged } from "./as-typed.ts"
import { type Drop, type DropReason, dropped, type Field, kept } from "./field.ts"
import { clean, isPlaceholder, lower, withoutSpaces, wordSet } from "./text.ts"

/**
 * The customer's id in the producer's system, in lower case without spaces: what Meta's parameter builder and the pixels of the platforms do to it before they hash,
 * so that both sides of a match agree. Ids that stand for no one (`0`, `anonymous`) are left out.
 */
export const normalizeExternalId = (raw: string): Field<string> => {
  if (raw.length > 1024) return dropped("too_long")
  const plain = plainToken.test(raw) ? raw : withoutSpaces(lower(clean(raw)))
  if (plain === "") return dropped("empty")
  if (isDamaged(plain)) return dropped("invalid_external_id")
  if (isPlaceholder(plain) || isAnonymous(plain)) return dropped("placeholder")
  return kept(plain)
}

/** Nothing to clean, to lower or to take out. */
const plainToken = /^[a-z0-9_.-]+$/

const isAnonymous = wordSet([
  "0",
  "-1",
  "anonymous",
  "anon",
  "guest",
  "false",
  "true",
  "00000000-0000-0000-0000-000000000000",
  "notset",
  "notavailable"
])

/**
 * WhatsApp's business-scoped user id: two letters of a country, a dot and up to 128 letters and digits, as its webhooks
 * bring it (`US.13491208655302741918`; a parent's has `ENT.` between). It is sent as it came, never hashed.
 * (WhatsApp Cloud API: business-scoped user ids.)
 */
const normalizeWhatsAppUserId = (raw: string): Field<string> => {
  if (raw.length > whatsAppIdLengthMax) return dropped("invalid_whatsapp_user_id")
  const cleaned = clean(raw)
  if (cleaned === "") return dropped("empty")
  return isWhatsAppUserId(cleaned) ? kept(cleaned) : dropped("invalid_whatsapp_user_id")
}

/** The id sealed for messages. It is checked wherever it is given, so that a wrong one shows. */
export const sealedWhatsAppUserId = (
  raw: string | null,
  sealRecipient: ((recipient: string) => string) | null,
  drop: Drop
): string | null => {
  if (raw === null) return null
  const id = normalizeWhatsAppUserId(raw)
  if ("value" in id) return sealRecipient === null ? null : sealRecipient(id.value)
  drop("user.whatsapp_user_id", id.dropped)
  return null
}

const whatsAppIdLengthMax = 256

/**
 * The customer's address: the first public one where a proxy's list (`client, proxy1, proxy2`) was given, without port
 * and brackets; an IPv4 address written as IPv6 (`::ffff:1.2.3.4`) is IPv4. Private, link-local, loopback, multicast and
 * reserved addresses say nothing about a customer, and TikTok refuses them.
 */
export const normalizeIp = (raw: string): Field<string> => {
  const octets = firstOctets(raw)
  if (octets !== null) return isPublicV4(octets, raw) ? kept(raw) : dropped("ip_not_public")
  if (raw.length > 512) return dropped("invalid_ip")
  const cleaned = clean(raw)
  if (cleaned === "") return dropped("empty")
  if (isPlaceholder(cleaned)) return dropped("placeholder")
  let reason: DropReason = "invalid_ip"
  for (const part of cleaned.split(",")) {
    const address = bare(part.trim().toLowerCase())
    if (isIPv4(address)) {
      if (isPublicV4(firstOctets(address)!, address)) return kept(address)
      reason = "ip_not_public"
    } else if (isIPv6(address)) {
      if (isPublicV6(address)) return kept(address)
      reason = "ip_not_public"
    }
  }
  return dropped(reason)
}

const bare = (address: string): string => {
  const bracketed = /^\[([0-9a-f:.%]+)\](?::\d+)?$/.exec(address)
  const unbracketed = bracketed === null ? address.replace(/^(\d+\.\d+\.\d+\.\d+):\d+$/, "$1") : bracketed[1]!
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/.exec(unbracketed)
  return mapped === null ? unbracketed : mapped[1]!
}

/** The first two of the four octets as one number, in one pass; null for what is not an IPv4 address as Node takes it. */
const firstOctets = (text: string): number | null => {
  if (text.length < 7 || text.length > 15) return null
  let found = 0
  let octet = 0
  let digits = 0
  let dots = 0
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (code === dot) {
      if (digits === 0 || ++dots > 3) return null
      if (dots <= 2) found = found * 256 + octet
      octet = 0
      digits = 0
      continue
    }
    const digit = code - zero
    // No octet begins with a zero that is not all of it.
    if (digit < 0 || digit > 9 || (digits > 0 && octet === 0)) return null
    octet = octet * 10 + digit
    digits++
    if (octet > 255) return null
  }
  return dots === 3 && digits > 0 ? found : null
}

const dot = 0x2e
const zero = 0x30

/** IANA's special-purpose registry; the addresses for documentation stay, since no customer has one and examples do. */
const isPublicV4 = (octets: number, address: string): boolean => {
  const [a, b] = [octets >> 8, octets & 255]
  if (a === 0 || a === 10 || a === 127 || a >= 224) return false
  if (a === 100) return b < 64 || b > 127
  if (a === 169) return b !== 254
  if (a === 172) return b < 16 || b > 31
  if (a === 192) return b !== 168 && !address.startsWith("192.0.0.")
  if (a === 198) return b !== 18 && b !== 19
  return true
}

/** Global unicast is 2000::/3; mapped and translated IPv4 in hexadecimal is left out with the rest. */
const isPublicV6 = (address: string): boolean => /^[23][0-9a-f]{3}:/.test(address) && !address.includes("%")

/** A BCP 47 tag; `en_US` as operating systems write it becomes `en-US`. */
export const normalizeLocale = (raw: string): Field<string> => {
  if (raw.length > rawLengthMax) return dropped("invalid_locale")
  const cleaned = locale.test(raw) ? raw : clean(raw).replaceAll("_", "-")
  if (cleaned === "") return dropped("empty")
  if (isPlaceholder(cleaned)) return dropped("placeholder")
  return locale.test(cleaned) ? kept(cleaned) : dropped("invalid_locale")
}

/** As the browser sent it, without control characters. */
export const normalizeUserAgent = (raw: string): Field<string> => {
  if (raw.length > userAgentLengthMax) return dropped("invalid_user_agent")
  const cleaned = isPlainAgent(raw) ? raw : clean(raw)
  if (cleaned === "") return dropped("empty")
  return isPlaceholder(cleaned) ? dropped("placeholder") : kept(cleaned)
}

/** IDFA or GAID, as the device gave it. All zeros means that the customer limited tracking. */
export const normalizeMobileId = (raw: string): Field<string> => {
  if (raw.length > rawLengthMax) return dropped("invalid_mobile_id")
  const cleaned = clean(raw)
  if (cleaned === "") return dropped("empty")
  if (isPlaceholder(cleaned)) return dropped("placeholder")
  if (!uuid.test(cleaned)) return dropped("invalid_mobile_id")
  return zeros.test(cleaned) ? dropped("tracking_limited") : kept(cleaned)
}

/** Before anything is cleaned away. */
const rawLengthMax = 2048
const userAgentLengthMax = 2048
const uuid = /^[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}$/i
const zeros = /^[0-]+$/
const locale = /^[A-Za-z]{2,3}(?:-[A-Za-z0-9]{1,8}){0,4}$/
