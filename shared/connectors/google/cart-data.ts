/** Cart data: of the Data Manager API (`merchantProductId`, quantity as an int64 string) and of the Google Ads API. */
import type { Commerce, Product } from "../mapping/commerce.ts"
import { type Dropped, type Mutable, put } from "../mapping/result.ts"
import type { Account } from "./account.ts"

/** The Data Manager API's cart; null without products. Merchant id, feed label and language come from the account. */
export const cartData = (commerce: Commerce, account: Account, dropped: Array<Dropped>): Mutable | null => {
  if (commerce.products.length === 0) return null
  const cart: Mutable = {}
  put(cart, "merchantId", account["merchant_id"])
  put(cart, "merchantFeedLabel", account["merchant_feed_label"])
  put(cart, "merchantFeedLanguageCode", account["merchant_feed_language"])
  cart["items"] = commerce.products.map((product, index) => {
    const item: Mutable = { merchantProductId: product.id }
    const quantity = wholeQuantity(product, index, dropped)
    if (quantity !== null) item["quantity"] = String(quantity)
    put(item, "unitPrice", product.price)
    return item
  })
  return cart
}

/** The Google Ads API's cart; null without products. */
export const adsCartData = (commerce: Commerce, account: Account, dropped: Array<Dropped>): Mutable | null => {
  if (commerce.products.length === 0) return null
  const cart: Mutable = {}
  put(cart, "merchantId", account["merchant_id"])
  put(cart, "feedCountryCode", account["merchant_feed_label"])
  put(cart, "feedLanguageCode", account["merchant_feed_language"])
  cart["items"] = commerce.products.map((product, index) => {
    const item: Mutable = { productId: product.id }
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
