/** Phone numbers, by libphonenumber: in E.164, from which every platform's form follows. */
import {
  type CountryCode,
  getCountries,
  getCountryCallingCode,
  type NumberType,
  type PhoneNumber as ParsedNumber,
  parsePhoneNumberFromString
} from "libphonenumber-js/max"
import { withoutFraction } from "./as-typed.ts"
import { dropped, type Field, kept } from "./field.ts"
import { clean, isAscii, isOtherHash, isPlaceholder, visible } from "./text.ts"

export interface PhoneNumber {
  /** `+`, country code and number: Google's form, and TikTok's but for mainland China. */
  readonly e164: string
  /** The default country with which a national number was read; null where the event itself has the country. */
  readonly defaultCountry: string | null
  /** Digits without a plus, read as international since no country is known: for connections without a default country. */
  readonly assumed: boolean
}

/** As the library's own, which looks into its metadata each time. */
export const isSupportedCountry = (country: string): country is CountryCode => supported.has(country)
const supported: ReadonlySet<string> = new Set(getCountries())

/** Meta and Snapchat: digits with the country code, without `+` and leading zeros. */
export const digitsForm = (e164: string): string => e164.slice(1)

/** TikTok: E.164 with `+`; a number of mainland China without `+` and without 86. */
export const tiktokForm = (e164: string): string => (e164.startsWith("+86") ? e164.slice(3) : e164)

/**
 * A number written internationally (`+` or `00`) needs no country and is taken where its length is one that the country
 * has, since numbering plans change. A national number is read with the customer's country and must be a valid number
 * there. Where that country is not known, each default country in which it is valid gives a reading, marked with that
 * country; a connection takes its own only. For connections without a default country, digits that form a valid number of
 * the country whose code they begin with are that number, marked as assumed.
 *
 * @param country ISO 3166-1 alpha-2, upper case: the customer's; null where it is not known
 * @param defaultCountries the same: the connections'
 */
export const normalizePhone = (
  given: string,
  country: string | null,
  defaultCountries: ReadonlyArray<string>
): Field<ReadonlyArray<PhoneNumber>> => {
  if (given.length > phoneLengthMax) return dropped("invalid_phone")
  const raw = withoutFraction(given)
  const known = knownE164(raw)
  if (known !== null) return kept([{ e164: known, defaultCountry: null, assumed: false }])
  const usual = country === "US" || country === "CA" ? usualAmerican(raw) : undefined
  if (usual !== undefined) return kept([{ e164: usual, defaultCountry: null, assumed: false }])
  const cleaned = isAscii(raw) ? clean(raw) : visible(clean(raw)).normalize("NFKC").replace(arabicDigits, westernDigit)
  if (cleaned === "") return dropped("empty")
  if (isPlaceholder(cleaned)) return dropped("placeholder")
  if (isOtherHash(cleaned) && /[a-f]/i.test(cleaned)) return dropped("unsupported_hash")
  const international = internationalPart(cleaned)
  if (international !== null) return single(readPrefixed(cleaned, international, country))
  if (onlyOneDigit.test(cleaned.replace(notDigits, ""))) return dropped("placeholder")
  if (country !== null && isSupportedCountry(country)) return single(readNational(cleaned, country))
  return withoutCountry(cleaned, defaultCountries)
}

/** Behind `00` the customer's own country has the first word: in Australia `0011` leads abroad, in Japan `010`. */
const readPrefixed = (cleaned: string, international: string, country: string | null): string | null => {
  const ofCountry =
    country !== null && !cleaned.includes("+") && isSupportedCountry(country) ? readNational(cleaned, country) : null
  return ofCountry ?? readInternational(international)
}

const single = (e164: string | null): Field<ReadonlyArray<PhoneNumber>> =>
  e164 === null ? dropped("invalid_phone") : kept([{ e164, defaultCountry: null, assumed: false }])

/** A country is not known: each default country gives its reading, and for connections without one the digits themselves may. */
const withoutCountry = (cleaned: string, countries: ReadonlyArray<string>): Field<ReadonlyArray<PhoneNumber>> => {
  if (cleaned.replace(notDigits, "").length < 4) return dropped("invalid_phone")
  const found: Array<PhoneNumber> = []
  for (const country of countries) {
    const e164 = isSupportedCountry(country) ? readNational(cleaned, country) : null
    if (e164 !== null && !found.some((other) => other.defaultCountry === country)) {
      found.push({ e164, defaultCountry: country, assumed: false })
    }
  }
  const international = readAssumed(cleaned)
  if (international !== null) found.push({ e164: international, defaultCountry: null, assumed: true })
  if (found.length > 0) return kept(found)
  return dropped(countries.length === 0 ? "phone_country_unknown" : "invalid_phone")
}

/**
 * Digits that begin with a country code and form a valid number of that country. An area code in brackets says that the
 * number is a national one, and so does a zero in front.
 */
const readAssumed = (cleaned: string): string | null => {
  if (!digitsFirst.test(cleaned)) return null
  const parsed = parsePhoneNumberFromString(withoutMexicanOne(`+${cleaned.replace(notDigits, "")}`))
  return parsed?.isValid() === true && parsed.country !== undefined ? parsed.number : null
}

const digitsFirst = /^[1-9][0-9 ()./-]{6,31}$/

/** The number from its `+` on, `00` and `+00` replaced by it; null where it is written nationally. */
const internationalPart = (cleaned: string): string | null => {
  const plus = /^[^0-9+]*\+[ ().-]*0*(.*)$/s.exec(cleaned)
  if (plus !== null) return `+${plus[1]}`
  const zeros = /^[^0-9+]{0,8}0[ ().-]*0[ ().-]*([1-9].*)$/s.exec(cleaned)
  return zeros === null ? null : `+${zeros[1]}`
}

