/** The rules of single fields with their hashes, remembered: the same names, places and dates come again and again. */
import { memo } from "../../../shared/model/memo.ts"
import {
  type CityForms,
  countryOfHash,
  normalizeCity,
  normalizeCountry,
  normalizeState,
  normalizeZip,
  type ZipForms
} from "./address.ts"
import { dropped, type Field, kept } from "./field.ts"
import { type NameForms, normalizeBirthDate, normalizeFirstName, normalizeGender, normalizeLastName } from "./person.ts"
import { alreadyHashed, sha256 } from "./text.ts"

/** Applies a rule to what is not hashed yet; a hash stands for the value in each form that travels hashed. */
const orHash =
  <Forms, Hashed>(rule: (raw: string) => Field<Forms>, hash: (forms: Forms) => Hashed, as: (hash: string) => Hashed) =>
  (value: string): Field<Hashed> => {
    const hashed = alreadyHashed(value)
    if (hashed !== null) return kept(as(hashed))
    const result = rule(value)
    return "value" in result ? kept(hash(result.value)) : dropped(result.dropped)
  }

const cached = <A>(rule: (value: string) => A): ((value: string) => A) => memo(32_768, rule)

const hashName = (forms: NameForms): NameForms => {
  const plain = forms.plain === null ? null : sha256(forms.plain)
  if (forms.google === forms.plain) return { plain, google: plain }
  return { plain, google: forms.google === null ? null : sha256(forms.google) }
}
const asName = (hash: string): NameForms => ({ plain: hash, google: hash })
export const noName: NameForms = { plain: null, google: null }
export const hashedFirstName = cached(orHash(normalizeFirstName, hashName, asName))
export const hashedLastName = cached(orHash(normalizeLastName, hashName, asName))

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
export const hashedState = cached(
  withCountry((raw, country) =>
    orHash(
      (value) => normalizeState(value, country),
      (plain): HashedState => ({ hash: sha256(plain), plain }),
      (hash): HashedState => ({ hash, plain: null })
    )(raw)
  )
)

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
/** Codes come again, codes with the digits of a street don't. */
const hashedCode = cached(sha256)
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
export const hashedGender = cached(orHash(normalizeGender, sha256, (hash) => hash))

export const surelyBorn = cached((value: string): { readonly field: Field<string>; readonly millis: number } | null => {
  const date = alreadyHashed(value) === null ? normalizeBirthDate(value, Number.POSITIVE_INFINITY) : null
  if (date === null || !("value" in date)) return null
  const [year, month, day] = [date.value.slice(0, 4), date.value.slice(4, 6), date.value.slice(6)]
  return { field: kept(sha256(date.value)), millis: Date.UTC(Number(year), Number(month) - 1, Number(day)) }
})
