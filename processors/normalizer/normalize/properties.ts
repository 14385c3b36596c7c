/** What happened: numbers and currency checked, texts bounded and without personal data. */
import currencies from "../../../schemas/catalog/currencies.json" with { type: "json" }
import type { Item, Properties } from "../../../schemas/types.gen.ts"
import { wordTable } from "../../../shared/model/text-table.ts"
import type { DropReason } from "../identity/field.ts"
import { alreadyHashed, clean, isPlaceholder, withoutControls } from "../identity/text.ts"
import { hasIdentifierMember, isIdentifierName, isPersonUnder } from "../pii/identifier-names.ts"
import { isOrderIdName, looksLikeEmail, type PersonalData } from "../pii/personal-data.ts"
import { plain, scanText } from "../pii/text-scan.ts"
import { earlierTime } from "./time.ts"

/** What is not usable is left out and named by `drop`; whether a platform can do without it is for the mapper to say. */
export const normalizeProperties = (
  raw: Properties,
  eventTime: number,
  personal: PersonalData,
  drop: (field: string, reason: DropReason) => void
): Properties => {
  return {
    value: finite("properties.value", raw.value, drop),
    currency: currencyOf(raw.currency, drop),
    order_id:
      raw.order_id === null ? null : unlessDropped(orderId(raw.order_id, personal), "properties.", "order_id", drop),
    items: raw.items.length === 0 ? raw.items : normalizeItems(raw.items, personal, drop),
    num_items: finite("properties.num_items", raw.num_items, drop),
    search_string: textOf("search_string", raw.search_string, "names", personal, drop),
    content_type: textOf("content_type", raw.content_type, "no names", personal, drop),
    content_name: textOf("content_name", raw.content_name, "names", personal, drop),
    content_category: textOf("content_category", raw.content_category, "names", personal, drop),
    sign_up_method: textOf("sign_up_method", raw.sign_up_method, "names", personal, drop),
    status: textOf("status", raw.status, "names", personal, drop),
    predicted_ltv: finite("properties.predicted_ltv", raw.predicted_ltv, drop),
    description: textOf("description", raw.description, "names", personal, drop),
    shop_id: textOf("shop_id", raw.shop_id, "names", personal, drop),
    customer_type: textOf("customer_type", raw.customer_type, "names", personal, drop),
    delivery_category: textOf("delivery_category", raw.delivery_category, "no names", personal, drop),
    coupon: textOf("coupon", raw.coupon, "names", personal, drop),
    original_conversion_time: originalTime(raw.original_conversion_time, eventTime, drop),
    custom: normalizeCustom(raw.custom, personal, drop)
  }
}

const textOf = (
  name: TextName,
  value: string | null,
  search: Search,
  personal: PersonalData,
  drop: Drop
): string | null =>
  value === null ? null : unlessDropped(normalizeText(value, personal, search), "properties.", name, drop)

/** `undefined` or 0 for an order's id would make all purchases one, where a platform deduplicates by it. */
const orderId = (raw: string, personal: PersonalData): string | null | Dropped => {
  const id = normalizeText(raw, personal, "ids")
  return typeof id === "string" && (isPlaceholder(id) || zeros.test(id)) ? noId : id
}

const zeros = /^0+$/
const noId: Dropped = { dropped: "placeholder" }

/** A conversion is changed after it happened. */
const originalTime = (time: number | null, eventTime: number, drop: Drop): number | null => {
  const earlier = earlierTime(time, eventTime)
  if (earlier === null || "value" in earlier) return earlier === null ? null : earlier.value
  drop("properties.original_conversion_time", earlier.dropped)
  return null
}

type Drop = (field: string, reason: DropReason) => void
type TextName = { [K in keyof Properties]: Properties[K] extends string | null ? K : never }[keyof Properties]

/**
 * Text of the event: cleaned and bounded; a reason where it is too long or contains personal data.
 *
 * @param search what is looked for: each of the customer's names as well, both together only, since one is more likely a brand, or only
 * what an id must not be
 */
export const normalizeText = (raw: string, personal: PersonalData, search: Search): string | null | Dropped => {
  if (raw.length > textLengthMax) return tooLong
  let text = raw
  let scan = scanText(raw)
  if ((scan & plain) === 0) {
    text = clean(raw)
    // An empty text says nothing and is no loss worth a note.
    if (text === "") return null
    if (text !== raw) scan = scanText(text)
  }
  // Some letters take more characters in NFC.
  if (text.length > textLengthMax) return tooLong
  return isFound(text, scan, personal, search) ? isPersonal : text
}

type Search = "names" | "no names" | "ids"

const isFound = (text: string, scan: number, personal: PersonalData, search: Search): boolean => {
  if (search === "names") return personal.inText(text, scan)
  return search === "ids" ? personal.inId(text, scan) : personal.inCode(text, scan)
}

export interface Dropped {
  readonly dropped: DropReason
}
const tooLong: Dropped = { dropped: "too_long" }
const isPersonal: Dropped = { dropped: "personal_data" }

/** The path of the field is built only where it is reported. */
export const unlessDropped = (
  result: string | null | Dropped,
  path: string,
  name: string,
  drop: Drop
): string | null => {
  if (result === null || typeof result === "string") return result
  drop(path + name, result.dropped)
  return null
}

