/** What conversions of both Google APIs have: the conversion action, the cart. */
import type { NormalizedEvent } from "../../../schemas/types.gen.ts"
import type { ClickId, CompiledConnection, NotMapped } from "../connector.ts"
import type { Commerce, Product } from "../mapping/commerce.ts"
import type { PlatformEvent } from "../mapping/event-name.ts"
import { type Dropped, type PayloadBuilder, put, rejected, skipped } from "../mapping/result.ts"

/** What Google's links put into the URL of a page. */
export const clickIds: ReadonlyArray<ClickId> = (["gclid", "gbraid", "wbraid", "dclid"] as const).map((name) => ({
  parameter: name,
  field: name,
  form: "gcl"
}))

export type Account = Readonly<Record<string, string>>

/** The numeric conversion action: of the event's override, else the account's `conversion_action_id`. */
export const actionOf = (
  event: NormalizedEvent,
  { connection }: CompiledConnection,
  named: PlatformEvent
): string | NotMapped => {
  const id = named.action ?? connection.account["conversion_action_id"]
  if (id === undefined || id === "") {
    return skipped(
      "no_mapping",
      `The event ${JSON.stringify(event.event_name.slice(0, 100))} has no conversion action; set mapping.events.<event>.action or account.conversion_action_id.`
    )
  }
  return /^\d+$/.test(id) ? id : notNumeric
}

const notNumeric = rejected(
  "invalid_conversion_action",
  "A conversion action is given by its numeric id, not by its resource name."
)

/** The Data Manager API's cart; null without products. Merchant id, feed label and language come from the account. */
export const cartData = (commerce: Commerce, account: Account, dropped: Array<Dropped>): PayloadBuilder | null => {
  if (commerce.products.length === 0) return null
  const cart: PayloadBuilder = {}
  put(cart, "merchantId", account["merchant_id"])
  put(cart, "merchantFeedLabel", account["merchant_feed_label"])
  put(cart, "merchantFeedLanguageCode", account["merchant_feed_language"])
  cart["items"] = commerce.products.map((product, index) => {
    const item: PayloadBuilder = { merchantProductId: product.id }
    const quantity = wholeQuantity(product, index, dropped)
    if (quantity !== null) item["quantity"] = String(quantity)
    put(item, "unitPrice", product.price)
    return item
  })
  return cart
}

/** The Google Ads API's cart; null without products. */
export const googleAdsCartData = (
  commerce: Commerce,
  account: Account,
  dropped: Array<Dropped>
): PayloadBuilder | null => {
  if (commerce.products.length === 0) return null
  const cart: PayloadBuilder = {}
  put(cart, "merchantId", account["merchant_id"])
  put(cart, "feedCountryCode", account["merchant_feed_label"])
  put(cart, "feedLanguageCode", account["merchant_feed_language"])
  cart["items"] = commerce.products.map((product, index) => {
    const item: PayloadBuilder = { productId: product.id }
    put(item, "quantity", wholeQuantity(product, index, dropped))
    put(item, "unitPrice", product.price)
    return item
  })
  return cart
}

const wholeQuantity = (product: Product, index: number, dropped: Array<Dropped>): number | null => {
  if (product.quantity === null || Number.isSafeInteger(product.quantity)) return product.quantity
  dropped.push({ field: `properties.items[${index}].quantity`, reason: "not_an_integer" })
  return null
}