const readInternational = (text: string): string | null => {
  const parsed = parsePhoneNumberFromString(withoutMexicanOne(text))
  if (parsed === undefined || !parsed.isPossible()) return null
  // +1 111 111 1111: of a possible length, and still not a number.
  if (onlyOneDigit.test(parsed.nationalNumber) && !parsed.isValid()) return null
  return parsed.number
}

/**
 * Mexico's mobile numbers had a 1 behind the country code until 2019, and address books still hold it. Its numbers have ten
 * digits and none begins with 1, so that eleven with a 1 before them can be nothing else.
 */
const withoutMexicanOne = (text: string): string => {
  const digits = text.replace(notDigits, "")
  return mexicanMobile.test(digits) ? `+52${digits.slice(3)}` : text
}

const mexicanMobile = /^521[2-9][0-9]{9}$/

const readNational = (text: string, country: CountryCode): string | null => {
  if (country === "US" || country === "CA") {
    const known = knownAmerican(text)
    if (known !== undefined) return known
  }
  return parseNational(text, country)
}

const parseNational = (text: string, country: CountryCode): string | null => {
  const parsed = parsePhoneNumberFromString(country === "MX" ? withoutMexicanOne(text) : text, country)
  return parsed?.isValid() === true ? (withOwnCode(text, country, parsed) ?? parsed.number) : null
}

/**
 * Digits that are a number of the country both with its code in front and as they stand, as `491701234567` in Germany: where
 * people write a zero before a national number, which is missing here, the code is meant. Null otherwise.
 */
const withOwnCode = (text: string, country: CountryCode, national: ParsedNumber): string | null => {
  if (!digitsFirst.test(text)) return null
  const digits = text.replace(notDigits, "")
  if (!digits.startsWith(getCountryCallingCode(country)) || national.number === `+${digits}`) return null
  if (!national.formatNational().startsWith("0")) return null
  const international = parsePhoneNumberFromString(`+${digits}`)
  return international?.isValid() === true && personal.has(international.getType()) ? international.number : null
}

const personal: ReadonlySet<NumberType> = new Set(["MOBILE", "FIXED_LINE", "FIXED_LINE_OR_MOBILE"])

/**
 * Shapes of which libphonenumber would only take the spaces and brackets, at a hundredth of its cost: countries whose
 * numbers have fixed lengths and begin with no trunk prefix. A test compares them with the library.
 */
const knownE164 = (raw: string): string | null => {
  if (raw.charCodeAt(0) !== plus) return null
  if (e164Shapes.test(raw)) return endsInOneDigit(raw) ? null : raw
  if (!formatted.test(raw)) return null
  const compact = raw.replace(/[ ().-]+/g, "")
  return e164Shapes.test(compact) && !endsInOneDigit(compact) ? compact : null
}

/** Whether the last seven digits are the same. */
const endsInOneDigit = (number: string): boolean => {
  const end = number.length - 1
  const last = number.charCodeAt(end)
  for (let at = end - 1; at > end - 7; at--) if (number.charCodeAt(at) !== last) return false
  return true
}

const plus = 0x2b

const formatted = /^\+\d[\d ().-]{6,24}$/
const e164Shapes = /^\+(?:1[2-9]\d{9}|33[1-9]\d{8}|34[5-9]\d{8}|31[1-9]\d{8}|44[1-9]\d{9}|61[2-478]\d{8}|91[1-9]\d{9})$/
/**
 * Ten digits in the usual spellings. Where a number is one of the United States or Canada, its first six digits (area code
 * and exchange) say so for every number that begins with them; the library is asked once for each six. All else in the
 * North American plan it is asked each time. A test compares millions of numbers with it.
 */
const knownAmerican = (text: string): string | undefined => {
  if (!american.test(text)) return undefined
  const digits = text.length === 10 ? text : text.replace(notDigits, "")
  const exchange = Number(digits.slice(0, 6))
  if (exchanges[exchange] === unasked) {
    const parsed = parsePhoneNumberFromString(`+1${digits}`)
    const isOwn = parsed?.isValid() === true && (parsed.country === "US" || parsed.country === "CA")
    // An invalid number says nothing of the next one.
    if (isOwn) exchanges[exchange] = valid
    else if (parsed?.isValid() === true) exchanges[exchange] = elsewhere
  }
  return exchanges[exchange] === valid ? `+1${digits}` : undefined
}

/** As `knownAmerican` where nothing has to be asked: no such number is a placeholder, but for one whose digits are all the same. */
const usualAmerican = (raw: string): string | undefined => {
  if (!american.test(raw)) return undefined
  const digits = raw.length === 10 ? raw : raw.replace(notDigits, "")
  const exchange = Number(digits.slice(0, 6))
  return exchanges[exchange] === valid && exchange % 111_111 !== 0 ? `+1${digits}` : undefined
}

const american = /^(?:\([2-9][0-9]{2}\) ?|[2-9][0-9]{2}[ .-]?)[0-9]{3}[ .-]?[0-9]{4}$/
const [unasked, valid, elsewhere] = [0, 1, 2]
const exchanges = new Uint8Array(1_000_000)
const phoneLengthMax = 128
const arabicDigits = /[\u0660-\u0669\u06f0-\u06f9]/g
const westernDigit = (digit: string): string => String(digit.charCodeAt(0) & 15)
const notDigits = /[^0-9]+/g
const onlyOneDigit = /^(\d)\1*$/
