/** First and last names: one form for Meta, TikTok and Snapchat, another for Google. */
import { dropped, type Field, kept } from "./field.ts"
import { isPlaceholder } from "./placeholder.ts"
import { isOtherHash } from "./sha256.ts"
import { clean, letters, looksLikeAddress, lower, visible } from "./text.ts"

export interface NameForms {
  /**
   * Meta, TikTok, Snapchat: lower case without punctuation (`O'Neil` → `oneil`, `Anna-Maria` → `annamaria`); accents and
   * scripts stay. Inner spaces go too, as in Meta's own parameter builder. Null where only punctuation was left.
   */
  readonly plain: string | null
  /** Google (Data Manager, formatting page): trimmed, lower case, titles and suffixes dropped, the rest kept. */
  readonly google: string | null
}

export const normalizeFirstName = (raw: string): Field<NameForms> => normalizeName(raw, withoutTitle)

export const normalizeLastName = (raw: string): Field<NameForms> => normalizeName(raw, withoutSuffixes)

const normalizeName = (raw: string, google: (name: string) => string): Field<NameForms> => {
  if (raw.length > nameLengthMax) return dropped("too_long")
  const cleaned = clean(raw)
  if (cleaned === "") return dropped("empty")
  if (isPlaceholder(cleaned)) return dropped("placeholder")
  const lowered = lower(visible(cleaned))
  // An address or a number in a field of names is a mistake of the producer, and its hash would match nobody.
  if (looksLikeAddress(lowered) || !hasLetter.test(lowered)) return dropped("invalid_name")
  const plain = letters(lowered)
  if (isPlaceholder(plain)) return dropped("placeholder")
  if (isOtherHash(plain)) return dropped("unsupported_hash")
  const forGoogle = google(lowered)
  return kept({ plain: plain === "" ? null : plain, google: forGoogle === "" ? null : forGoogle })
}

/** `mr.`, `mrs.`, `ms.`, `dr.` before the name, with the full stop: as Google's own formatter has it. */
const withoutTitle = (name: string): string => {
  let rest = name
  while (title.test(rest)) rest = rest.replace(title, "").trim()
  return rest
}

/** `jr`, `sr`, `iii`, `phd` and their like after the name, as often as they come. */
const withoutSuffixes = (name: string): string => {
  let rest = name
  for (let found = suffix.exec(rest); found !== null; found = suffix.exec(rest)) {
    // The comma or the spaces before the suffix go with it, also a comma before spaces.
    const before = rest.slice(0, found.index + 1).trimEnd()
    rest = (before.endsWith(",") ? before.slice(0, -1) : before).trim()
  }
  return rest
}

const nameLengthMax = 256
const hasLetter = /[\p{L}]/u
const title = /^(?:mr|mrs|ms|dr)\.(?:\s|$)/
const suffix = /[,\s](?:jr\.?|sr\.?|2nd|3rd|ii|iii|iv|v|vi|cpa|dc|dds|vm|jd|md|phd)\s?$/
