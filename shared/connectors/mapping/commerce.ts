/**
 * What an event says of money and products, checked once and in no platform's form yet; amounts, prices and quantities as platforms take
 * them.
 */
import type { Item, NormalizedEvent, Properties } from "../../../schemas/types.gen.ts"
import { currencies, currencyCode } from "./catalog.ts"
import type { Dropped } from "./payload.ts"

export interface Product {
  readonly id: string
  readonly name: string | null
  readonly category: string | null
  readonly brand: string | null
  /** More than zero; null where the event gave an invalid quantity. */
  readonly quantity: number | null
  readonly price: number | null
  readonly deliveryCategory: string | null
}

export interface Commerce {
  /** In units of the currency, rounded to its minor unit. */
  readonly value: number | null
  readonly currency: string | null
  readonly products: ReadonlyArray<Product>
  /** The products' ids, each once, in order. */
  readonly ids: ReadonlyArray<string>
  /** As stated, else the sum of the quantities; null without products. */
  readonly count: number | null
  /** The amounts were left out, since their currency is not known. */
  readonly withoutAmounts?: true
}

const nothing: Commerce = { value: null, currency: null, products: [], ids: [], count: null }

/**
 * Reads the properties; what is not usable is left out and noted in `dropped`. Read once for an event that is mapped for
 * several connections one after the other.
 */
export const commerceOf = (event: NormalizedEvent, dropped: Array<Dropped>): Commerce => {
  const { commerce, dropped: noted } = readingOf(event)
  for (const one of noted) dropped.push(one)
  return commerce
}

/** What the properties say, and what of them is not usable, once for each event. */
export const readingOf = (event: NormalizedEvent): Reading => {
  if (last.event !== event) {
    const noted: Array<Dropped> = []
    last = { event, commerce: read(event, noted), dropped: noted }
  }
  return last
}

interface Reading {
  readonly event: NormalizedEvent | null
  readonly commerce: Commerce
  readonly dropped: ReadonlyArray<Dropped>
}

let last: Reading = { event: null, commerce: nothing, dropped: [] }

const read = (event: NormalizedEvent, dropped: Array<Dropped>): Commerce => {
  const { properties } = event
  if (properties === null) return nothing
  const currency = currencyOf(properties, dropped)
  const products = productsOf(properties.items, notesOf(event.dropped_fields), dropped)
  return {
    value: checkedValue(properties, currency, dropped),
    currency,
    products,
    ids: products.length === 0 ? noTexts : distinct(products.map(({ id }) => id)),
    count: countOf(properties, products, dropped)
  }
}

const currencyOf = (properties: Properties, dropped: Array<Dropped>): string | null => {
  const given = properties.currency
  if (given === null || given === "") return null
  const known = currencyCode(given)
  if (known !== undefined) return known
  const code = given.trim().toUpperCase()
  if (currencyCode(code) !== undefined) return code
  dropped.push({ field: "properties.currency", reason: "unknown_currency" })
  return null
}

const checkedValue = (properties: Properties, currency: string | null, dropped: Array<Dropped>): number | null => {
  if (properties.value === null) return null
  const value = amount(properties.value, currency)
  if (value._tag === "Amount") return value.value
  dropped.push({ field: "properties.value", reason: value.reason })
  return null
}

/** What the normalizer left out of the items, by their places in the raw event; null where it left out nothing. */
interface ItemNotes {
  readonly items: ReadonlySet<number>
  readonly quantities: ReadonlySet<number>
}

const notesOf = (dropped: ReadonlyArray<Dropped>): ItemNotes | null => {
  let notes: { readonly items: Set<number>; readonly quantities: Set<number> } | null = null
  for (const { field } of dropped) {
    const found = itemField.exec(field)
    if (found === null) continue
    notes ??= { items: new Set(), quantities: new Set() }
    notes[found[2] === undefined ? "items" : "quantities"].add(Number(found[1]))
  }
  return notes
}

