/** Names, gender and date of birth, with their hashes. Names have one form for Meta, TikTok and Snapchat, and another for Google. */

import { type NamePattern, namePatternOf } from "../pii/pii-names.ts"
import { usTerritories } from "./address.ts"
import { isBase64Hash, isDamaged, unescaped } from "./as-typed.ts"
import { cached, cachedTwice, dropped, type Field, kept, orHash } from "./field.ts"
import {
  alreadyHashed,
  clean,
  fold,
  isOtherHash,
  isPlaceholder,
  lettersAndDigits,
  looksLikeAddress,
  lower,
  sha256,
  visible
} from "./text.ts"

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
  const cleaned = unescaped(clean(raw))
  if (cleaned === "") return dropped("empty")
  if (isPlaceholder(cleaned)) return dropped("placeholder")
  if (isBase64Hash(cleaned)) return dropped("unsupported_hash")
  const lowered = lower(visible(cleaned))
  // An address or a number in a field of names is a mistake of the producer, and its hash would match no one.
  if (looksLikeAddress(lowered) || !hasLetter.test(lowered) || isDamaged(lowered)) return dropped("invalid_name")
  const plain = lettersAndDigits(lowered)
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

/** Meta and Snapchat take `f` or `m` and nothing else. */
export const normalizeGender = (raw: string): Field<"f" | "m"> => {
  if (raw.length > 64) return dropped("unsupported_gender")
  const cleaned = clean(raw)
  if (cleaned === "") return dropped("empty")
  if (isPlaceholder(cleaned)) return dropped("placeholder")
  const word = fold(cleaned)
  if (female.has(word)) return kept("f")
  if (male.has(word)) return kept("m")
  return dropped("unsupported_gender")
}

/** English (with the words that Meta's own parameter builder knows), then French, Spanish, Portuguese, Italian, German, Dutch, Scandinavian, Polish, Russian, Chinese, Japanese, Korean. */
const female = new Set(
  (
    "f female woman girl lady miss ms mrs madam maam she her hers herself wife widow bride girlfriend mother mom mommy mama " +
    "sister daughter aunt niece gal lass maiden dame belle chick queen princess duchess countess empress goddess fem femme femenino femenina feminin feminine mujer feminino feminina mulher femmina donna " +
    "weiblich frau w vrouw vrouwelijk kvinna kvinde kvinne nainen kobieta zena жен женский женщина 女 女性 여 여성 여자"
  )
    .split(" ")
    .map(fold)
)
const male = new Set(
  (
    "m male man boy gentleman mr mister sir he him his himself husband widower groom boyfriend father dad daddy papa " +
    "brother son uncle nephew guy lad fellow chap bloke dude lord king prince duke count emperor god masc masculin masculino masculine homme hombre varon homem maschio uomo " +
    "mannlich maennlich mann herr mannelijk mand mies mezczyzna muz муж мужской мужчина 男 男性 남 남성 남자"
  )
    .split(" ")
    .map(fold)
)

/**
 * Reads the common forms (ISO 8601 with or without time, `YYYYMMDD`, `31.01.1990`, `1/31/1990`, `31 Jan 1990`,
 * `January 31, 1990`, `Wed Jan 31 1990 00:00:00 GMT+0000`, `1990年1月31日`) as `YYYYMMDD`. A date that can be read in two ways, such as `02/03/1990`, is read in
 * the given order; without one it is refused. So are two-digit years, days that the calendar does not have, and
 * birthdays before 1900 or after the event.
 *
 * @param asOf the time of the event, in milliseconds since the epoch
 * @param order see `dateOrderOf`
 */
export const normalizeBirthDate = (raw: string, asOf: number, order: DateOrder | null = null): Field<string> => {
  if (raw.length > 128) return dropped("invalid_date_of_birth")
  const cleaned = clean(raw)
  if (cleaned === "") return dropped("empty")
  if (isPlaceholder(cleaned)) return dropped("placeholder")
  if (isOtherHash(cleaned)) return dropped("unsupported_hash")
  const text = visible(cleaned).normalize("NFKC").toLowerCase()
  if (noDate.test(text)) return dropped("placeholder")
  const found: Array<string> = []
  for (const [year, month, day] of readings(text)) {
    if (!isBirthday(year, month, day, asOf)) continue
    const date = digits(year, 4) + digits(month, 2) + digits(day, 2)
    if (!found.includes(date)) found.push(date)
  }
  const [first, second] = found
  if (first === undefined) return dropped("invalid_date_of_birth")
  if (second === undefined) return kept(first)
  // The reading with the month first comes first.
  return order === null ? dropped("ambiguous_date_of_birth") : kept(order === "month_first" ? first : second)
}

