/** Snapchat's `custom_data` (Snapchat, Conversions API v3 parameters): quantities and prices are strings, the list is closed. */

import parameters from "../../../schemas/catalog/parameters.json" with { type: "json" }
import type { NormalizedEvent } from "../../../schemas/types.gen.ts"
import { commerceOf, deliveryCategory, type Product, productIds } from "../mapping/commerce.ts"
import type { CompiledConnection } from "../mapping/compile.ts"
import { addListedCustom } from "../mapping/custom-properties.ts"
import { distinct } from "../mapping/distinct.ts"
import { amount } from "../mapping/numbers.ts"
import { applyParameters } from "../mapping/parameters.ts"
import { type Dropped, type Mutable, put } from "../mapping/result.ts"
import { settleCustomData } from "../mapping/settle-custom-data.ts"

const listed: ReadonlySet<string> = new Set(parameters.snapchat.names)

/** Builds it. Custom properties that Snapchat has no name for stay behind, unless a parameter rule sends them. */
export const customData = (event: NormalizedEvent, compiled: CompiledConnection, dropped: Array<Dropped>): Mutable => {
  const commerce = commerceOf(event, dropped)
  const data: Mutable = {}
  put(data, "value", commerce.value)
  put(data, "currency", commerce.currency)
  if (commerce.products.length > 0) putProducts(data, commerce.products)
  put(data, "num_items", commerce.count)
  putText(data, event, dropped)
  const predicted = event.properties?.predicted_ltv ?? null
  if (predicted !== null) {
    const value = amount(predicted, commerce.currency)
    if (value._tag === "Amount") data["predicted_ltv"] = value.value
    else dropped.push({ field: "properties.predicted_ltv", reason: value.reason })
  }
  addListedCustom(data, event, listed, dropped)
  applyParameters(data, compiled.parameters, event, dropped)
  settleCustomData(data, event, dropped)
  return data
}

const putProducts = (data: Mutable, products: ReadonlyArray<Product>): void => {
  data["content_ids"] = productIds(products)
  data["contents"] = products.map((product) => {
    const content: Mutable = { id: product.id }
    if (product.quantity !== null) content["quantity"] = decimal(product.quantity)
    if (product.price !== null) content["item_price"] = decimal(product.price)
    put(content, "brand", product.brand)
    put(content, "delivery_category", product.deliveryCategory)
    return content
  })
  const brands = distinct(products.flatMap(({ brand }) => (brand ? [brand] : [])))
  if (brands.length > 0) data["brands"] = brands
}

/** A number as a decimal string, never in exponent notation. */
const decimal = (value: number): string => {
  const text = String(value)
  return text.includes("e") ? withoutZeros(value.toFixed(20)) : text
}

/** Of a number with a decimal point: without the zeros at its end, and without the point where nothing follows it. */
const withoutZeros = (text: string): string => {
  let end = text.length
  while (text.endsWith("0", end)) end--
  return text.slice(0, text.endsWith(".", end) ? end - 1 : end)
}

const putText = (data: Mutable, event: NormalizedEvent, dropped: Array<Dropped>): void => {
  const properties = event.properties
  if (properties === null) return
  put(data, "content_name", properties.content_name)
  put(data, "content_category", properties.content_category)
  put(data, "content_type", properties.content_type)
  put(data, "order_id", properties.order_id)
  put(data, "search_string", properties.search_string)
  put(data, "sign_up_method", properties.sign_up_method)
  put(data, "status", properties.status)
  put(
    data,
    "delivery_category",
    deliveryCategory(properties.delivery_category, "properties.delivery_category", dropped)
  )
}
