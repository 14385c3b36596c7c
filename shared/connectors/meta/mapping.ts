/** A normalized event as an element of Meta's `data` (Meta, server event parameters). */

import type { NormalizedEvent, NormalizedUser } from "../../../schemas/types.gen.ts"
import type { Connection } from "../../connections/connection.ts"
import type { CompiledConnection, JsonObject, MapResult } from "../connector.ts"
import type { Commerce } from "../mapping/commerce.ts"
import { locationPairsOf, setDataProcessing } from "../mapping/consent.ts"
import { appData, buildCustomData, putDeliveryCategory, putPredictedValue } from "../mapping/custom-data.ts"
import {
  type Dropped,
  flattenString,
  hashedUser,
  isEmpty,
  type PayloadBuilder,
  put,
  rejected
} from "../mapping/payload.ts"
import {
  type ActionSource,
  actionSourceOf,
  canonicalNameOf,
  type MappingStart,
  mapping,
  seconds
} from "../mapping/start.ts"
import catalog from "./catalog.json" with { type: "json" }

/** Maps the event, or says why Meta would refuse it. */
export const mapEvent = mapping<ActionSource>({
  target: (event, compiled) => sourceOf(event, compiled),
  ageSource: (source) => source,
  payload: (event, start) => payloadOf(event, start)
})

const pairs = locationPairsOf(catalog.limited_data_use)
const messagingNames: ReadonlyMap<string, string> = new Map(Object.entries(catalog.messaging_events))

/** Builds the payload, or says why Meta would refuse it. */
const payloadOf = (event: NormalizedEvent, start: MappingStart<ActionSource>): MapResult => {
  const { compiled, connection, deadline, restricted, target: source } = start
  const name = nameOf(event, start.named.name, source, compiled)
  const dropped: Array<Dropped> = []
  const isMessage = source === "business_messaging"
  const user = userData(event.user, connection, event.event_time)
  if (isMessage) messageUserData(user, event, connection, dropped)
  const custom = buildCustomData(event, compiled, dropped, putCustomData)
  const refusal = missing(event, name, source, user, custom)
  if (refusal !== null) return refusal

  const payload: PayloadBuilder = { event_name: name, event_time: seconds(event.event_time), event_id: event.event_id }
  payload["action_source"] = source
  if (isMessage) putChannel(payload, event, dropped)
  else {
    if (event.event_source_url) payload["event_source_url"] = event.event_source_url
    if (event.referrer_url) payload["referrer_url"] = event.referrer_url
  }
  // Meta then does not optimise ads with the event; it is still attributed.
  if (event.consent?.ad_personalization === "denied") payload["opt_out"] = true
  payload["user_data"] = user
  if (!isEmpty(custom)) payload["custom_data"] = custom
  if (source === "app") {
    const app = appData(event.app)
    if (app._tag === "Incomplete")
      return rejected("missing_app_data", `Meta refuses app events without app_data: ${app.message}.`)
    payload["app_data"] = app.data
  }
  setDataProcessing(payload, pairs, event.user, restricted, event.consent?.sale_of_data ?? null)
  return { _tag: "Payload", platformEvent: name, payload, batchGroup: "", deadline, dropped, sealedRecipient: null }
}

/** An event that was not called a website event, and that has no URL, is not one: Meta would ask for the URL. */
const sourceOf = (event: NormalizedEvent, compiled: CompiledConnection): ActionSource => {
  const origin = actionSourceOf(event, compiled.connection)
  return origin.source === "website" && !origin.stated && !event.event_source_url ? "other" : origin.source
}

/** Messages have another name for a lead, unless the connection overrides it. */
const nameOf = (event: NormalizedEvent, name: string, source: ActionSource, compiled: CompiledConnection): string => {
  if (source !== "business_messaging") return name
  const canonical = canonicalNameOf(event, compiled)
  return name === compiled.names.get(canonical) ? (messagingNames.get(canonical) ?? name) : name
}

