/** Meta's `custom_data` (Meta, custom data parameters). Custom properties travel in it under their own names. */
import type { NormalizedEvent } from "../../../schemas/types.gen.ts"
import { type Commerce, commerceOf, deliveryCategory, productIds } from "../mapping/commerce.ts"
import type { CompiledConnection } from "../mapping/compile.ts"
import { addCustom } from "../mapping/custom-properties.ts"
import { amount } from "../mapping/numbers.ts"
import { applyParameters } from "../mapping/parameters.ts"
import { type Dropped, type Mutable, put } from "../mapping/result.ts"
import { settleCustomData } from "../mapping/settle-custom-data.ts"

/** Builds it; what Meta has no use for is noted in `dropped`. */
export const customData = (event: NormalizedEvent, compiled: CompiledConnection, dropped: Array<Dropped>): Mutable => {
  const commerce = commerceOf(event, dropped)
  const data: Mutable = {}
  put(data, "value", commerce.value)
  put(data, "currency", commerce.currency)
  putText(data, event, dropped)
  putProducts(data, event, commerce)
  putPredicted(data, event, commerce.currency, dropped)
  addCustom(data, event, dropped)
  applyParameters(data, compiled.parameters, event, dropped)
  settleCustomData(data, event, dropped)
  return data
}

const putText = (data: Mutable, event: NormalizedEvent, dropped: Array<Dropped>): void => {
  const properties = event.properties
  if (properties === null) return
  put(data, "content_name", properties.content_name)
  put(data, "content_category", properties.content_category)
  put(data, "order_id", properties.order_id)
  put(data, "search_string", properties.search_string)
  put(data, "status", properties.status)
  put(
    data,
    "delivery_category",
    deliveryCategory(properties.delivery_category, "properties.delivery_category", dropped)
  )
}

const putProducts = (data: Mutable, event: NormalizedEvent, commerce: Commerce): void => {
  const { products } = commerce
  if (products.length > 0) {
    data["content_ids"] = productIds(products)
    data["contents"] = products.map((product) => {
      const content: Mutable = { id: product.id }
      put(content, "quantity", product.quantity)
      put(content, "item_price", product.price)
      put(content, "delivery_category", product.deliveryCategory)
      return content
    })
  }
  put(data, "content_type", event.properties?.content_type ?? (products.length > 0 ? "product" : null))
  put(data, "num_items", commerce.count)
}

const putPredicted = (
  data: Mutable,
  event: NormalizedEvent,
  currency: string | null,
  dropped: Array<Dropped>
): void => {
  const predicted = event.properties?.predicted_ltv ?? null
  if (predicted === null) return
  const value = amount(predicted, currency)
  if (value._tag === "Amount") data["predicted_ltv"] = value.value
  else dropped.push({ field: "properties.predicted_ltv", reason: value.reason })
}
