/** Consent as the producer gave it, in the three words that the platforms' rules are written in. */
import type { Consent } from "../../../schemas/types.gen.ts"
import type { DropReason } from "../identity/field.ts"

/**
 * `granted`, `denied` or `unknown`, in any case and with Google's prefix (`CONSENT_GRANTED`); `true`/`yes` and
 * `false`/`no` too. A word that is none of these counts as denied: a spelling mistake must never become a consent.
 */
export const normalizeConsent = (consent: Consent, drop: (field: string, reason: DropReason) => void): Consent => {
  const read = (name: keyof Consent): string | null => {
    const raw = consent[name]
    if (raw === null) return null
    if (raw === "granted" || raw === "denied") return raw
    const word = consentWord(raw)
    if (word !== undefined) return word
    drop(`consent.${name}`, "invalid_consent")
    return "denied"
  }
  return {
    ad_user_data: read("ad_user_data"),
    ad_personalization: read("ad_personalization"),
    sale_of_data: read("sale_of_data")
  }
}

/** What a value says of consent; undefined where it is no word for it. */
export const consentWord = (value: unknown): ConsentWord | undefined => {
  if (typeof value === "object" || value === undefined) return undefined
  const raw = String(value)
  return raw.length > wordLengthMax ? undefined : words.get(bare(raw))
}

/** `unclear` is what the producer gave under a name that is not known. */
type ConsentWord = "granted" | "denied" | "unknown" | "unclear"

const bare = (raw: string): string =>
  raw
    .trim()
    .toLowerCase()
    .replace(/^consent_/, "")

const wordLengthMax = 256
const words = new Map<string, ConsentWord>([
  ["granted", "granted"],
  ["grant", "granted"],
  ["true", "granted"],
  ["yes", "granted"],
  ["1", "granted"],
  ["allowed", "granted"],
  ["denied", "denied"],
  ["deny", "denied"],
  ["false", "denied"],
  ["no", "denied"],
  ["0", "denied"],
  ["unknown", "unknown"],
  ["unclear", "unclear"],
  ["unspecified", "unknown"],
  ["status_unspecified", "unknown"],
  ["", "unknown"]
])
