/**
 * Personal data of anyone, by its form: phone numbers, payment cards, IBANs, national ids with a check digit. Ids, amounts, dates and codes have
 * digits too, so that each form asks for what those lack: a plus, the grouping of a number of the country, a check digit.
 */
import { parsePhoneNumberFromString } from "libphonenumber-js/max"
import { isSupportedCountry } from "../identity/phone.ts"

export interface FormOptions {
  /** ISO 3166-1 alpha-2, upper case: countries by whose rules a national phone number is recognized. */
  readonly countries: ReadonlyArray<string>
  /** Also cards without spaces, which a long id equals by chance once in forty; never in ids and URLs. */
  readonly bareCards: boolean
}

/** Whether a text that has seven digits near each other contains one of the forms. Takes time linear in the length. */
export const hasKnownForm = (text: string, options: FormOptions): boolean => {
  if (isUuid(text)) return false
  validations = 0
  for (let at = 0; at < text.length; at++) {
    if (!startsRun(text, at)) continue
    const before = codeAt(text, at - 1)
    const end = endOfRun(text, at)
    if (isWordCharacter(before)) {
      if (isLetter(before) && (isIbanAt(text, at - 2) || isFiscalCodeAt(text, at - 6))) return true
    } else if (end - at >= runLengthMin && !isWordCharacter(codeAt(text, end))) {
      if (isNumberForm(text.slice(at, Math.min(end, at + runLengthMax)), options)) return true
      // A list of numbers: what it costs to ask of each must not grow with it.
      if (validations > validationsMax) return true
    }
    at = end - 1
  }
  return false
}

/** As above for ids: an international phone number, a card in groups, an IBAN; a national number is more likely an id. */
export const isKnownFormOfId = (text: string): boolean => {
  if (text.includes("-") || text.includes("+") || text.includes(" ") || text.includes("."))
    return hasKnownForm(text, ofIds)
  // One word: of the forms, these have no separators.
  return text.length >= 15 && (isIbanAt(text, 0) || isFiscalCodeAt(text, 0))
}

/** By its dashes. One in a million has the form and the check digits of an IBAN. */
const isUuid = (text: string): boolean =>
  text.length === 36 && text[8] === "-" && text[13] === "-" && text[18] === "-" && text[23] === "-"

const ofIds: FormOptions = { countries: [], bareCards: false }

const isNumberForm = (run: string, { countries, bareCards }: FormOptions): boolean => {
  const digits = run.replace(notDigits, "")
  if (digits.length < 7) return false
  if (run.startsWith("+")) return isInternational(run, digits)
  return (
    isCard(run, digits, bareCards) ||
    isNationalId(run, digits, bareCards) ||
    (countries.length > 0 && isNationalPhone(run, digits, countries))
  )
}

/** `+` and eight to fifteen digits (E.164), of which the first group alone is no longer. */
const isInternational = (run: string, digits: string): boolean =>
  digits.length >= 8 && digits[0] !== "0" && firstGroup.exec(run)![0].length <= 16
const firstGroup = /^\+\d*/

/**
 * A number as people write it in one of the countries: with the zero before it, brackets around the area code, or in groups of two kinds
 * at least; never bare digits, which any id is.
 */
const isNationalPhone = (run: string, digits: string, countries: ReadonlyArray<string>): boolean => {
  if (digits.length > 20 || !separator.test(run) || notPhones.some((form) => form.test(run))) return false
  if (run.startsWith("00")) return validate(`+${digits.slice(2)}`, countries[0]!)
  for (const candidate of withoutTail(run)) {
    const count = candidate.replace(notDigits, "").length
    if (count < 8 || count > 13) continue
    if (american.test(candidate) && validate(candidate, "US")) return true
    if (!phoneStart.test(candidate) && !threeGroups.test(candidate)) continue
    if (countries.some((country) => validate(candidate, country))) return true
  }
  return false
}

const validate = (number: string, country: string): boolean => {
  if (!isSupportedCountry(country)) return false
  validations++
  return parsePhoneNumberFromString(number, country)?.isValid() === true
}
/** Of the text that is being searched. */
let validations = 0

/** The run, and what is left of it without its last one and two groups, which may be a time or a date. */
const withoutTail = (run: string): ReadonlyArray<string> => {
  const shorter = withoutLastGroup(run)
  const shortest = withoutLastGroup(shorter)
  return shorter === run ? [run] : shortest === shorter ? [run, shorter] : [run, shorter, shortest]
}

const withoutLastGroup = (run: string): string => {
  let end = run.length
  while (end > 0 && isDigit(run.charCodeAt(end - 1))) end--
  while (end > 0 && !isDigit(run.charCodeAt(end - 1))) end--
  return end === 0 ? run : run.slice(0, end)
}

