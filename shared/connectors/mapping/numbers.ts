/** Amounts, prices and quantities: what platforms take as numbers, in the smallest faithful form. */
import { currencies } from "./catalog.ts"

/** Amounts from here on can't be distinguished to the cent in a double, and some parsers refuse their notation. */
const amountMax = 1e13

export type Amount =
  | { readonly _tag: "Amount"; readonly value: number }
  | { readonly _tag: "Invalid"; readonly reason: string }

/**
 * An amount in units of the currency, rounded half up to the currency's minor unit (ISO 4217: USD 2, JPY 0, KWD 3), by its
 * decimal notation, so that 1.005 USD is 1.01. Without a known currency only the noise of binary fractions goes.
 * Negative amounts are invalid: no platform takes them as a conversion's value. Minus zero is zero.
 */
export const amount = (value: number, currency: string | null): Amount => {
  if (!Number.isFinite(value)) return notFinite
  if (value < 0) return negative
  if (value > amountMax) return tooLarge
  const digits = currency === null ? undefined : currencies.get(currency)
  return { _tag: "Amount", value: digits === undefined ? withoutNoise(value) : round(value, digits) }
}

/** A price of one piece: as an amount, but not rounded to the minor unit, since unit prices may be finer. */
export const price = (value: number): Amount => {
  if (!Number.isFinite(value)) return notFinite
  if (value < 0) return negative
  if (value > amountMax) return tooLarge
  return { _tag: "Amount", value: withoutNoise(value) }
}

/** A quantity: finite and more than zero. Fractions (1.5 kg) are kept; platforms that take integers say so themselves. */
export const quantity = (value: number | null): Amount => {
  if (value === null) return one
  if (!Number.isFinite(value)) return notFinite
  if (value <= 0) return notPositive
  if (value > amountMax) return tooLarge
  return { _tag: "Amount", value: withoutNoise(value) }
}

/** An amount that configuration gives: a number, or a plain decimal in a string. Not rounded. */
export const numberFrom = (value: unknown): Amount => {
  if (typeof value === "number") return price(value)
  return typeof value === "string" && value.length <= 64 && decimalPattern.test(value.trim())
    ? price(Number(value))
    : notFinite
}

const decimalPattern = /^[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:e[+-]?[0-9]{1,3})?$/i

/** Rounds half up by decimal notation. */
export const round = (value: number, digits: number): number => {
  if (Number.isInteger(value)) return value === 0 ? 0 : value
  const power = powers[digits] ?? 1
  const scaled = value * power
  const near = Math.round(scaled)
  // Far from a tie the plain way is right; at a tie binary noise decides wrongly, so the decimal notation does.
  if (Math.abs(scaled - near) < 0.4999) return near / power
  const text = String(value)
  if (text.includes("e")) return near / power
  return Math.round(Number(text + "e" + String(digits))) / power
}

const powers = [1, 10, 100, 1000, 10_000]

/** 0.30000000000000004 is 0.3: fifteen digits are what a double keeps of a decimal number. */
const withoutNoise = (value: number): number => {
  if (Number.isInteger(value)) return value + 0
  // What is an integer number of hundredths is written with fewer than fifteen digits already.
  if (value < 1e12 && Math.round(value * 100) / 100 === value) return value
  return Number(value.toPrecision(15))
}

const notFinite: Amount = { _tag: "Invalid", reason: "not_a_number" }
const negative: Amount = { _tag: "Invalid", reason: "negative" }
const notPositive: Amount = { _tag: "Invalid", reason: "not_positive" }
const tooLarge: Amount = { _tag: "Invalid", reason: "too_large" }
const one: Amount = { _tag: "Amount", value: 1 }

/** A number as a decimal string, never in exponent notation. */
export const decimal = (value: number): string => {
  const text = String(value)
  return text.includes("e") ? withoutZeros(value.toFixed(20)) : text
}

/** Of a number with a decimal point: without the zeros at its end, and without the point where nothing follows it. */
const withoutZeros = (text: string): string => {
  let end = text.length
  while (text.endsWith("0", end)) end--
  return text.slice(0, text.endsWith(".", end) ? end - 1 : end)
}
