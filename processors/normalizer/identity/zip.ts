/** Postal codes. */
import { dropped, type Field, kept } from "./field.ts"
import { isPlaceholder } from "./placeholder.ts"
import { isOtherHash } from "./sha256.ts"
import { clean, isAscii, letters, lower, withoutSpaces } from "./text.ts"

export interface ZipForms {
  /**
   * Meta and TikTok: lower case, no space, no dash; in the US the first five digits. Null where the country is the US
   * and the code cannot be one of its own: one of the two is wrong, and a hash of the pair would match nobody.
   */
  readonly plain: string | null
  /** Snapchat: lower case, no space. */
  readonly snap: string
  /** Google, in clear: trimmed only. */
  readonly google: string
}

/** @param country ISO 3166-1 alpha-2, upper case, or null where it is not known */
export const normalizeZip = (raw: string, country: string | null): Field<ZipForms> => {
  if (american5.test(raw)) return plainDigits(raw, raw, country)
  if (american9.test(raw)) return plainDigits(raw, raw.slice(0, 5) + raw.slice(6), country)
  if (raw.length > 1024) return dropped("too_long")
  const cleaned = clean(raw)
  if (cleaned === "") return dropped("empty")
  if (isPlaceholder(cleaned)) return dropped("placeholder")
  if (isOtherHash(cleaned)) return dropped("unsupported_hash")
  const lowered = lower(cleaned)
  // Japanese forms write digits in full width; a code is the same code in either.
  const compact = letters(isAscii(lowered) ? lowered : lower(lowered.normalize("NFKC")))
  if (!code.test(compact) || !hasDigit.test(compact)) return dropped("invalid_zip")
  if (onlyZeros.test(compact)) return dropped("placeholder")
  return kept({ plain: american(lowered, compact, country), snap: withoutSpaces(lowered), google: cleaned })
}

/** Five digits, or five and four: by far the most frequent shapes, with nothing to clean. */
const plainDigits = (raw: string, compact: string, country: string | null): Field<ZipForms> =>
  onlyZeros.test(compact)
    ? dropped("placeholder")
    : kept({ plain: american(raw, compact, country), snap: raw, google: raw })

const american5 = /^[0-9]{5}$/
const american9 = /^[0-9]{5}-[0-9]{4}$/

/** The first five of a US code; null where the country is the US and the value cannot be its code. */
const american = (lowered: string, compact: string, country: string | null): string | null => {
  if (country === "US") return zipInUs.test(compact) ? compact.slice(0, 5) : null
  // Without a country, or in a territory with a code of its own, the shape of ZIP+4 is the only sign.
  if (country === null || territories.has(country)) return zipPlus4.test(lowered) ? compact.slice(0, 5) : compact
  return compact
}

const code = /^[\p{L}\p{N}\p{M}]{2,12}$/u
const hasDigit = /\p{N}/u
const onlyZeros = /^0+$/
const zipInUs = /^[0-9]{5}(?:[0-9]{4})?$/
const zipPlus4 = /^[0-9]{5}\s*[-\u2010-\u2015]\s*[0-9]{4}$/
const territories = new Set(["PR", "GU", "VI", "AS", "MP", "UM", "FM", "MH", "PW"])