const separator = /[^0-9]/
/** A dash behind two digits is more often an id's (`02-010000`). */
const phoneStart = /^(?:\(|0[1-9](?!-[0-9]+$))/
/** Two digits at least in each: the parts of ids and versions are shorter or bare. */
const threeGroups = /^[0-9]{2,4}[ -][0-9]{2,4}[ -][0-9]{2,4}(?:[ -][0-9]{2,4})*$/
const american = /^(?:\([2-9][0-9]{2}\) ?|[2-9][0-9]{2}[ .-])[2-9][0-9]{2}[ .-][0-9]{4}$/
/** Dates, addresses of the internet, amounts. */
const notPhones = [
  /^[0-9]{1,2}[-/. ][0-9]{1,2}[-/. ](?:19|20)[0-9]{2}/,
  /^(?:19|20)[0-9]{2}[-/. ]?[0-9]{1,2}[-/. ]?[0-9]{1,2}(?![0-9])/,
  /^[0-9]{1,3}(?:\.[0-9]{1,3}){3}$/,
  /^[1-9][0-9]{0,2}(?:[ .][0-9]{3})*[ .]000$/
]

/** In the groups that are printed on cards, or bare; the first digits of a network, its length, and Luhn's check digit. */
const isCard = (run: string, digits: string, bare: boolean): boolean => {
  const grouped = cardGroups.exec(run)
  if (grouped !== null) return isCardNumber(grouped[0].replace(notDigits, ""))
  return bare && run.length === digits.length && (digits.length === 15 || digits.length === 16) && isCardNumber(digits)
}

const isCardNumber = (digits: string): boolean => cardNumber.test(digits) && passesLuhn(digits)

const cardGroups = /^(?:[0-9]{4}([ -])[0-9]{4}\1[0-9]{4}\1[0-9]{4}|[0-9]{4}([ -])[0-9]{6}\2[0-9]{4,5})(?![0-9])/
/** Visa, Mastercard, Discover, UnionPay, JCB; American Express; Diners Club. */
const cardNumber =
  /^(?:(?:4[0-9]{3}|5[1-5][0-9]{2}|222[1-9]|22[3-9][0-9]|2[3-6][0-9]{2}|27[01][0-9]|2720|6011|64[4-9][0-9]|65[0-9]{2}|62[0-9]{2}|352[89]|35[3-8][0-9])[0-9]{12}|3[47][0-9]{13}|3(?:0[0-5]|[689][0-9])[0-9]{11})$/

const passesLuhn = (digits: string): boolean => {
  let sum = 0
  for (let at = 0; at < digits.length; at++) {
    const digit = digits.charCodeAt(digits.length - 1 - at) - 0x30
    sum += at % 2 === 0 ? digit : digit > 4 ? 2 * digit - 9 : 2 * digit
  }
  return sum % 10 === 0
}

/** A US social security number, a Brazilian CPF, a French social security number. */
const isNationalId = (run: string, digits: string, bare: boolean): boolean => {
  if (socialSecurity.test(run)) return true
  if (cpf.test(run)) return passesCpf(digits)
  if (digits.length !== 15 || !insee.test(digits) || !(bare || separator.test(run))) return false
  return 97 - (Number(digits.slice(0, 13)) % 97) === Number(digits.slice(13))
}

const socialSecurity = /^(?!000|666|9)[0-9]{3}-(?!00)[0-9]{2}-(?!0000)[0-9]{4}$/
const cpf = /^[0-9]{3}\.[0-9]{3}\.[0-9]{3}-[0-9]{2}$/
const insee = /^[12][0-9]{2}(?:0[1-9]|1[0-2])/

const passesCpf = (digits: string): boolean => {
  const check = (count: number): number => {
    let sum = 0
    for (let at = 0; at < count; at++) sum += (digits.charCodeAt(at) - 0x30) * (count + 1 - at)
    return ((sum * 10) % 11) % 10
  }
  return check(9) === digits.charCodeAt(9) - 0x30 && check(10) === digits.charCodeAt(10) - 0x30
}

/** ISO 13616: the country's length, and the remainder of 97. */
const isIbanAt = (text: string, start: number): boolean => {
  if (start < 0 || !isDigit(codeAt(text, start + 3)) || isWordCharacter(codeAt(text, start - 1))) return false
  if (!mayBeIbanOf(codeAt(text, start), codeAt(text, start + 1))) return false
  const length = ibanLengths.get(text.slice(start, start + 2).toUpperCase())
  if (length === undefined) return false
  const compact = text
    .slice(start, start + 2 * length)
    .replace(/[ -]/g, "")
    .toUpperCase()
  if (compact.length < length || !ibanCharacters.test(compact.slice(0, length))) return false
  return remainder97(compact.slice(4, length) + compact.slice(0, 4)) === 1
}

const ibanCharacters = /^[A-Z]{2}[0-9]{2}[A-Z0-9]+$/

/** Letters count as 10 to 35. */
const remainder97 = (text: string): number => {
  let remainder = 0
  for (let at = 0; at < text.length; at++) {
    const value = Number.parseInt(text[at]!, 36)
    remainder = (remainder * (value > 9 ? 100 : 10) + value) % 97
  }
  return remainder
}

const ibanLengths = new Map(
  (
    "AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BI27 BR29 BY28 CH21 CR22 CY28 CZ24 DE22 DJ27 DK18 DO28 EE20 EG29 ES24 FI18 FK18 FO18 FR27 GB22 GE22 " +
    "GI23 GL18 GR27 GT28 HR21 HU28 IE22 IL23 IQ23 IS26 IT27 JO30 KW30 KZ20 LB28 LC32 LI21 LT20 LU20 LV21 LY25 MC27 MD24 ME22 MK19 MN20 MR27 MT31 " +
    "MU30 NI28 NL18 NO15 OM23 PK24 PL28 PS29 PT25 QA29 RO24 RS22 RU33 SA24 SC31 SD18 SE24 SI19 SK24 SM27 SO23 ST25 SV28 TL23 TN24 TR26 UA29 VA22 VG24 XK20 YE30"
  )
    .split(" ")
    .map((entry) => [entry.slice(0, 2), Number(entry.slice(2))] as const)
)

/** Whether they may be the letters of such a country. Of two that are not ASCII, the map says. */
const mayBeIbanOf = (first: number, second: number): boolean =>
  first > 127 || second > 127 || ibanStarts[((first & 31) << 5) | (second & 31)] === 1

const ibanStarts = new Uint8Array(1024)
for (const country of ibanLengths.keys())
  ibanStarts[((country.charCodeAt(0) & 31) << 5) | (country.charCodeAt(1) & 31)] = 1

/** An Italian codice fiscale, by its check letter. */
const isFiscalCodeAt = (text: string, start: number): boolean => {
  if (start < 0 || !isLetter(codeAt(text, start)) || isWordCharacter(codeAt(text, start - 1))) return false
  if (text.length < start + 16 || isWordCharacter(codeAt(text, start + 16))) return false
  const code = text.slice(start, start + 16).toUpperCase()
  if (!fiscalCode.test(code)) return false
  let sum = 0
  for (let at = 0; at < 15; at++) sum += at % 2 === 0 ? oddValues[codeValue(code, at)]! : codeValue(code, at)
  return sum % 26 === code.charCodeAt(15) - 0x41
}

const fiscalCode = /^[A-Z]{6}[0-9]{2}[A-EHLMPRST][0-9]{2}[A-Z][0-9]{3}[A-Z]$/
const codeValue = (code: string, at: number): number => {
  const character = code.charCodeAt(at)
  return character < 0x41 ? character - 0x30 : character - 0x41
}
/** Of the characters in the first, third, fifth … place, 0 and A first. */
const oddValues = [1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23]

/** At a digit, a plus or a bracket before one. */
const startsRun = (text: string, at: number): boolean => {
  const code = codeAt(text, at)
  return isDigit(code) || ((code === plus || code === bracket) && isDigit(codeAt(text, at + 1)))
}

/** Behind the last digit that follows with at most two separators between it and the one before. */
const endOfRun = (text: string, start: number): number => {
  let end = start + 1
  let gap = 0
  for (let at = start + 1; at < text.length && gap <= 2; at++) {
    const code = codeAt(text, at)
    if (isDigit(code)) {
      end = at + 1
      gap = 0
    } else if (isSeparator(code)) gap++
    else break
  }
  return end
}

/** 0 outside of the text: V8 reads a character that is not there by a slow way. */
const codeAt = (text: string, at: number): number => (at < 0 || at >= text.length ? 0 : text.charCodeAt(at))

const isLetter = (code: number): boolean => (code >= 0x41 && code <= 0x5a) || (code >= 0x61 && code <= 0x7a)
const isDigit = (code: number): boolean => code >= 0x30 && code <= 0x39
/** Space, brackets, dash, full stop, slash; the space and the dash at which no line breaks. */
const isSeparator = (code: number): boolean =>
  code === 0x20 || (code >= 0x28 && code <= 0x29) || (code >= 0x2d && code <= 0x2f) || code === 0xa0 || code === 0x2011
/** A letter of a script with spaces, a digit, `_` or `-`: what stands beside it is a part of a longer word. */
const isWordCharacter = (code: number): boolean =>
  isDigit(code) || ((code | 0x20) - 0x61) >>> 0 < 26 || code === 0x5f || code === 0x2d || (code > 0xbf && code < 0x700)

const plus = 0x2b
const bracket = 0x28
const runLengthMin = 8
/** The longest form with its separators, and a time behind it. */
const runLengthMax = 48
const validationsMax = 40
const notDigits = /[^0-9]+/g
