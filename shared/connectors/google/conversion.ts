/** What conversions of both Google APIs have: the conversion action, the cart, the customer's identifiers. */
import type { NormalizedEvent, NormalizedUser } from "../../../schemas/types.gen.ts"
import type { Connection } from "../../connections/connection.ts"
import type { ClickId, CompiledConnection, Json, JsonObject, NotMapped } from "../connector.ts"
import type { Commerce, Product } from "../mapping/commerce.ts"
import { type Dropped, type PayloadBuilder, phoneHashes, put, rejected, skipped } from "../mapping/payload.ts"
import type { PlatformEvent } from "../mapping/start.ts"

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
    if (product.price !== null) item["unitPrice"] = product.price
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

/** How an API writes identifiers. */
export interface IdentifierForm {
  /** The most identifiers of one event. */
  readonly max: number
  readonly email: (hash: string) => JsonObject
  readonly phone: (hash: string) => JsonObject
  readonly address: (address: Address) => JsonObject
}

/** The address goes only with all four of its parts. City and state stay out, since only some forms of them are in clear. */
export interface Address {
  readonly firstName: string
  readonly lastName: string
  readonly countryCode: string
  readonly postalCode: string
}

/** `{ userIdentifiers: [...] }`, one object for each identifier: emails, phone numbers, then the address; or an empty object. */
export const userIdentifiers = (
  user: NormalizedUser,
  connection: Connection,
  form: IdentifierForm,
  withAddress: boolean
): JsonObject => {
  const address = withAddress ? addressOf(user) : null
  const room = roomBeside(address, form)
  const identifiers: Array<Json> = []
  for (const email of user.email_google) if (identifiers.length < room) identifiers.push(form.email(email))
  for (const phone of phoneHashes(user, "e164", connection.mapping.defaultCountry))
    if (identifiers.length < room) identifiers.push(form.phone(phone))
  if (address !== null) identifiers.push(form.address(address))
  return identifiers.length === 0 ? {} : { userIdentifiers: identifiers }
}

/** Notes the emails and phone numbers for which `userIdentifiers` has no room. */
export const noteLeftOut = (
  user: NormalizedUser,
  connection: Connection,
  form: IdentifierForm,
  withAddress: boolean,
  dropped: Array<Dropped>
): void => {
  const emails = user.email_google.length
  if (emails + user.phones.length < form.max) return
  const room = roomBeside(withAddress ? addressOf(user) : null, form)
  const phones = phoneHashes(user, "e164", connection.mapping.defaultCountry).length
  if (emails > room) dropped.push({ field: "user.email", reason: "too_many" })
  if (phones > 0 && emails + phones > room) dropped.push({ field: "user.phone", reason: "too_many" })
}

const roomBeside = (address: Address | null, { max }: IdentifierForm): number => (address === null ? max : max - 1)

const addressOf = (user: NormalizedUser): Address | null => {
  const { first_name_google: firstName, last_name_google: lastName } = user
  const { country_code: countryCode, zip_plain: postalCode } = user
  return firstName !== null && lastName !== null && countryCode !== null && postalCode !== null
    ? { firstName, lastName, countryCode, postalCode }
    : null
}

/** The Data Manager API's form (Data Manager, formatting user data; limits). */
const dataManagerForm: IdentifierForm = {
  max: 10,
  email: (emailAddress) => ({ emailAddress }),
  phone: (phoneNumber) => ({ phoneNumber }),
  address: ({ firstName, lastName, countryCode, postalCode }) => ({
    address: { givenName: firstName, familyName: lastName, regionCode: countryCode, postalCode }
  })
}

/** The Data Manager API's `userData`. */
export const formatUserData = (user: NormalizedUser, connection: Connection): JsonObject =>
  userIdentifiers(user, connection, dataManagerForm, true)

/** Notes what the Data Manager API's `userData` has no room for. */
export const noteLeftOutOfUserData = (user: NormalizedUser, connection: Connection, dropped: Array<Dropped>): void =>
  noteLeftOut(user, connection, dataManagerForm, true, dropped)
