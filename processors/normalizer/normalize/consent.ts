/**
 * Consent as the producer gave it, in the three words of the platforms' rules; also under a name that is not known (`consents`,
 * `Consent`, `consent.adUserData`). Such a name means consent, so that nothing may be assumed: a denial counts, and any other value
 * is unclear, never granted.
 */
import type { Consent } from "../../../schemas/types.gen.ts"
import { didYouMean } from "../../../shared/connections/did-you-mean.ts"
import { isRecord } from "../../../shared/model/json.ts"
import { memo } from "../../../shared/model/memo.ts"
import type { DropReason } from "../identity/field.ts"
import { fold, type Level } from "./known-fields.ts"

/**
 * `granted`, `denied` or `unknown`, in any case and with Google's prefix (`CONSENT_GRANTED`); `true`/`yes` and
 * `false`/`no` too. Any other word counts as denied: a spelling mistake must never become a consent.
 */
export const normalizeConsent = (consent: Consent, drop: (field: string, reason: DropReason) => void): Consent => {
  const read = (name: keyof Consent, raw: string | null): string | null => {
    if (raw === null) return null
    if (raw === "granted" || raw === "denied") return raw
    const word = consentWord(raw)
    if (word !== undefined) return word
    drop(`consent.${name}`, "invalid_consent")
    return "denied"
  }
  return {
    ad_user_data: read("ad_user_data", consent.ad_user_data),
    ad_personalization: read("ad_personalization", consent.ad_personalization),
    sale_of_data: read("sale_of_data", consent.sale_of_data)
  }
}

/** What a value says of consent; undefined if it is not a word for it. */
const consentWord = (value: unknown): ConsentWord | undefined => {
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

/** Which value a name means: one of the three, or `all` where it only says that it is about consent. */
export type ConsentTarget = keyof Consent | "all"

export interface StrayConsent {
  readonly target: ConsentTarget
  readonly value: unknown
}

/** What an unknown name means for the customer's consent; null for nothing. */
export const consentTarget = (level: Level, name: string): ConsentTarget | null =>
  name.length > nameLengthMax || (level === "properties." && !mayNameConsent(name)) ? null : target(`${level}|${name}`)

/** Whether a free property may be about consent, by its first letter: nearly none is. */
const mayNameConsent = (name: string): boolean => {
  // Of a letter, 32 more is its lower case.
  const first = name.charCodeAt(0) | 0x20
  return first === 0x61 || first === 0x63 || first === 0x73
}

const nameLengthMax = 64

const target = memo(4_096, (key: string): ConsentTarget | null => {
  const bar = key.indexOf("|")
  const [level, name] = [key.slice(0, bar) as Level, key.slice(bar + 1)]
  const folded = fold(name)
  const same = fields.find((field) => fold(field) === folded)
  if (same !== undefined) return same
  if (level === "consent.") return (didYouMean(name, fields) as keyof Consent | null) ?? "all"
  // Free properties may have any name: only consent itself is meant by it.
  if (level === "properties.") return folded === "consent" || folded === "consents" ? "all" : null
  return folded.includes("consent") || isMisspelt(folded) ? "all" : null
})

/** One slip away from the word, and not another word. */
const isMisspelt = (folded: string): boolean =>
  folded !== "content" && folded !== "convent" && didYouMean(folded, ["consent"], 1) !== null

const fields = ["ad_user_data", "ad_personalization", "sale_of_data"] as const satisfies ReadonlyArray<keyof Consent>

/**
 * The consent of an event with what was given under other names. A denial of a value counts over what stands under its own
 * name; anything else only where nothing stands there, and as `unclear`: it is neither granted nor to be assumed.
 *
 * @param note called for each value that was changed
 */
export const withStrayConsent = (
  consent: Consent | null,
  strays: ReadonlyArray<StrayConsent>,
  note: (field: keyof Consent) => void
): Consent | null => {
  const found = new Map<ConsentTarget, Stray>()
  for (const { target, value } of strays) read(target, value, depthMax, found)
  if (found.size === 0) return consent
  const settle = (field: keyof Consent, general: Stray | undefined): string | null => {
    const given = consent?.[field] ?? null
    const own = found.get(field)
    const stray = given === null ? (own ?? general) : own === "denied" ? own : undefined
    if (stray === undefined) return given
    note(field)
    return stray
  }
  const general = found.get("all")
  return {
    ad_user_data: settle("ad_user_data", general),
    ad_personalization: settle("ad_personalization", general),
    sale_of_data: settle("sale_of_data", undefined)
  }
}

type Stray = "denied" | "unclear"

const read = (target: ConsentTarget, value: unknown, depth: number, found: Map<ConsentTarget, Stray>): void => {
  if (value === undefined || value === null) return
  if (isRecord(value) && depth > 0) {
    for (const name of Object.keys(value).slice(0, namesMax)) {
      const own = consentTarget("consent.", name)
      read(own === null || own === "all" ? target : own, value[name], depth - 1, found)
    }
  } else if (consentWord(value) === "denied") found.set(target, "denied")
  else if (!found.has(target)) found.set(target, "unclear")
}

const depthMax = 3
const namesMax = 50
