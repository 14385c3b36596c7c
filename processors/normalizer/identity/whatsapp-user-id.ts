/**
 * WhatsApp's business-scoped user id: two letters of a country, a dot and up to 128 letters and digits, as its webhooks
 * bring it (`US.13491208655302741918`; a parent's has `ENT.` between). It is sent as it came, never hashed.
 * (WhatsApp Cloud API: business-scoped user ids.)
 */

import { isWhatsAppUserId } from "../../../shared/model/whatsapp-user-id.ts"
import { dropped, type Field, kept } from "./field.ts"
import { clean } from "./text.ts"
import type { UserContext } from "./user.ts"

export const normalizeWhatsAppUserId = (raw: string): Field<string> => {
  if (raw.length > rawLengthMax) return dropped("invalid_whatsapp_user_id")
  const cleaned = clean(raw)
  if (cleaned === "") return dropped("empty")
  return isWhatsAppUserId(cleaned) ? kept(cleaned) : dropped("invalid_whatsapp_user_id")
}

/** The id sealed for messages. It is checked wherever it is given, so that a wrong one shows. */
export const sealedWhatsAppUserId = (
  raw: string | null,
  { drop, sealRecipient }: Pick<UserContext, "drop" | "sealRecipient">
): string | null => {
  if (raw === null) return null
  const id = normalizeWhatsAppUserId(raw)
  if ("value" in id) return sealRecipient === null ? null : sealRecipient(id.value)
  drop("user.whatsapp_user_id", id.dropped)
  return null
}

const rawLengthMax = 256
