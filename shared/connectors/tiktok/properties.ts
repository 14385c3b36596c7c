/** TikTok's `properties` (TikTok, Events API 2.0). Custom properties travel in it under their own names. */

import closedList from "../../../schemas/catalog/tiktok-currencies.json" with { type: "json" }
import type { NormalizedEvent } from "../../../schemas/types.gen.ts"
import { type Commerce, commerceOf, productIds } from "../mapping/commerce.ts"
import type { CompiledConnection } from "../mapping/compile.ts"
import { addCustom } from "../mapping/custom-properties.ts"
import { applyParameters } from "../mapping/parameters.ts"
import { type Dropped, type Mutable, put } from "../mapping/result.ts"
import { settleCustomData } from "../mapping/settle-custom-data.ts"

const currencies: ReadonlySet<string> = new Set(closedList)

/**
 * Builds them. TikTok takes a purchase without an amount, and fails the request for a currency outside its list: such a
 * currency stays behind with every amount, which alone would be read as another currency's.
 */
export const propertiesOf = (
  event: NormalizedEvent,
  compiled: CompiledConnection,
  dropped: Array<Dropped>
): Mutable => {
  const commerce = commerceOf(event, dropped)
  const data: Mutable = {}
  put(data, "value", commerce.value)
  put(data, "currency", commerce.currency)
  putProducts(data, event, commerce, commerce.currency === null || currencies.has(commerce.currency), dropped)
  putText(data, event)
  addCustom(data, event, dropped)
  applyParameters(data, compiled.parameters, event, dropped)
  settleCustomData(data, event, dropped)
  leaveOutUnlisted(data, compiled, dropped)
  return data
}

/** Looks last, since a parameter rule may have set the currency or the value. */
const leaveOutUnlisted = (data: Mutable, compiled: CompiledConnection, dropped: Array<Dropped>): void => {
  const { currency } = data
  if (currency === undefined || currencies.has(String(currency))) return
  for (const name of ["currency", "value"]) {
    if (data[name] === undefined) continue
    delete data[name]
    const isRuled = compiled.parameters.some((rule) => rule.name === name)
    dropped.push({ field: `${isRuled ? "parameters" : "properties"}.${name}`, reason: "currency_not_supported" })
  }
}

const putProducts = (
  data: Mutable,
  event: NormalizedEvent,
  commerce: Commerce,
  withPrices: boolean,
  dropped: Array<Dropped>
): void => {
  const { products } = commerce
  const type = event.properties?.content_type ?? null
  const isKnown = type === "product" || type === "product_group"
  if (!isKnown && type !== null && type !== "")
    dropped.push({ field: "properties.content_type", reason: "not_supported" })
  if (isKnown || products.length > 0) data["content_type"] = isKnown ? type : "product"
  if (products.length > 0) {
    data["content_ids"] = productIds(products)
    data["contents"] = products.map((product) => {
      const content: Mutable = { content_id: product.id }
      put(content, "content_name", product.name)
      put(content, "content_category", product.category)
      put(content, "brand", product.brand)
      if (withPrices) put(content, "price", product.price)
      put(content, "quantity", product.quantity)
      return content
    })
  }
  put(data, "num_items", commerce.count)
}

const putText = (data: Mutable, event: NormalizedEvent): void => {
  const properties = event.properties
  if (properties === null) return
  put(data, "order_id", properties.order_id)
  put(data, "shop_id", properties.shop_id)
  put(data, "search_string", properties.search_string)
  put(data, "description", properties.description)
  put(data, "customer_type", properties.customer_type)
}