const itemField = /^properties\.items\[([0-9]+)\](\.quantity)?$/

const productsOf = (
  items: ReadonlyArray<Item>,
  notes: ItemNotes | null,
  dropped: Array<Dropped>
): ReadonlyArray<Product> => {
  if (items.length === 0) return noProducts
  if (notes === null && items.every(({ id }) => id !== "")) {
    return items.map((item, index) => productOf(item, index, dropped))
  }
  const products: Array<Product> = []
  let place = 0
  for (const item of items) {
    while (notes?.items.has(place)) place++
    const index = place++
    if (item.id === "") {
      dropped.push({ field: `properties.items[${index}]`, reason: "missing_item_id" })
      continue
    }
    const product = productOf(item, index, dropped)
    // A quantity that could not be used is not the one that stands for none.
    products.push(notes?.quantities.has(index) ? { ...product, quantity: null } : product)
  }
  return products
}

const productOf = (item: Item, index: number, dropped: Array<Dropped>): Product => {
  const many = quantity(item.quantity)
  if (many._tag === "Invalid") dropped.push({ field: `properties.items[${index}].quantity`, reason: many.reason })
  const each = item.price === null ? null : price(item.price)
  if (each?._tag === "Invalid") dropped.push({ field: `properties.items[${index}].price`, reason: each.reason })
  return {
    id: item.id,
    name: item.name,
    category: item.category,
    brand: item.brand,
    quantity: many._tag === "Amount" ? many.value : null,
    price: each?._tag === "Amount" ? each.value : null,
    deliveryCategory: deliveryCategory(item.delivery_category, `properties.items[${index}].delivery_category`, dropped)
  }
}

/** How the goods reach the customer, in the platforms' three words; another one fails the event at Meta. */
export const deliveryCategory = (given: string | null, field: string, dropped: Array<Dropped>): string | null => {
  if (given === null || given === "") return null
  const word = given
    .trim()
    .toLowerCase()
    .replaceAll(/[\s-]+/g, "_")
  if (deliveryCategories.has(word)) return word
  dropped.push({ field, reason: "not_supported" })
  return null
}

const deliveryCategories: ReadonlySet<string> = new Set(["in_store", "curbside", "home_delivery"])

const countOf = (properties: Properties, products: ReadonlyArray<Product>, dropped: Array<Dropped>): number | null => {
  if (properties.num_items !== null) {
    const stated = properties.num_items
    if (Number.isSafeInteger(stated) && stated >= 0) return stated + 0
    dropped.push({ field: "properties.num_items", reason: "not_a_count" })
  }
  if (products.length === 0) return null
  let sum = 0
  for (const product of products) sum += product.quantity ?? 1
  return Number.isSafeInteger(sum) ? sum : products.length
}

const noProducts: ReadonlyArray<Product> = []
const noTexts: ReadonlyArray<string> = []

/** The texts, each once, in order. The few of a usual event are compared with one another, many are looked up. */
export const distinct = (texts: ReadonlyArray<string>): ReadonlyArray<string> => {
  if (texts.length > comparedMax) return [...new Set(texts)]
  if (texts.every((text, index) => texts.indexOf(text) === index)) return texts
  const once: Array<string> = []
  for (let index = 0; index < texts.length; index++) {
    const text = texts[index]!
    if (!once.includes(text)) once.push(text)
  }
  return once
}

const comparedMax = 16

/** Amounts from here on can't be distinguished to the cent in a double, and some parsers refuse their notation. */
export const amountMax = 1e13

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
  // Where the language writes no exponent.
  if (value >= 1e-6 && value < 1e21) return text
  return text.includes("e") ? withoutZeros(value.toFixed(20)) : text
}

/** Of a number with a decimal point: without the zeros at its end, and without the point where nothing follows it. */
const withoutZeros = (text: string): string => {
  let end = text.length
  while (text.endsWith("0", end)) end--
  return text.slice(0, text.endsWith(".", end) ? end - 1 : end)
}
