/** What happened: names with their properties, places where it happened, and what the customer agreed to. */

import type { Json, JsonObject } from "../../infra/samples/sample-events.ts"
import type { Choose } from "./choose.ts"
import { base62 } from "./choose.ts"
import type { Country } from "./countries.ts"

interface Product {
  readonly id: string
  readonly name: string
  readonly category: string
  readonly brand: string
  /** In US dollars. */
  readonly price: number
}

const products: ReadonlyArray<Product> = [
  { id: "sku-1", name: "Wool socks", category: "Apparel > Socks", brand: "Northfoot", price: 12.5 },
  { id: "sku-2", name: "Rain jacket", category: "Apparel > Outerwear", brand: "Northfoot", price: 129.95 },
  { id: "sku-3", name: "Trail shoes", category: "Shoes", brand: "Strider", price: 89 },
  { id: "SKU_4-XL", name: 'T-Shirt "Grüße"', category: "Apparel > Tops", brand: "Plain & Co", price: 19.99 },
  { id: "5012345678900", name: "Water bottle 0.7 l", category: "Accessories", brand: "Drop", price: 24.9 },
  { id: "sku-6", name: "Tent for two 🏕", category: "Camping", brand: "Strider", price: 349 }
]

/** Names whose events carry a cart, a value and a currency. */
const commerce = new Set([
  "purchase",
  "add_to_cart",
  "begin_checkout",
  "add_payment_info",
  "refund",
  "view_item",
  "add_to_wishlist",
  "customize_product"
])
const priced = new Set(["subscribe", "start_trial", "donate"])

export const propertiesOf = (choose: Choose, name: string, country: Country, number: number): JsonObject | null => {
  if (commerce.has(name)) return cart(choose, name, country, number)
  if (priced.has(name))
    return { value: money(9.99 + choose.number(40), country), currency: country.currency, order_id: `sub-${number}` }
  switch (name) {
    case "search":
      return { search_string: choose.one(["rain jacket", "wandern schuhe", "テント", "socks & shoes", "camiseta ñ"]) }
    case "sign_up":
    case "login":
      return { sign_up_method: choose.one(["email", "google", "apple"]), status: "completed" }
    case "lead":
      return {
        value: money(25, country),
        currency: country.currency,
        content_name: "Newsletter",
        custom: { campaign: "autumn", score: 0.7 }
      }
    case "view_category":
      return { content_category: "Apparel", content_type: "product_group" }
    default:
      return choose.chance(0.4)
        ? { content_name: `Page ${choose.number(20)}`, custom: { variant: choose.one(["a", "b"]) } }
        : null
  }
}

const money = (dollars: number, country: Country): number => Number((dollars * country.rate).toFixed(country.decimals))

const cart = (choose: Choose, name: string, country: Country, number: number): JsonObject => {
  const lines = name === "purchase" || name === "begin_checkout" ? 1 + choose.number(4) : 1
  const first = choose.number(products.length)
  const items = Array.from({ length: lines }, (_, line): JsonObject => {
    const { price, ...product } = products[(first + line) % products.length]!
    const item = { quantity: 1 + choose.number(3), price: money(price, country) }
    // Some shops know only the id.
    return choose.chance(0.15) ? { id: product.id, ...item } : { ...product, ...item }
  })
  const total = items.reduce((sum, item) => sum + Number(item.price) * Number(item.quantity), 0)
  const properties: Record<string, Json> = {
    value: Number(total.toFixed(country.decimals)),
    currency: choose.chance(0.1) ? country.currency.toLowerCase() : country.currency,
    items,
    content_type: "product"
  }
  if (name === "purchase" || name === "refund") properties.order_id = `o-${number}`
  if (choose.chance(0.3)) properties.num_items = items.reduce((sum, item) => sum + Number(item.quantity), 0)
  if (choose.chance(0.3))
    properties.custom = { plan: choose.one(["free", "pro"]), gift: choose.chance(0.5), shipping_days: 2 }
  if (choose.chance(0.2)) properties.customer_type = choose.one(["new", "returning"])
  if (choose.chance(0.1)) properties.coupon = "AUTUMN10"
  return properties
}

/** The place of an event with what that place brings along. */
export const sourceOf = (choose: Choose, name: string): JsonObject => {
  const roll = choose.number(100)
  if (name === "install" || roll < 8) return appSource(choose)
  if (roll < 14) return { action_source: "physical_store" }
  if (roll < 17) return { action_source: choose.one(["phone_call", "chat", "email"]) }
  if (roll < 19) return { action_source: choose.one(["system_generated", "other"]) }
  if (roll < 22 && (name === "purchase" || name === "lead"))
    return { action_source: "business_messaging", messaging_channel: "whatsapp", page_id: "100000000000001" }
  const page = name.replaceAll("_", "-")
  return {
    action_source: "website",
    event_source_url: `https://shop.example/${page}?utm_source=${choose.one(["meta", "google", "tiktok", "snap"])}`,
    ...(choose.chance(0.5) ? { referrer_url: "https://www.example.org/" } : {})
  }
}

const appSource = (choose: Choose): JsonObject => ({
  action_source: "app",
  app: {
    app_id: "1122334455",
    advertiser_tracking_enabled: choose.chance(0.6),
    application_tracking_enabled: true,
    extinfo: [
      choose.one(["i2", "a2"]),
      "com.example.shop",
      "3.1",
      "3.1.4",
      "18.1",
      "iPhone17,1",
      "en_US",
      "PST",
      "Example",
      "390",
      "844",
      "3",
      "6",
      "128",
      "64",
      "America/Los_Angeles"
    ],
    app_name: "Example Shop",
    app_version: "3.1.4"
  }
})

/** What the place adds to the customer: a message's click id, a device's advertising id. */
export const userExtras = (choose: Choose, source: JsonObject): JsonObject => {
  if (source.action_source === "business_messaging") return { ctwa_clid: `ARAk${choose.characters(40, base62)}` }
  if (source.action_source !== "app") return {}
  const id = [8, 4, 4, 4, 12].map((length) => choose.characters(length, "0123456789abcdef")).join("-")
  return { madid: choose.chance(0.5) ? id.toUpperCase() : id }
}

const answers = ["granted", "denied", "unknown", null] as const

/** Every combination of the three questions, one after the other; null: the question was not asked. */
export const consentCombinations: ReadonlyArray<JsonObject> = answers.flatMap((user) =>
  answers.flatMap((personal) =>
    answers.map((sale) => ({
      ...(user === null ? {} : { ad_user_data: user }),
      ...(personal === null ? {} : { ad_personalization: personal }),
      ...(sale === null ? {} : { sale_of_data: sale })
    }))
  )
)

export const fullConsent: JsonObject = {
  ad_user_data: "granted",
  ad_personalization: "granted",
  sale_of_data: "granted"
}