const currencyOf = (raw: string | null, drop: Drop): string | null => {
  if (raw === null) return null
  const known = knownCurrency(raw)
  if (known !== undefined) return known
  const currency = raw.length > codeLengthMax ? unknown : raw.trim().toUpperCase()
  if (currency === "") return null
  if (knownCurrency(currency) !== undefined) return currency
  drop("properties.currency", "unknown_currency")
  return null
}

/** Avro's doubles may be NaN or infinite, which JSON cannot say. */
const finite = (field: string, value: number | null, drop: Drop): number | null => {
  if (value === null || Number.isFinite(value)) return value
  drop(field, "not_a_number")
  return null
}

const normalizeItems = (items: ReadonlyArray<Item>, personal: PersonalData, drop: Drop): ReadonlyArray<Item> => {
  // Of the same length, since nearly always all are kept, and a list that grows has room for seventeen.
  const kept = items.slice()
  let count = 0
  for (let index = 0; index < items.length; index++) {
    const item = normalizeItem(items[index]!, index, personal, drop)
    if (item !== null) kept[count++] = item
  }
  if (count < items.length) kept.length = count
  return kept
}

const normalizeItem = (item: Item, index: number, personal: PersonalData, drop: Drop): Item | null => {
  const id = normalizeText(item.id, personal, "ids")
  if (typeof id !== "string") {
    drop(`properties.items[${index}]`, id === null ? "missing_item_id" : id.dropped)
    return null
  }
  return {
    id,
    name: itemText("name", item.name, index, "names", personal, drop),
    category: itemText("category", item.category, index, "no names", personal, drop),
    brand: itemText("brand", item.brand, index, "no names", personal, drop),
    quantity: itemNumber("quantity", item.quantity, index, drop),
    price: itemNumber("price", item.price, index, drop),
    delivery_category: itemText("delivery_category", item.delivery_category, index, "no names", personal, drop)
  }
}

/** The path of the field is put together only where it is named. */
const itemNumber = (name: "quantity" | "price", value: number | null, index: number, drop: Drop): number | null =>
  value === null || Number.isFinite(value) ? value : finite(`properties.items[${index}].${name}`, value, drop)

const itemText = (
  name: "name" | "category" | "brand" | "delivery_category",
  value: string | null,
  index: number,
  search: "names" | "no names",
  personal: PersonalData,
  drop: Drop
): string | null => {
  if (value === null) return null
  const result = normalizeText(value, personal, search)
  if (typeof result === "string" || result === null) return result
  drop(`properties.items[${index}].${name}`, result.dropped)
  return null
}

const normalizeCustom = (
  raw: Properties["custom"],
  personal: PersonalData,
  drop: (field: string, reason: DropReason) => void
): Properties["custom"] => {
  const keys = Object.keys(raw)
  if (keys.length === 0) return raw
  const custom: Record<string, string | number | boolean | null> = {}
  for (const rawKey of keys) {
    const rawValue = raw[rawKey]
    if (rawKey === "__proto__" || rawValue === undefined) continue
    // A lone surrogate is no text: some parsers refuse the whole request for it.
    const key = rawKey.length > keyLengthMax ? null : withoutControls(rawKey).replace(lineBreaks, " ")
    const value =
      typeof rawValue === "string" && rawValue.length <= textLengthMax ? withoutControls(rawValue) : rawValue
    const isTaken = key !== null && (key === "__proto__" || Object.hasOwn(raw, key) || Object.hasOwn(custom, key))
    if (key !== rawKey && isTaken) drop("properties.custom", "invalid_type")
    else if (key === null) drop("properties.custom", "too_long")
    else if (looksLikeEmail(key) || personal.inText(key)) drop("properties.custom", "personal_data")
    else if (typeof value === "string" && value.length > textLengthMax) drop(`properties.custom.${key}`, "too_long")
    else if (isPersonalValue(key, value, personal)) drop(`properties.custom.${key}`, "personal_data")
    else if (typeof value === "number" && !isExact(value)) drop(`properties.custom.${key}`, "not_a_number")
    else custom[key] = value
  }
  return custom
}

/** An integer beyond 2⁵³ has lost digits on its way: it is another number, and mostly it was an id. */
const isExact = (value: number): boolean => Number.isSafeInteger(value) || (Number.isFinite(value) && value % 1 !== 0)

const isPersonalValue = (key: string, value: string | number | boolean | null, personal: PersonalData): boolean => {
  if (value === null || typeof value === "boolean") return false
  const text = String(value)
  if (alreadyHashed(text) !== null) return false
  if (isIdentifierName(key) || isPersonUnder(key, text) || hasIdentifierMember(text)) return true
  return isOrderIdName(key) ? personal.inId(text) : personal.inText(text)
}

const lineBreaks = /[\t\n\r]/g
const knownCurrency = wordTable(Object.keys(currencies))
/** In UTF-16 units. */
export const textLengthMax = 8192
const codeLengthMax = 64
/** Stands for what is too long for a code. */
const unknown = "?"
const keyLengthMax = 256
