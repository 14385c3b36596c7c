/** A normalized event as an element of TikTok's `data` (TikTok, Events API 2.0). */
import type { NormalizedEvent, NormalizedUser } from "../../../schemas/types.gen.ts"
import type { Connection } from "../../connections/connection.ts"
import { isRecord } from "../../model/json.ts"
import type { CompiledConnection, Json, JsonObject, MapResult, NotMapped } from "../connector.ts"
import type { Commerce } from "../mapping/commerce.ts"
import { amountsOfMoney, buildCustomData } from "../mapping/custom-data.ts"
import {
  type Dropped,
  externalIds,
  isEmpty,
  mobileSystem,
  type PayloadBuilder,
  phoneHashes,
  put,
  rejected,
  skipped
} from "../mapping/payload.ts"
import { actionSourceOf, groupText, type MappingStart, mapping, seconds } from "../mapping/start.ts"
import catalog from "./catalog.json" with { type: "json" }
import closedList from "./currencies.json" with { type: "json" }

/** Maps the event, or says why TikTok would refuse it. */
export const mapEvent = mapping<EventSource>({
  target: (event, { connection }) => eventSourceOf(event, connection),
  ageSource: (source) => source,
  payload: (event, start) => payloadOf(event, start)
})

/** The sources whose events take `limited_data_use`. */
const restrictedSources: ReadonlySet<string> = new Set(catalog.limited_data_use.sources)

/** TikTok's `event_source`, each with its account id (TikTok, Events API 2.0). */
export type EventSource = "web" | "app" | "offline" | "crm"

/** The account key that holds each source's id. */
export const accountKeys: Readonly<Record<EventSource, string>> = {
  web: "pixel_code",
  app: "app_id",
  offline: "offline_event_set_id",
  crm: "crm_event_set_id"
}

/**
 * The source that an event belongs to and the connection has an id for. Website events are web and need the page's URL,
 * app events are app; lead-ads events are crm; all others are offline, or web where they have a URL and there is no
 * offline event set.
 */
const eventSourceOf = (event: NormalizedEvent, connection: Connection): EventSource | NotMapped => {
  const origin = actionSourceOf(event, connection)
  const has = (source: EventSource) => (connection.account[accountKeys[source]] ?? "") !== ""
  const url = !!event.event_source_url
  if (origin.source === "website" && (origin.stated || url || !has("offline"))) {
    if (!has("web")) return noAccount("web")
    return url ? "web" : missingUrl
  }
  if (origin.source === "app") return has("app") ? "app" : noAccount("app")
  if (event.user.lead_id !== null && has("crm")) return "crm"
  if (has("offline")) return "offline"
  return url && has("web") ? "web" : noAccount("offline")
}

const missingUrl = rejected("missing_event_source_url", "TikTok requires page.url of web events (40002).")

const noAccount = (source: EventSource): NotMapped =>
  rejected(
    "missing_account_id",
    `For TikTok this is an event of source ${source}, and the connection's account has no ${accountKeys[source]}.`
  )

/** Builds the payload. The event source is the batch group: it stands at the top of the request. */
const payloadOf = (event: NormalizedEvent, start: MappingStart<EventSource>): MapResult => {
  const { compiled, connection, deadline, named, restricted, target: source } = start
  if (restricted && !canRestrict(event, source)) return cannotRestrict
  const dropped: Array<Dropped> = []
  const user = userData(event.user, event.app?.extinfo ?? noExtinfo, connection)
  if (event.user.madid !== null && user["idfa"] === undefined && user["gaid"] === undefined) {
    dropped.push({ field: "user.madid", reason: "mobile_system_unknown" })
  }
  const properties = propertiesOf(event, compiled, dropped)
  const refusal = missing(event, named.name, source, user)
  if (refusal !== null) return refusal

  const payload: PayloadBuilder = { event: named.name, event_time: seconds(event.event_time), event_id: event.event_id }
  if (restrictedSources.has(source)) {
    if (restricted) payload["limited_data_use"] = true
    else if (event.consent?.sale_of_data === "granted") payload["limited_data_use"] = false
  }
  payload["user"] = user
  const page = pageOf(event)
  if (page !== null) payload["page"] = page
  if (!isEmpty(properties)) payload["properties"] = properties
  if (source === "app") payload["app"] = appOf(event, connection.account["app_id"] ?? "")
  if (source === "crm") payload["lead"] = { lead_id: event.user.lead_id ?? "" }
  return {
    _tag: "Payload",
    platformEvent: named.name,
    payload,
    batchGroup: groupText(compiled, source, {
      event_source: source,
      event_source_id: connection.account[accountKeys[source]] ?? ""
    }),
    deadline,
    dropped,
    sealedRecipient: null
  }
}

/** limited_data_use exists for web and app events, and needs the customer's IP address. */
const canRestrict = (event: NormalizedEvent, source: EventSource): boolean =>
  restrictedSources.has(source) && event.user.ip !== null

const cannotRestrict = skipped(
  "consent",
  "The customer denied sale_of_data; TikTok's limited_data_use is for web and app events with an IP address only."
)

/** Names that have a successor are still taken. */
const succeeded = Object.entries(catalog.retired_events).flatMap(([name, successor]) =>
  successor === null ? [] : [name]
)
const standard: ReadonlySet<string> = new Set([...catalog.standard_events, ...succeeded])

const missing = (event: NormalizedEvent, name: string, source: EventSource, user: PayloadBuilder): MapResult | null => {
  if (!identifies(user)) {
    return rejected(
      "no_identifiers",
      "TikTok needs an identifier of the customer: email, phone, external_id, ttclid, ttp, or IP address and user agent."
    )
  }
  if (source === "offline" && !standard.has(name)) {
    return rejected(
      "not_a_standard_event",
      `TikTok takes only standard events offline, and ${JSON.stringify(name.slice(0, 100))} is not one.`
    )
  }
  return source === "crm" && event.user.lead_id === null
    ? rejected("missing_lead_id", "TikTok requires lead.lead_id of CRM events.")
    : null
}

