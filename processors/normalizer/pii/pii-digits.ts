/** The customer's numbers (phones and date of birth), and whether a text contains one of them. */
import { getCountryCallingCode } from "libphonenumber-js/max"
import type { RawUser } from "../../../schemas/types.gen.ts"
import { memo } from "../../../shared/model/memo.ts"
import { normalizeBirthDate } from "../identity/person.ts"
import { isSupportedCountry } from "../identity/phone.ts"
import { alreadyHashed } from "../identity/text.ts"

/**
 * Six to eight digits behind a one, which marks how many they are (`0112` and `112` are two numbers): those of phone numbers
 * without prefixes, and those of the date of birth in the orders in which people write it.
 */
export type CustomerNumbers = ReadonlyArray<number> | ReadonlySet<number>

export const customerNumbersOf = (user: RawUser | null): CustomerNumbers => {
  const numbers = listOf(user)
  return numbers.length > comparedMax ? new Set(numbers) : numbers
}

/** So many are compared one by one; a customer of more phones than that is a mistake, whose cost must not be the square. */
const comparedMax = 32

const listOf = (user: RawUser | null): ReadonlyArray<number> => {
  if (user === null) return noNumbers
  const numbers: Array<number> = []
  const { phone, date_of_birth } = user
  if (typeof phone === "string") addPhone(numbers, phone)
  else if (phone !== null) for (const one of phone) addPhone(numbers, one)
  if (date_of_birth === null || alreadyHashed(date_of_birth) !== null) return numbers
  if (!addIsoBirthday(numbers, date_of_birth)) for (const one of birthdayNumbers(date_of_birth)) numbers.push(one)
  return numbers
}

/** Whether the digits of one of the numbers come in this order in the text, whatever stands between them. */
export const containsNumber = (text: string, numbers: CustomerNumbers): boolean => {
  const list = Array.isArray(numbers) ? (numbers as ReadonlyArray<number>) : null
  if (list?.length === 0) return false
  if (text.length > comparedTextMax && text.length > statesOfNumber * countOf(numbers))
    return automatonOf(numbers).finds(text)
  const lastDigits = list === null ? allDigits : lastDigitsOf(list)
  let count = 0
  let last = 0
  for (let at = 0; at < text.length; at++) {
    const digit = text.charCodeAt(at) - 0x30
    if (digit < 0 || digit > 9) continue
    last = (last % 10_000_000) * 10 + digit
    if (++count < 6 || ((lastDigits >> digit) & 1) === 0) continue
    const six = 1_000_000 + (last % 1_000_000)
    const seven = count < 7 ? 0 : 10_000_000 + (last % 10_000_000)
    const eight = count < 8 ? 0 : 100_000_000 + last
    if (list === null) {
      const set = numbers as ReadonlySet<number>
      if (set.has(eight) || set.has(seven) || set.has(six)) return true
      continue
    }
    for (let index = 0; index < list.length; index++) {
      const number = list[index]
      if (number === eight || number === seven || number === six) return true
    }
  }
  return false
}

const allDigits = 1_023
/** In longer texts, comparing each digit with all numbers costs more than an automaton. */
const comparedTextMax = 4_096
/** As many numbers as would take longer to make into an automaton than to be looked up for each digit. */
const statesOfNumber = 8
const countOf = (numbers: CustomerNumbers): number => ("size" in numbers ? numbers.size : numbers.length)

/** A bit for each digit with which one of the numbers ends; kept for the customer whose texts are searched one after another. */
const lastDigitsOf = (numbers: ReadonlyArray<number>): number => {
  if (numbers === known.numbers) return known.lastDigits
  let lastDigits = 0
  for (const number of numbers) lastDigits |= 1 << (number % 10)
  known.numbers = numbers
  known.lastDigits = lastDigits
  return lastDigits
}
const known: { numbers: ReadonlyArray<number>; lastDigits: number } = { numbers: [], lastDigits: 0 }