export type DateOrder = "month_first" | "day_first"

/**
 * How the customer writes dates: by the country; Canada writes both ways. Without a country, dates with slashes and dashes
 * are read as Meta's own parameter builder reads them, the month first; one with full stops stays in doubt.
 */
export const dateOrderOf = (raw: string, country: string | null): DateOrder | null => {
  if (country === null) return slashOrDash.test(raw) && !raw.includes(".") ? "month_first" : null
  if (monthFirst.has(country)) return "month_first"
  return country === "CA" ? null : "day_first"
}

const slashOrDash = /[-/]/
const monthFirst = new Set(["US", ...usTerritories, "PH"])

type Reading = readonly [year: number, month: number, day: number]

const readings = (text: string): ReadonlyArray<Reading> => {
  const iso = yearFirst.exec(text)
  if (iso !== null) return isoReadings(Number(iso[1]), Number(iso[2]), Number(iso[3]))
  const numeric = yearLast.exec(text)
  if (numeric !== null) return bothWays(Number(numeric[1]), Number(numeric[2]), Number(numeric[3]))
  const compact = eightDigits.exec(text)
  if (compact !== null) return compactReadings(compact[1]!)
  return worded(text)
}

/** Year first is year, month, day; a «month» beyond 12 can only be the day. */
const isoReadings = (year: number, second: number, third: number): ReadonlyArray<Reading> =>
  second > 12 ? [[year, third, second]] : [[year, second, third]]

const bothWays = (first: number, second: number, year: number): ReadonlyArray<Reading> => [
  [year, first, second],
  [year, second, first]
]

const compactReadings = (text: string): ReadonlyArray<Reading> => {
  const at = (from: number, to: number): number => Number(text.slice(from, to))
  return [[at(0, 4), at(4, 6), at(6, 8)], ...bothWays(at(0, 2), at(2, 4), at(4, 8))]
}

const worded = (text: string): ReadonlyArray<Reading> => {
  const match = dayMonthYear.exec(text)
  if (match !== null) return [[Number(match[3]), months.indexOf(match[2]!.slice(0, 3)) + 1, Number(match[1])]]
  const american = monthDayYear.exec(text)
  if (american !== null)
    return [[Number(american[3]), months.indexOf(american[1]!.slice(0, 3)) + 1, Number(american[2])]]
  return []
}

const isBirthday = (year: number, month: number, day: number, asOf: number): boolean => {
  if (year < 1900 || month < 1 || month > 12 || day < 1 || day > daysIn(year, month)) return false
  return Date.UTC(year, month - 1, day) <= asOf
}