const pageOf = (event: NormalizedEvent): PayloadBuilder | null => {
  const page: PayloadBuilder = {}
  if (event.event_source_url) page["url"] = event.event_source_url
  if (event.referrer_url) page["referrer"] = event.referrer_url
  return isEmpty(page) ? null : page
}

const appOf = (event: NormalizedEvent, accountAppId: string): PayloadBuilder => {
  const app: PayloadBuilder = { app_id: event.app?.app_id || accountAppId }
  put(app, "app_name", event.app?.app_name)
  put(app, "app_version", event.app?.app_version)
  return app
}

const noExtinfo: ReadonlyArray<string> = []

/**
 * `properties`. TikTok takes a purchase without an amount, and fails the request for a currency outside its list: such a
 * currency stays behind with every amount, which alone would be read as another currency's.
 */
const propertiesOf = (
  event: NormalizedEvent,
  compiled: CompiledConnection,
  dropped: Array<Dropped>
): PayloadBuilder => {
  const data = buildCustomData(event, compiled, dropped, putProperties)
  leaveOutUnlisted(data, compiled, dropped)
  return data
}

const putProperties = (
  data: PayloadBuilder,
  event: NormalizedEvent,
  commerce: Commerce,
  dropped: Array<Dropped>
): void => {
  putProducts(data, event, commerce, commerce.currency === null || currencies.has(commerce.currency), dropped)
  putText(data, event)
}

const currencies: ReadonlySet<string> = new Set(closedList)

/** Looks last, since a parameter rule may have set the currency or the value. */
const leaveOutUnlisted = (data: PayloadBuilder, compiled: CompiledConnection, dropped: Array<Dropped>): void => {
  const { currency } = data
  if (currency === undefined || currencies.has(String(currency))) return
  for (const name of ["currency", ...amountsOfMoney]) {
    if (data[name] === undefined) continue
    delete data[name]
    const isRuled = compiled.parameters.some((rule) => rule.name === name)
    dropped.push({ field: `${isRuled ? "parameters" : "properties"}.${name}`, reason: "currency_not_supported" })
  }
  const contents = data["contents"]
  if (Array.isArray(contents)) data["contents"] = contents.map(withoutPrice)
}

/** An item of `putProducts`, or what a rule gives in its place. */
const withoutPrice = (content: Json): Json => {
  if (!isRecord(content)) return content
  const { price: _, ...others } = content as JsonObject
  return others
}

const putProducts = (
  data: PayloadBuilder,
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
    data["content_ids"] = commerce.ids
    data["contents"] = products.map((product) => {
      const content: PayloadBuilder = { content_id: product.id }
      if (product.name) content["content_name"] = product.name
      if (product.category) content["content_category"] = product.category
      if (product.brand) content["brand"] = product.brand
      if (withPrices && product.price !== null) content["price"] = product.price
      if (product.quantity !== null) content["quantity"] = product.quantity
      return content
    })
  }
  if (commerce.count !== null) data["num_items"] = commerce.count
}

const putText = (data: PayloadBuilder, event: NormalizedEvent): void => {
  const properties = event.properties
  if (properties === null) return
  if (properties.order_id) data["order_id"] = properties.order_id
  put(data, "shop_id", properties.shop_id)
  put(data, "search_string", properties.search_string)
  put(data, "description", properties.description)
  put(data, "customer_type", properties.customer_type)
}

/** `user`: email, phone and external id as lists of hashes; city, state and country in clear. */
export const formatUserData = (user: NormalizedUser, connection: Connection): JsonObject =>
  userData(user, noExtinfo, connection)

/** As `formatUserData`; `extinfo` of an app event says whether a mobile advertising id is Apple's or Google's. */
const userData = (user: NormalizedUser, extinfo: ReadonlyArray<string>, connection: Connection): PayloadBuilder => {
  const data: PayloadBuilder = {}
  if (user.email.length > 0) data["email"] = user.email
  const phones = phoneHashes(user, "tiktok", connection.mapping.defaultCountry)
  if (phones.length > 0) data["phone"] = phones
  const ids = externalIds(user, connection)
  if (ids.length > 0) data["external_id"] = ids
  if (user.ttclid) data["ttclid"] = user.ttclid
  if (user.ttp) data["ttp"] = user.ttp
  if (user.ip) data["ip"] = user.ip
  if (user.user_agent) data["user_agent"] = user.user_agent
  if (user.locale) data["locale"] = user.locale
  if (user.first_name) data["first_name"] = user.first_name
  if (user.last_name) data["last_name"] = user.last_name
  if (user.city_plain) data["city"] = user.city_plain
  if (user.state_plain) data["state"] = user.state_plain
  if (user.country_code) data["country"] = user.country_code.toLowerCase()
  if (user.zip) data["zip_code"] = user.zip
  if (user.madid !== null) {
    const system = mobileSystem(user.user_agent, extinfo)
    if (system === "ios") data["idfa"] = user.madid.toUpperCase()
    else if (system === "android") data["gaid"] = user.madid.toLowerCase()
  }
  return data
}

const matchKeys = ["email", "phone", "external_id", "ttclid", "ttp", "idfa", "gaid"] as const

/** Whether TikTok has something to match on: an identifier, or IP address and user agent together. */
const identifies = (data: JsonObject): boolean => {
  for (const key of matchKeys) if (data[key] !== undefined) return true
  return data["ip"] !== undefined && data["user_agent"] !== undefined
}
