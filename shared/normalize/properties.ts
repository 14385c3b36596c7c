/** What happened: numbers and currency checked, texts bounded and without personal data. */
import currencies from "../../schemas/catalog/currencies.json" with { type: "json" }
import type { Item, Properties } from "../../schemas/types.gen.ts"
import { type DropReason, type Field, kept } from "../identity/field.ts"
import { alreadyHashed } from "../identity/sha256.ts"
import { clean } from "../identity/text.ts"
import { isIdentifierName, looksLikeEmail, type PersonalData } from "./personal-data.ts"

/** Why the whole event cannot be used: a wrong amount or currency would be counted as money. */
export interface Unusable {
  readonly reason: "invalid_value" | "unknown_currency"
  readonly message: string
}

export type PropertiesResult = { readonly properties: Properties } | { readonly unusable: Unusable }

export const normalizeProperties = (
  raw: Properties,
  personal: PersonalData,
  drop: (field: string, reason: DropReason) => void
): PropertiesResult => {
  const broken = brokenNumber(raw)
  if (broken !== null) return unusable("invalid_value", `${broken} is not a number.`)
  const currency = raw.currency === null ? "" : raw.currency.trim().toUpperCase()
  if (currency !== "" && !knownCurrencies.has(currency)) {
    return unusable("unknown_currency", "properties.currency is no code of ISO 4217.")
  }
  const text = (name: TextName, isPersonal: (text: string) => boolean): string | null => {
    const value = raw[name]
    return value === null ? null : take(`properties.${name}`, value, isPersonal, drop)
  }
  return {
    properties: {
      value: raw.value,
      currency: currency === "" ? null : currency,
      order_id: text("order_id", personal.inText),
      items: raw.items.length === 0 ? raw.items : normalizeItems(raw.items, personal, drop),
      num_items: raw.num_items,
      search_string: text("search_string", personal.inText),
      content_type: text("content_type", personal.inCode),
      content_name: text("content_name", personal.inText),
      content_category: text("content_category", personal.inCode),
      sign_up_method: text("sign_up_method", personal.inText),
      status: text("status", personal.inText),
      predicted_ltv: raw.predicted_ltv,
      description: text("description", personal.inText),
      shop_id: text("shop_id", personal.inText),
      customer_type: text("customer_type", personal.inText),
      delivery_category: text("delivery_category", personal.inCode),
      coupon: text("coupon", personal.inText),
      custom: normalizeCustom(raw.custom, personal, drop)
    }
  }
}

type TextName = { [K in keyof Properties]: Properties[K] extends string | null ? K : never }[keyof Properties]

/** Text of the event: cleaned and bounded; left out where it tells personal data. */
export const normalizeText = (raw: string, isPersonal: (text: string) => boolean): Field<string | null> => {
  const text = clean(raw)
  // An empty text says nothing and is no loss worth a note.
  if (text === "") return kept(null)
  if (text.length > textLengthMax) return { dropped: "too_long" }
  return isPersonal(text) ? { dropped: "personal_data" } : kept(text)
}

const unusable = (reason: Unusable["reason"], message: string): PropertiesResult => ({ unusable: { reason, message } })

const take = (
  field: string,
  raw: string,
  isPersonal: (text: string) => boolean,
  drop: (field: string, reason: DropReason) => void
): string | null => {
  const result = normalizeText(raw, isPersonal)
  if ("value" in result) return result.value
  drop(field, result.dropped)
  return null
}

const brokenNumber = (raw: Properties): string | null => {
  if (isBroken(raw.value)) return "properties.value"
  if (isBroken(raw.num_items)) return "properties.num_items"
  if (isBroken(raw.predicted_ltv)) return "properties.predicted_ltv"
  for (let index = 0; index < raw.items.length; index++) {
    const item = raw.items[index]!
    if (isBroken(item.price)) return `properties.items[${index}].price`
    if (isBroken(item.quantity)) return `properties.items[${index}].quantity`
  }
  return null
}

const isBroken = (value: number | null): boolean => value !== null && !Number.isFinite(value)

const normalizeItems = (
  items: ReadonlyArray<Item>,
  personal: PersonalData,
  drop: (field: string, reason: DropReason) => void
): ReadonlyArray<Item> => {
  const kept: Array<Item> = []
  for (let index = 0; index < items.length; index++) {
    const item = items[index]!
    const path = `properties.items[${index}]`
    const id = clean(item.id)
    if (id === "") drop(path, "missing_item_id")
    else if (id.length > textLengthMax || personal.inCode(id)) drop(path, "personal_data")
    else {
      const text = (name: "name" | "category" | "brand" | "delivery_category", inName: boolean): string | null => {
        const value = item[name]
        return value === null ? null : take(`${path}.${name}`, value, inName ? personal.inText : personal.inCode, drop)
      }
      kept.push({
        id,
        name: text("name", true),
        category: text("category", false),
        brand: text("brand", false),
        quantity: item.quantity,
        price: item.price,
        delivery_category: text("delivery_category", false)
      })
    }
  }
  return kept
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
    const key = rawKey.toWellFormed()
    const value = typeof rawValue === "string" ? rawValue.toWellFormed() : rawValue
    if (key.length > keyLengthMax || looksLikeEmail(key) || personal.inText(key))
      drop("properties.custom", "personal_data")
    else if (isPersonalValue(key, value, personal)) drop(`properties.custom.${key}`, "personal_data")
    else if (typeof value === "string" && value.length > textLengthMax) drop(`properties.custom.${key}`, "too_long")
    else if (typeof value !== "number" || Number.isFinite(value)) custom[key] = value
  }
  return custom
}

const isPersonalValue = (key: string, value: string | number | boolean | null, personal: PersonalData): boolean => {
  if (value === null || typeof value === "boolean") return false
  const text = String(value)
  if (alreadyHashed(text) !== null) return false
  return isIdentifierName(key) || personal.inText(text)
}

const knownCurrencies = new Set(Object.keys(currencies))
const textLengthMax = 8192
const keyLengthMax = 256