/**
 * The automaton of Aho and Corasick: one look for each digit of the text. A state is what the text
 * ends with that begins a number.
 */
class NumberAutomaton {
  /** By state and digit: the next state. In state 0 it ends with no beginning of a number. */
  readonly #next: Array<number> = new Array<number>(10).fill(0)
  readonly #isFound: Array<boolean> = [false]

  constructor(numbers: CustomerNumbers) {
    for (const number of numbers) this.#add(String(number).slice(1))
    this.#link()
  }

  finds(text: string): boolean {
    let state = 0
    for (let at = 0; at < text.length; at++) {
      const digit = text.charCodeAt(at) - 0x30
      if (digit < 0 || digit > 9) continue
      state = this.#next[state * 10 + digit]!
      if (this.#isFound[state]!) return true
    }
    return false
  }

  #add(digits: string): void {
    let state = 0
    for (const digit of digits) {
      const edge = state * 10 + Number(digit)
      if (this.#next[edge] === 0) {
        this.#next[edge] = this.#isFound.length
        this.#isFound.push(false)
        for (let one = 0; one < 10; one++) this.#next.push(0)
      }
      state = this.#next[edge]!
    }
    this.#isFound[state] = true
  }

  /** Where a number goes on no further, the state is that of the longest end of what was read; shorter ones come first. */
  #link(): void {
    const ends = new Array<number>(this.#isFound.length).fill(0)
    const states = [0]
    for (let index = 0; index < states.length; index++) {
      const state = states[index]!
      for (let digit = 0; digit < 10; digit++) {
        const edge = state * 10 + digit
        const shorter = state === 0 ? 0 : this.#next[ends[state]! * 10 + digit]!
        const next = this.#next[edge]!
        if (next === 0) {
          this.#next[edge] = shorter
          continue
        }
        ends[next] = shorter
        if (this.#isFound[shorter]!) this.#isFound[next] = true
        states.push(next)
      }
    }
  }
}

/** Kept for the customer whose texts are searched one after another. */
const automatonOf = (numbers: CustomerNumbers): NumberAutomaton => {
  if (lastAutomaton?.numbers !== numbers) lastAutomaton = { numbers, automaton: new NumberAutomaton(numbers) }
  return lastAutomaton.automaton
}
let lastAutomaton: { readonly numbers: CustomerNumbers; readonly automaton: NumberAutomaton } | null = null

/**
 * The digits of the customer's phone numbers, whole, without what may be a country code and behind the code of the customer's
 * country, which a national number lacks; see `isPhoneOf`.
 */
export const customerPhonesOf = (user: RawUser | null, countries: ReadonlyArray<string>): ReadonlySet<string> => {
  const phones = new Set<string>()
  if (user === null || user.phone === null) return phones
  for (const phone of typeof user.phone === "string" ? [user.phone] : user.phone) {
    if (phone.length > phoneLengthMax || alreadyHashed(phone) !== null) continue
    const digits = digitsOf(phone)
    if (digits.length >= digitsMin) phones.add(digits)
    for (const national of nationalParts(digits)) phones.add(national)
    for (const country of countries)
      if (isSupportedCountry(country) && digits.length >= digitsMin) phones.add(getCountryCallingCode(country) + digits)
  }
  return phones
}

/**
 * Whether all digits of the text together are one of the phone numbers, with or without its country code: then it is that
 * number in some form, and not an id that only shares digits with it.
 */
export const isPhoneOf = (text: string, phones: ReadonlySet<string>): boolean => {
  if (phones.size === 0) return false
  const digits = digitsOf(text)
  if (digits.length < digitsMin || digits.length > digitsMax) return false
  if (phones.has(digits)) return true
  // Only a plus says that the first digits are a country's; else they are the shop's.
  return text.includes("+") && nationalParts(digits).some((national) => phones.has(national))
}

/** Without a country code of one to three digits, as far as what is left is long enough to be a number by itself. */
const nationalParts = (digits: string): ReadonlyArray<string> =>
  [1, 2, 3].map((code) => digits.slice(code)).filter((rest) => rest.length >= nationalMin)

/** Without the zeros in front, which lead into another region or country. */
const digitsOf = (text: string): string => text.replace(/[^0-9]+/g, "").replace(/^0+/, "")

const digitsMin = 7
/** E.164 has fifteen at most; three more are a way abroad. */
const digitsMax = 18
/** Fewer digits are the end of a longer number by chance. */
const nationalMin = 9
/** As in `identity/phone.ts`: longer texts are not phone numbers. */
const phoneLengthMax = 128

const noNumbers: ReadonlyArray<number> = []

/** Trunk prefix and country code differ between spellings; the last eight digits do not. */
const addPhone = (numbers: Array<number>, phone: string): void => {
  if (alreadyHashed(phone) !== null) return
  let count = 0
  let last = 0
  for (let at = 0; at < phone.length; at++) {
    const digit = phone.charCodeAt(at) - 0x30
    if (digit < 0 || digit > 9) continue
    last = (last % 10_000_000) * 10 + digit
    count++
  }
  // Without the zeros in front, which a spelling may leave out.
  if (count >= 7 && last >= 100_000) numbers.push(last + behindOne(last))
}

const behindOne = (number: number): number =>
  number >= 10_000_000 ? 100_000_000 : number >= 1_000_000 ? 10_000_000 : 1_000_000

/** As `birthdayNumbers`, for real dates written `YYYY-MM-DD`: nearly all. A test compares the two. */
const addIsoBirthday = (numbers: Array<number>, raw: string): boolean => {
  if (!isoBirthday.test(raw)) return false
  const [year, month, day] = [digitsAt(raw, 0) * 100 + digitsAt(raw, 2), digitsAt(raw, 5), digitsAt(raw, 8)]
  numbers.push(
    100_000_000 + year * 10_000 + month * 100 + day,
    100_000_000 + day * 1_000_000 + month * 10_000 + year,
    100_000_000 + month * 1_000_000 + day * 10_000 + year
  )
  if (month > 9 && day > 9) return true
  // Without the zeros before single digits.
  const [one, ten] = [day > 9 ? 100 : 10, month > 9 ? 100 : 10]
  const behind = one * ten * 10_000
  numbers.push(
    behind + year * one * ten + month * one + day,
    behind + (day * ten + month) * 10_000 + year,
    behind + (month * one + day) * 10_000 + year
  )
  // Six digits, as of 1/2/1990, are in many texts by chance.
  if (behind < 10_000_000) numbers.length -= 3
  return true
}

const digitsAt = (text: string, at: number): number =>
  (text.charCodeAt(at) - 0x30) * 10 + (text.charCodeAt(at + 1) - 0x30)

/** Every month has these days; of January 1900 the first is no date. */
const isoBirthday = /^(?:19[1-9]|20[0-9])[0-9]-(?:0[1-9]|1[0-2])-(?:0[1-9]|1[0-9]|2[0-8])$/

/** Year, month and day in every usual order, with the zeros before single digits and without. */
export const birthdayNumbers = memo(16_384, (raw: string): ReadonlyArray<number> => {
  const found = new Set<number>()
  const given = raw.replace(/[^0-9]+/g, "")
  if (given.length >= 8) found.add(Number("1" + given.slice(0, 8)))
  for (const order of ["month_first", "day_first"] as const) {
    const date = normalizeBirthDate(raw, Number.POSITIVE_INFINITY, order)
    if (!("value" in date)) continue
    const [year, month, day] = [date.value.slice(0, 4), date.value.slice(4, 6), date.value.slice(6)]
    for (const [m, d] of [[month, day] as const, [String(Number(month)), String(Number(day))] as const]) {
      for (const digits of [year + m + d, d + m + year, m + d + year]) {
        if (digits.length >= 7) found.add(Number("1" + digits))
      }
    }
  }
  return [...found]
})