const missing = (
  event: NormalizedEvent,
  name: string,
  source: ActionSource,
  user: PayloadBuilder,
  custom: PayloadBuilder
): MapResult | null => {
  if (identityTooWeak(user)) {
    return rejected(
      "insufficient_identity",
      "Meta can't match a customer by these identifiers alone; it needs one more, such as email, phone, external_id, fbc or fbp (100/2804050)."
    )
  }
  if (source === "website" && !event.event_source_url) {
    return rejected("missing_event_source_url", "Meta requires event_source_url of website events (100).")
  }
  if (source === "business_messaging") {
    const refusal = missingOfMessage(event, user)
    if (refusal !== null) return refusal
  }
  if (name !== "Purchase") return null
  if (custom["value"] === undefined)
    return rejected("missing_value", "Meta requires value of a Purchase (100/2804009).")
  return custom["currency"] === undefined
    ? rejected("missing_currency", "Meta requires currency of a Purchase (100/2804009).")
    : null
}

/** What `custom_data` holds beside amounts and custom properties (Meta, custom data parameters). */
const putCustomData = (
  data: PayloadBuilder,
  event: NormalizedEvent,
  commerce: Commerce,
  dropped: Array<Dropped>
): void => {
  putText(data, event, dropped)
  putProducts(data, event, commerce)
  putPredictedValue(data, event, commerce, dropped)
}

const putText = (data: PayloadBuilder, event: NormalizedEvent, dropped: Array<Dropped>): void => {
  const properties = event.properties
  if (properties === null) return
  put(data, "content_name", properties.content_name)
  put(data, "content_category", properties.content_category)
  if (properties.order_id) data["order_id"] = properties.order_id
  put(data, "search_string", properties.search_string)
  put(data, "status", properties.status)
  putDeliveryCategory(data, event, dropped)
}

const putProducts = (data: PayloadBuilder, event: NormalizedEvent, commerce: Commerce): void => {
  const { products } = commerce
  if (products.length > 0) {
    data["content_ids"] = commerce.ids
    data["contents"] = products.map((product) => {
      const { id, price, quantity } = product
      const content: PayloadBuilder = quantity !== null && price !== null ? { id, quantity, item_price: price } : { id }
      if (price === null && quantity !== null) content["quantity"] = quantity
      if (quantity === null && price !== null) content["item_price"] = price
      put(content, "delivery_category", product.deliveryCategory)
      return content
    })
  }
  const type = event.properties?.content_type ?? (products.length > 0 ? "product" : null)
  if (type) data["content_type"] = type
  if (commerce.count !== null) data["num_items"] = commerce.count
}

/** Meta's `user_data` (Meta, customer information parameters): hashed fields as lists, click and browser ids in clear. */
export const formatUserData = (user: NormalizedUser, connection: Connection): JsonObject =>
  userData(user, connection, null)

/**
 * As `formatUserData`; `clickTime` (milliseconds) stands for the time when fbclid was first seen, where that is not
 * known, when the fbc cookie is missing and has to be built: `fb.1.<ms>.<fbclid>`.
 */
const userData = (user: NormalizedUser, connection: Connection, clickTime: number | null): PayloadBuilder => {
  const data = hashedUser(user, connection, user)
  if (user.ip) data["client_ip_address"] = user.ip
  if (user.user_agent) data["client_user_agent"] = user.user_agent
  const fbc = user.fbc ?? builtFbc(user, clickTime)
  if (fbc) data["fbc"] = fbc
  if (user.fbp) data["fbp"] = user.fbp
  if (user.madid) data["madid"] = user.madid.toLowerCase()
  put(data, "anon_id", user.anon_id)
  put(data, "lead_id", user.lead_id)
  put(data, "fb_login_id", user.fb_login_id)
  put(data, "subscription_id", user.subscription_id)
  put(data, "ctwa_clid", user.ctwa_clid)
  return data
}

const builtFbc = (user: NormalizedUser, clickTime: number | null): string | null => {
  if (user.fbclid === null || user.fbclid === "") return null
  const seen = user.fbclid_time ?? clickTime
  return seen === null ? null : flattenString("fb.1.", seen, ".", user.fbclid)
}

