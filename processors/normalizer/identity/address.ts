/** The parts of an address: city, state, postal code and country. */
import countries from "../../../schemas/catalog/countries.json" with { type: "json" }
import usStates from "../../../schemas/catalog/us-states.json" with { type: "json" }
import { isBase64Hash, isDamaged, unescaped, withoutFraction } from "./as-typed.ts"
import { cached, dropped, type Field, kept, orHash } from "./field.ts"
import {
  alreadyHashed,
  clean,
  fold,
  isAscii,
  isOtherHash,
  isPlaceholder,
  lettersAndDigits,
  looksLikeAddress,
  lower,
  sha256,
  withoutSpaces
} from "./text.ts"

export interface CityForms {
  /** Meta (hashed) and TikTok (in clear): lower case without spaces and punctuation; letters of every script stay. */
  readonly plain: string
  /** Snapchat: lower case without spaces; its page says nothing of punctuation, so it stays. */
  readonly snap: string
}

export const normalizeCity = (raw: string): Field<CityForms> => {
  if (raw.length > placeLengthMax) return dropped("too_long")
  const cleaned = unescaped(clean(raw))
  if (cleaned === "") return dropped("empty")
  if (isPlaceholder(cleaned)) return dropped("placeholder")
  if (isBase64Hash(cleaned)) return dropped("unsupported_hash")
  const lowered = lower(cleaned)
  const snap = withoutSpaces(lowered)
  // A city without any letter that shows is a postal code or a number in the wrong field.
  if (looksLikeAddress(lowered) || !hasLetter.test(snap) || isDamaged(snap)) return dropped("invalid_city")
  const plain = lettersAndDigits(lowered)
  if (isPlaceholder(plain)) return dropped("placeholder")
  if (isOtherHash(plain)) return dropped("unsupported_hash")
  return kept({ plain, snap })
}

const hasLetter = /\p{L}/u

/** In UTF-16 units; a longer value is no name of a place. */
const placeLengthMax = 256

/**
 * The form that Meta and Snapchat hash and TikTok takes in clear: the two letters in the United States (names, usual
 * abbreviations, District of Columbia, territories), elsewhere what was given, lower case without spaces and
 * punctuation (`Bayern` → `bayern`). Without a country a name of a US state is one.
 *
 * @param country ISO 3166-1 alpha-2, upper case, or null where it is not known
 */
