/** Cities. */
import { dropped, type Field, kept } from "./field.ts"
import { isPlaceholder } from "./placeholder.ts"
import { isOtherHash } from "./sha256.ts"
import { clean, letters, looksLikeAddress, lower, withoutSpaces } from "./text.ts"

export interface CityForms {
  /** Meta (hashed) and TikTok (in clear): lower case without spaces and punctuation; letters of every script stay. */
  readonly plain: string
  /** Snapchat: lower case without spaces; its page says nothing of punctuation, so it stays. */
  readonly snap: string
}

export const normalizeCity = (raw: string): Field<CityForms> => {
  if (raw.length > cityLengthMax) return dropped("too_long")
  const cleaned = clean(raw)
  if (cleaned === "") return dropped("empty")
  if (isPlaceholder(cleaned)) return dropped("placeholder")
  const lowered = lower(cleaned)
  // A city without any letter is a postal code or a number in the wrong field.
  if (looksLikeAddress(lowered) || !hasLetter.test(lowered)) return dropped("invalid_city")
  const plain = letters(lowered)
  if (isPlaceholder(plain)) return dropped("placeholder")
  if (isOtherHash(plain)) return dropped("unsupported_hash")
  return kept({ plain, snap: withoutSpaces(lowered) })
}

const cityLengthMax = 256
const hasLetter = /\p{L}/u