/** Combinations that Meta does not match on and refuses (Meta, best practices of the Conversions API). */
const invalidSets: ReadonlyArray<ReadonlySet<string>> = [
  new Set(["ct", "country", "st", "zp", "ge", "client_user_agent"]),
  new Set(["db", "client_user_agent"]),
  new Set(["fn", "ge"]),
  new Set(["ln", "ge"])
]

/** The business's side of a message; they do not identify the customer. */
const accounts: ReadonlySet<string> = new Set(["page_id", "whatsapp_business_account_id", "ig_account_id"])

/** Whether nothing, or only an invalid combination or a part of one, identifies the customer. */
const identityTooWeak = (userData: JsonObject): boolean => {
  // An email address, with which the data of nearly every customer begins, is in none of the sets.
  if (userData["em"] !== undefined) return false
  const keys = Object.keys(userData).filter((key) => !accounts.has(key))
  return invalidSets.some((set) => keys.every((key) => set.has(key)))
}

type AccountKey = "page_id" | "whatsapp_business_account_id" | "ig_account_id"
type UserKey = "page_scoped_user_id" | "ig_sid"

interface Channel {
  /** The business's side of the conversation: one of them is required. */
  readonly accounts: ReadonlyArray<AccountKey>
  /** The customer's id that belongs to that side. */
  readonly user: UserKey | null
}

const channels: ReadonlyMap<string, Channel> = new Map<string, Channel>([
  ["whatsapp", { accounts: ["page_id", "whatsapp_business_account_id"], user: null }],
  ["messenger", { accounts: ["page_id"], user: "page_scoped_user_id" }],
  ["instagram", { accounts: ["ig_account_id", "page_id"], user: "ig_sid" }]
])

const channelOf = (event: NormalizedEvent): Channel | undefined => channels.get(event.messaging_channel ?? "")

/**
 * Makes `user_data` that of a message: it was sent in no browser, so that Meta takes no browser or network address of it, but
 * the two sides of the conversation. An account that the event does not name is the connection's.
 */
const messageUserData = (
  user: PayloadBuilder,
  event: NormalizedEvent,
  connection: Connection,
  dropped: Array<Dropped>
): void => {
  for (const [key, field] of browserKeys) {
    if (user[key] === undefined) continue
    delete user[key]
    dropped.push({ field, reason: "not_for_messages" })
  }
  const channel = channelOf(event)
  if (channel === undefined) return
  for (const key of channel.accounts) put(user, key, event[key])
  if (!channel.accounts.some((key) => user[key] !== undefined)) {
    for (const key of channel.accounts) put(user, key, connection.account[key])
  }
  if (channel.user !== null) put(user, channel.user, event.user[channel.user])
}

const browserKeys = [
  ["client_ip_address", "user.ip"],
  ["client_user_agent", "user.user_agent"],
  ["fbp", "user.fbp"]
] as const

/** A message has a channel in the place of a page. */
const putChannel = (payload: PayloadBuilder, event: NormalizedEvent, dropped: Array<Dropped>): void => {
  for (const field of ["event_source_url", "referrer_url"] as const) {
    if (event[field]) dropped.push({ field, reason: "not_for_messages" })
  }
  put(payload, "messaging_channel", event.messaging_channel)
}

/** What Meta would miss; null where nothing is missing. */
const missingOfMessage = (event: NormalizedEvent, user: PayloadBuilder): MapResult | null => {
  const channel = channelOf(event)
  if (channel === undefined) {
    return rejected(
      "missing_messaging_channel",
      "Meta requires messaging_channel of business_messaging events: whatsapp, messenger or instagram."
    )
  }
  if (event.messaging_channel === "whatsapp" && user["ctwa_clid"] === undefined) {
    return rejected("missing_ctwa_clid", "Meta requires ctwa_clid of WhatsApp business_messaging events.")
  }
  return channel.accounts.some((key) => user[key] !== undefined)
    ? null
    : rejected(
        "missing_page_id",
        `Meta requires ${channel.accounts.join(" or ")} of business_messaging events of ${event.messaging_channel}.`
      )
}