export const normalizeState = (raw: string, country: string | null): Field<string> => {
  if (raw.length > placeLengthMax) return dropped("too_long")
  const cleaned = unescaped(clean(raw))
  if (cleaned === "") return dropped("empty")
  if (isPlaceholder(cleaned)) return dropped("placeholder")
  if (isBase64Hash(cleaned)) return dropped("unsupported_hash")
  const lowered = lower(cleaned)
  const plain = lettersAndDigits(withoutCountry(lowered, country))
  if (plain === "" || looksLikeAddress(lowered) || isDamaged(lowered)) return dropped("invalid_state")
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

const subdivision = /^([a-z]{2})-([a-z0-9]{1,3})$/

const states = new Map<string, string>()
for (const [code, names] of Object.entries(usStates.states)) {
  states.set(code, code)
  for (const name of names.split(" ")) states.set(name, code)
}

export interface ZipForms {
  /**
   * Meta and TikTok: lower case, no space, no dash; in the US the first five digits. Null where the country is the US
   * and the code is not a US code: one of the two is wrong, and a hash of the pair would match no one.
   */
  readonly plain: string | null
  /** Snapchat: lower case, no space. */
  readonly snap: string
  /** Google, in clear: trimmed only. */
  readonly google: string
}

/** @param country ISO 3166-1 alpha-2, upper case, or null where it is not known */
export const normalizeZip = (raw: string, country: string | null): Field<ZipForms> => {
  if (raw.length === 5 ? american5.test(raw) : raw.length === 10 && american9.test(raw))
    return plainDigits(raw, country)
  if (raw.length > 1024) return dropped("too_long")
  const cleaned = withoutFraction(clean(raw))
  if (cleaned === "") return dropped("empty")
  if (isPlaceholder(cleaned)) return dropped("placeholder")
  if (isOtherHash(cleaned)) return dropped("unsupported_hash")
  const lowered = lower(cleaned)
  // Japanese forms write digits in full width; a code is the same code in either.
  const compact = lettersAndDigits(isAscii(lowered) ? lowered : lower(lowered.normalize("NFKC")))
  if (!zipShape.test(compact) || !hasDigit.test(compact) || words.test(compact)) return dropped("invalid_zip")
  if (onlyZeros.test(compact)) return dropped("placeholder")
  return kept({ plain: american(lowered, compact, country), snap: withoutSpaces(lowered), google: cleaned })
}

/** Five digits, or five and four: by far the most frequent shapes, with nothing to clean. A test compares them with the rest. */
const plainDigits = (raw: string, country: string | null): Field<ZipForms> => {
  if (raw === "00000" || raw === "00000-0000") return dropped("placeholder")
  const isAmerican = country === null || country === "US" || usTerritories.has(country)
  const five = raw.length === 5 ? raw : raw.slice(0, 5)
  return kept({ plain: isAmerican || five === raw ? five : five + raw.slice(6), snap: raw, google: raw })
}

const american5 = /^[0-9]{5}$/
const american9 = /^[0-9]{5}-[0-9]{4}$/

/** The first five of a US code; null where the country is the US and the value cannot be its code. */
const american = (lowered: string, compact: string, country: string | null): string | null => {
  if (country === "US") return zipInUs.test(compact) ? compact.slice(0, 5) : null
  // Without a country, or in a territory with its own country code, the shape of ZIP+4 is the only sign.
  if (country === null || usTerritories.has(country)) return zipPlus4.test(lowered) ? compact.slice(0, 5) : compact
  return compact
}

const zipShape = /^[\p{L}\p{N}\p{M}]{2,12}$/u
const hasDigit = /\p{N}/u
/** No postal code has five letters in a row, or letters that are not Latin: `Name St 5` is a street. */
const words = /\p{L}{5}|(?![a-z])\p{L}/u
const onlyZeros = /^0+$/
const zipInUs = /^[0-9]{5}(?:[0-9]{4})?$/
const zipPlus4 = /^[0-9]{5}\s*[-\u2010-\u2015]\s*[0-9]{4}$/
/** Territories and associated states of the United States, which use its postal codes and its order of dates. */
export const usTerritories: ReadonlySet<string> = new Set(["PR", "GU", "VI", "AS", "MP", "UM", "FM", "MH", "PW"])

/** ISO 3166-1 alpha-2 in upper case (`Deutschland` → `DE`, `USA` → `US`, `UK` → `GB`); any other text is not a country. */
export const normalizeCountry = (raw: string): Field<string> => {
  if (raw.length > placeLengthMax) return dropped("too_long")
  const cleaned = clean(raw)
  if (cleaned === "") return dropped("empty")
  // `NA` is Namibia, so the codes come before the words that mean nothing.
  if (/^[A-Za-z]{2}$/.test(cleaned)) return codeOf(cleaned.toLowerCase())
  if (isPlaceholder(cleaned)) return dropped("placeholder")
  if (isOtherHash(cleaned)) return dropped("unsupported_hash")
  const code = lookUp(cleaned) ?? withoutArticle(cleaned) ?? ofTwoNames(cleaned)
  return code === undefined ? dropped("invalid_country") : kept(code)
}

const lookUp = (text: string): string | undefined => {
  const folded = fold(text)
  // `U.S.` is a code; `Áo`, which is Austria in Vietnamese, is not Angola's for being `ao` without its accent.
  return countryNames.get(folded) ?? (isAscii(text) ? twoLetters(folded) : undefined)
}

/** The names of ISO carry it in brackets: `Netherlands (the)`, `Korea (the Republic of)`. */
const withoutArticle = (text: string): string | undefined =>
  article.test(text) ? (lookUp(text.replace(article, " ")) ?? lookUp(text.replace(articles, " "))) : undefined

const article = /\bthe\b/i
const articles = /\bthe\b/gi

/** `United Kingdom (UK)`: a country by two of its names. What else stands in brackets may be another one. */
const ofTwoNames = (text: string): string | undefined => {
  const match = twoNames.exec(text)
  if (match === null) return undefined
  const code = lookUp(match[1]!)
  return code !== undefined && code === lookUp(match[2]!) ? code : undefined
}

const twoNames = /^([^()]+)\(([^()]+)\)$/

/** The country of a hash of its lower-case alpha-2 code, so that a producer's own hashing does not lose it; or null. */
export const countryOfHash = (hash: string): string | null => codeOfHash.get(hash) ?? null

const codeOf = (folded: string): Field<string> => {
  const code = twoLetters(folded)
  return code === undefined ? dropped("invalid_country") : kept(code)
}

/** `UK` and `EL` are usual, and are not ISO codes. */
const twoLetters = (folded: string): string | undefined => {
  if (folded === "uk") return "GB"
  if (folded === "el") return "GR"
  const upper = folded.toUpperCase()
  return codes.has(upper) ? upper : undefined
}

const codes = new Set(Object.keys(countries.countries))
const countryNames = new Map<string, string>()
const codeOfHash = new Map<string, string>()
for (const [code, all] of Object.entries(countries.countries)) {
  codeOfHash.set(sha256(code.toLowerCase()), code)
  for (const name of all.split(" ")) countryNames.set(name.toLowerCase(), code)
}

// The rules above with their hashes. A hash that came stands for each hashed form.

interface HashedCity {
  readonly hash: string | null
  readonly snap: string | null
  readonly plain: string | null
}
export const noCity: HashedCity = { hash: null, snap: null, plain: null }
const hashCity = ({ plain, snap }: CityForms): HashedCity => ({ hash: sha256(plain), snap: sha256(snap), plain })
export const hashedCity = cached(
  orHash(normalizeCity, hashCity, (hash): HashedCity => ({ hash, snap: hash, plain: null }))
)

/** Rules that need the country are cached under `<country>|<value>`. */
const withCountry =
  <Forms>(rule: (raw: string, country: string | null) => Field<Forms>) =>
  (key: string): Field<Forms> => {
    const bar = key.indexOf("|")
    return rule(key.slice(bar + 1), bar === 0 ? null : key.slice(0, bar))
  }

interface HashedState {
  readonly hash: string
  readonly plain: string | null
}
const hashedStateIn = (country: string | null) =>
  orHash(
    (value) => normalizeState(value, country),
    (plain): HashedState => ({ hash: sha256(plain), plain }),
    (hash): HashedState => ({ hash, plain: null })
  )
const americanState = cached(hashedStateIn("US"))
const stateElsewhere = cached(withCountry((raw, country) => hashedStateIn(country)(raw)))
/** Only the states of one country are remembered without it, since to join the two texts costs more than the search. */
export const hashedState = (raw: string, country: string | null): Field<HashedState> =>
  country === "US" ? americanState(raw) : stateElsewhere(`${country ?? ""}|${raw}`)

interface HashedZip {
  readonly hash: string | null
  readonly snap: string | null
  readonly google: string | null
}
export const noZip: HashedZip = { hash: null, snap: null, google: null }
const hashZip = ({ plain, snap, google }: ZipForms): HashedZip => {
  const hash = plain === null ? null : hashedCode(plain)
  return { hash, snap: snap === plain ? hash : sha256(snap), google }
}
/** Codes come again, codes with the digits of a street don't. Those of five digits have their places, since they are too many to search. */
const hashedCode = (code: string): string => {
  if (code.length !== 5) return otherCode(code)
  let place = 0
  for (let at = 0; at < 5; at++) {
    const digit = code.charCodeAt(at) - 0x30
    if (digit < 0 || digit > 9) return otherCode(code)
    place = place * 10 + digit
  }
  const known = codeHashes[place]!
  if (known !== "") return known
  const hash = sha256(code)
  codeHashes[place] = hash
  return hash
}
const otherCode = cached(sha256)
const codeHashes = new Array<string>(100_000).fill("")
export const hashedZip = (raw: string, country: string | null): Field<HashedZip> => {
  const hashed = alreadyHashed(raw)
  if (hashed !== null) return kept({ hash: hashed, snap: hashed, google: null })
  const result = normalizeZip(raw, country)
  return "value" in result ? kept(hashZip(result.value)) : result
}

export const hashedCountry = cached(
  orHash(
    normalizeCountry,
    (code) => ({ hash: sha256(code.toLowerCase()), code: code as string | null }),
    (hash) => ({ hash, code: countryOfHash(hash) })
  )
)
