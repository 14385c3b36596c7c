/** States and provinces. */
import catalog from "../../../schemas/catalog/us-states.json" with { type: "json" }
import { dropped, type Field, kept } from "./field.ts"
import { isPlaceholder } from "./placeholder.ts"
import { isOtherHash } from "./sha256.ts"
import { clean, fold, letters, looksLikeAddress, lower } from "./text.ts"

/**
 * The form that Meta and Snapchat hash and TikTok takes in clear: the two letters in the United States (names, usual
 * abbreviations, District of Columbia, territories), elsewhere what was given, lower case without spaces and
 * punctuation (`Bayern` → `bayern`). Without a country a name of a US state is one.
 *
 * @param country ISO 3166-1 alpha-2, upper case, or null where it is not known
 */
export const normalizeState = (raw: string, country: string | null): Field<string> => {
  if (raw.length > stateLengthMax) return dropped("too_long")
  const cleaned = clean(raw)
  if (cleaned === "") return dropped("empty")
  if (isPlaceholder(cleaned)) return dropped("placeholder")
  const lowered = lower(cleaned)
  const plain = letters(withoutCountry(lowered, country))
  if (plain === "" || looksLikeAddress(lowered)) return dropped("invalid_state")
  if (isPlaceholder(plain)) return dropped("placeholder")
  if (isOtherHash(plain)) return dropped("unsupported_hash")
  if (country !== null && country !== "US") return kept(plain)
  const code = states.get(plain) ?? states.get(fold(plain))
  if (code !== undefined) return kept(code)
  return country === "US" ? dropped("invalid_state") : kept(plain)
}

/** ISO 3166-2 codes carry the country (`US-CA`, `CA-ON`): only the part after it names the state. */
const withoutCountry = (value: string, country: string | null): string => {
  const match = subdivision.exec(value)
  if (match === null) return value
  return match[1] === (country ?? "US").toLowerCase() ? match[2]! : value
}

const stateLengthMax = 256
const subdivision = /^([a-z]{2})-([a-z0-9]{1,3})$/

const states = new Map<string, string>()
for (const [code, names] of Object.entries(catalog.states)) {
  states.set(code, code)
  for (const name of names.split(" ")) states.set(name, code)
}