const daysIn = (year: number, month: number): number => {
  if (month !== 2) return month === 4 || month === 6 || month === 9 || month === 11 ? 30 : 31
  return (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0 ? 29 : 28
}

const digits = (value: number, width: number): string => String(value).padStart(width, "0")

const months = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
const monthWords =
  "jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?"
const separator = "[-\\u2010-\\u2015/. ,:_|年月년월]{1,3}"
const note = "(?:\\s*\\([a-z/. -]*\\))?"
const clock = "[0-9]{1,2}:[0-9]{2}[0-9:.]*(?: ?[ap]\\.?m\\.?)?"
const yearFirst = new RegExp(
  `^([0-9]{4})${separator}([0-9]{1,2})${separator}([0-9]{1,2})[日일]?(?:[t ]${clock}(?:\\s*(?:z|utc|gmt|[+-][0-9]{2}:?[0-9]{2}))?)?${note}$`
)
const yearLast = new RegExp(`^([0-9]{1,2})${separator}([0-9]{1,2})${separator}([0-9]{4})(?:,? ${clock})?${note}$`)
const eightDigits = /^([0-9]{8})$/
const weekday = "(?:(?:mon|tue|wed|thu|fri|sat|sun)[a-z]*[,.]? +)?"
/** As programs print a date: the day is the one that stands there, whatever the zone. */
const time =
  "(?:,? [0-9]{1,2}:[0-9]{2}[0-9:.]*(?: (?:gmt|utc|z))?(?:[+-][0-9]{2}:?[0-9]{2})?(?: \\([a-z0-9 .:+-]*\\))?)?"
const dayMonthYear = new RegExp(
  `^${weekday}([0-9]{1,2})(?:st|nd|rd|th)?${separator}(?:of )?(${monthWords})${separator}([0-9]{4})${time}$`
)
const monthDayYear = new RegExp(
  `^${weekday}(${monthWords})${separator}([0-9]{1,2})(?:st|nd|rd|th)?${separator}([0-9]{4})${time}$`
)
const noDate = /^(?:0000|1900)[-/.]?(?:00|01)[-/.]?(?:00|01)(?:[t ].*)?$/

// The rules above with their hashes. A hash that came stands for each hashed form.

const hashName = (forms: NameForms): NameForms => {
  const plain = forms.plain === null ? null : sha256(forms.plain)
  if (forms.google === forms.plain) return { plain, google: plain }
  return { plain, google: forms.google === null ? null : sha256(forms.google) }
}
const asName = (hash: string): NameForms => ({ plain: hash, google: hash })
export const noName: NameForms = { plain: null, google: null }

/** A name as it was given: its hashes, and what texts are searched for. */
export interface KnownName {
  readonly field: Field<NameForms>
  readonly pattern: NamePattern
}
const known = (hashed: (raw: string) => Field<NameForms>) =>
  cachedTwice((raw): KnownName => ({ field: hashed(raw), pattern: namePatternOf(unescaped(raw)) }))
export const knownFirstName = known(orHash(normalizeFirstName, hashName, asName))
export const knownLastName = known(orHash(normalizeLastName, hashName, asName))

export const hashedGender = cached(orHash(normalizeGender, sha256, (hash) => hash))

/**
 * The hash of a real date that is written `YYYY-MM-DD` and lies before the event for certain: nearly all. Null for any other, which
 * the rule reads. By its place in an array: people have as many dates of birth as would fill a memory of texts. A test compares both.
 */
export const hashOfUsualBirthday = (raw: string, eventTime: number): string | null => {
  if (raw.length !== 10 || raw.charCodeAt(4) !== dash || raw.charCodeAt(7) !== dash) return null
  const [century, decade, month, day] = [digitPair(raw, 0), digitPair(raw, 2), digitPair(raw, 5), digitPair(raw, 8)]
  if (century < 0 || decade < 0 || month < 1 || month > 12 || day < 1) return null
  const year = century * 100 + decade
  // No year has more days than 366, so that this one is over.
  if (year < birthYearMin || year > birthYearMax || (year - 1969) * 366 * 86_400_000 > eventTime) return null
  if (day > daysIn(year, month)) return null
  const place = ((year - birthYearMin) * 12 + month - 1) * 31 + day - 1
  const known = birthdayHashes[place]!
  if (known !== "") return known
  const hash = sha256(digits(year, 4) + digits(month, 2) + digits(day, 2))
  birthdayHashes[place] = hash
  return hash
}

/** Two digits as a number; less than zero where one of them is another character. */
const digitPair = (text: string, at: number): number => {
  const [tens, ones] = [text.charCodeAt(at) - 0x30, text.charCodeAt(at + 1) - 0x30]
  return tens >= 0 && tens <= 9 && ones >= 0 && ones <= 9 ? tens * 10 + ones : -1
}

const dash = 0x2d
/** 1900 holds what programs write for no date. */
const birthYearMin = 1901
const birthYearMax = 2030
const birthdayHashes = new Array<string>((birthYearMax - birthYearMin + 1) * 372).fill("")

/** The hash of a date of birth that can be read in one way, and when it is, in milliseconds since the epoch; null for any other. */
export const surelyBorn = cached((value: string): { readonly hash: string; readonly millis: number } | null => {
  const date = alreadyHashed(value) === null ? normalizeBirthDate(value, Number.POSITIVE_INFINITY) : null
  if (date === null || !("value" in date)) return null
  const [year, month, day] = [date.value.slice(0, 4), date.value.slice(4, 6), date.value.slice(6)]
  return { hash: sha256(date.value), millis: Date.UTC(Number(year), Number(month) - 1, Number(day)) }
})
