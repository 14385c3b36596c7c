/**
 * The short ways through phone numbers give exactly what libphonenumber gives. `make check-phones` compares millions
 * (PHONES=5000000); the unit test takes a part of them.
 */
import process from "node:process"
import { assert, describe, it } from "@effect/vitest"
import { type CountryCode, parsePhoneNumberFromString } from "libphonenumber-js/max"
import { normalizePhone } from "../processors/normalizer/identity/phone.ts"

const count = Number(process.env["PHONES"] ?? 4_000)

/** Numbers that repeat from run to run, well mixed. */
const randomFrom = (seed: number) => {
  let state = seed
  return (below: number): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
}

const digits = (random: (below: number) => number, length: number): string =>
  Array.from({ length }, () => random(10)).join("")

/** Half of them of area codes and exchanges that are assigned, so that both answers are frequent. */
const american = (random: (below: number) => number): string => {
  const areas = ["415", "212", "314", "416", "604", "800", "900", "787", "242", "876", "500", "521", "710", "671"]
  const area = random(2) === 0 ? areas[random(areas.length)]! : digits(random, 3)
  return area + digits(random, 7)
}

const spell = (number: string, random: (below: number) => number): string => {
  const [area, exchange, line] = [number.slice(0, 3), number.slice(3, 6), number.slice(6)]
  const spellings = [
    number,
    `(${area}) ${exchange}-${line}`,
    `(${area})${exchange}${line}`,
    `${area}-${exchange}-${line}`,
    `${area}.${exchange}.${line}`,
    `${area} ${exchange} ${line}`,
    `${area}${exchange}-${line}`,
    `1${number}`,
    `1-${area}-${exchange}-${line}`
  ]
  return spellings[random(spellings.length)]!
}

const viaLibrary = (text: string, country: CountryCode): string | null => {
  const parsed = parsePhoneNumberFromString(text, country)
  return parsed?.isValid() === true ? parsed.number : null
}

const ofCountry = (text: string, country: CountryCode): string | null => {
  const result = normalizePhone(text, country, [])
  return "value" in result ? result.value[0]!.e164 : null
}

const international = (random: (below: number) => number): string => {
  const codes = ["1", "33", "34", "31", "44", "61", "91", "49", "39", "55"]
  const code = codes[random(codes.length)]!
  const rest = digits(random, 8 + random(4))
  return random(2) === 0 ? `+${code}${rest}` : `+${code} ${rest.slice(0, 2)} ${rest.slice(2, 5)}-${rest.slice(5)}`
}

/** As the rule says: a possible length, and a number of one repeated digit only where the plan has it. */
const possible = (text: string): string | null => {
  const parsed = parsePhoneNumberFromString(text)
  if (parsed === undefined || !parsed.isPossible()) return null
  return /^(\d)\1*$/.test(parsed.nationalNumber) && !parsed.isValid() ? null : parsed.number
}

describe("phone numbers", { timeout: 3_600_000 }, () => {
  it.each(["US", "CA"] as const)("written nationally in %s are read as libphonenumber reads them", (country) => {
    const random = randomFrom(country.charCodeAt(0))
    let valid = 0
    for (let index = 0; index < count; index++) {
      const number = american(random)
      // One repeated digit is a placeholder, and `00` announces a country code: rules of ours, before the library's.
      if (/^(\d)\1*$|^00/.test(number)) continue
      const text = spell(number, random)
      const expected = viaLibrary(text, country)
      if (expected !== null) valid++
      // The message is made only for a difference: millions of assertions would take longer than the numbers.
      if (ofCountry(text, country) !== expected) assert.strictEqual(ofCountry(text, country), expected, text)
    }
    assert.isAbove(valid, count / 10)
    assert.isBelow(valid, count)
  })

  it("written internationally are read as libphonenumber reads them", () => {
    const random = randomFrom(7)
    let valid = 0
    for (let index = 0; index < count; index++) {
      const text = international(random)
      const expected = possible(text)
      if (expected !== null) valid++
      const result = normalizePhone(text, null, [])
      const found = "value" in result ? result.value[0]!.e164 : null
      if (found !== expected) assert.strictEqual(found, expected, text)
    }
    assert.isAbove(valid, count / 10)
  })
})
