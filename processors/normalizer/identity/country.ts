/** Countries: names in many languages, ISO 3166-1 alpha-2 and alpha-3, to alpha-2. */
import catalog from "../../../schemas/catalog/countries.json" with { type: "json" }
import { dropped, type Field, kept } from "./field.ts"
import { isPlaceholder } from "./placeholder.ts"
import { isOtherHash, sha256 } from "./sha256.ts"
import { clean, fold, isAscii } from "./text.ts"

/** ISO 3166-1 alpha-2 in upper case (`Deutschland` → `DE`, `USA` → `US`, `UK` → `GB`); any other text is no country. */
export const normalizeCountry = (raw: string): Field<string> => {
  if (raw.length > 256) return dropped("too_long")
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
  return names.get(folded) ?? (isAscii(text) ? twoLetters(folded) : undefined)
}

/** ISO's own names carry it in brackets: `Netherlands (the)`, `Korea (the Republic of)`. */
const withoutArticle = (text: string): string | undefined =>
  article.test(text) ? (lookUp(text.replace(article, " ")) ?? lookUp(text.replace(articles, " "))) : undefined

const article = /\bthe\b/i
const articles = /\bthe\b/gi

/** `United Kingdom (UK)`: a country by two of its names. What else stands in brackets may tell another one. */
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

/** `UK` and `EL` are usual and no ISO codes of their own. */
const twoLetters = (folded: string): string | undefined => {
  if (folded === "uk") return "GB"
  if (folded === "el") return "GR"
  const upper = folded.toUpperCase()
  return codes.has(upper) ? upper : undefined
}

const codes = new Set(Object.keys(catalog.countries))
const names = new Map<string, string>()
const codeOfHash = new Map<string, string>()
for (const [code, all] of Object.entries(catalog.countries)) {
  codeOfHash.set(sha256(code.toLowerCase()), code)
  for (const name of all.split(" ")) names.set(name.toLowerCase(), code)
}
