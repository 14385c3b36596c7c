/** Ids of the customer: in the producer's system, and WhatsApp's. */
import { isWhatsAppUserId } from "../../../shared/model/platform.ts"
import { type Drop, dropped, type Field, kept } from "./field.ts"
import { clean, isPlaceholder, lower, withoutSpaces, wordSet } from "./text.ts"

/**
 * The customer's id in the producer's system, in lower case without spaces: what Meta's parameter builder and the pixels of the platforms do to it before they hash,
 * so that both sides of a match agree. Ids that stand for no one (`0`, `anonymous`) are left out.
 */
export const normalizeExternalId = (raw: string): Field<string> => {
  if (raw.length > 1024) return dropped("too_long")
  const plain = plainToken.test(raw) ? raw : withoutSpaces(lower(clean(raw)))
  if (plain === "") return dropped("empty")
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
  if (raw.length > rawLengthMax) return dropped("invalid_whatsapp_user_id")
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

const rawLengthMax = 256
