/** A normalized event as an element of Pinterest's `data` (Pinterest API v5, ConversionEvents). Unknown keys are refused at every level. */
import { hash } from "node:crypto"
import type { NormalizedEvent, NormalizedUser } from "../../../schemas/types.gen.ts"
import type { Connection } from "../../connections/connection.ts"
import { memo } from "../../model/memo.ts"
import type { CompiledConnection, MapResult, NotMapped } from "../connector.ts"
import { type Commerce, decimal } from "../mapping/commerce.ts"
import { consentValue } from "../mapping/consent.ts"
import { buildCustomData, putPredictedValue } from "../mapping/custom-data.ts"
import {
  type Dropped,
  hashedUser,
  isEmpty,
  mobileSystem,
  type PayloadBuilder,
  put,
  rejected
} from "../mapping/payload.ts"
import { actionSourceOf, type MappingStart, mapping, seconds } from "../mapping/start.ts"

/** Maps the event, or says why Pinterest would refuse it. */
export const mapEvent = mapping<Source>({
  target: (event, compiled) => sourceOf(event, compiled),
  payload: (event, start) => payloadOf(event, start)
})

type Source = "web" | "app_ios" | "app_android" | "offline"

const payloadOf = (event: NormalizedEvent, start: MappingStart<Source>): MapResult => {
  const { compiled, connection, deadline, named, restricted, target: source } = start
  const dropped: Array<Dropped> = []
  const user = formatUserData(event.user, connection)
  noteLeftOut(event.user, dropped)
  if (!identifies(user)) return insufficientIdentity
  const custom = customDataOf(event, compiled, dropped)
  if (restricted) custom["opt_out_type"] = "LDP"

  const payload: PayloadBuilder = { event_name: named.name, action_source: source }
  payload["event_time"] = seconds(event.event_time)
  payload["event_id"] = event.event_id
  if (event.event_source_url) payload["event_source_url"] = event.event_source_url
  put(payload, "partner_name", partnerNameOf(connection))
  put(payload, "opt_out", optOut(event, source, connection))
  put(payload, "language", languageOf(event.user.locale))
  if (source === "app_ios" || source === "app_android") {
    put(payload, "app_id", event.app?.app_id)
    put(payload, "app_name", event.app?.app_name)
    put(payload, "app_version", event.app?.app_version)
  }
  payload["user_data"] = user
  if (!isEmpty(custom)) payload["custom_data"] = custom
  return {
    _tag: "Payload",
    platformEvent: named.name,
    payload,
    batchGroup: "",
    deadline,
    dropped,
    sealedRecipient: null
  }
}

/** Pinterest asks for no URL of web events. */
const sourceOf = (event: NormalizedEvent, { connection }: CompiledConnection): Source | NotMapped => {
  const { source } = actionSourceOf(event, connection)
  if (source === "website") return "web"
  if (source !== "app") return "offline"
  const system = mobileSystem(event.user.user_agent, event.app?.extinfo ?? [])
  return system === null ? unknownSystem : `app_${system}`
}

const unknownSystem = rejected(
  "missing_app_data",
  "Pinterest takes app events as app_ios or app_android, and neither app.extinfo nor user.user_agent says which."
)

/** `user_data`: hashed fields as lists, address, user agent and click id in clear. */
export const formatUserData = (user: NormalizedUser, connection: Connection): PayloadBuilder => {
  const data = hashedUser(user, connection, {
    // Lower case and nothing else.
    first_name: user.first_name_google,
    last_name: user.last_name_google,
    city: user.city,
    state: hasStateCode(user) ? user.state : null,
    zip: hasDigitsOnly(user) ? user.zip : null
  })
  if (user.madid !== null) data["hashed_maids"] = [hash("sha256", user.madid)]
  if (user.ip) data["client_ip_address"] = user.ip
  if (user.user_agent) data["client_user_agent"] = user.user_agent
  put(data, "click_id", user.click_ids?.["epik"])
  return data
}

/** The state by its two-letter code; one that came hashed is taken for it. */
const hasStateCode = ({ state_plain }: NormalizedUser): boolean =>
  state_plain === null || /^[a-z]{2}$/i.test(state_plain)

/** What a postal code with letters becomes is not documented; one that came hashed is taken for digits. */
const hasDigitsOnly = ({ zip_plain }: NormalizedUser): boolean => zip_plain === null || /^[\d\s-]+$/.test(zip_plain)

const noteLeftOut = (user: NormalizedUser, dropped: Array<Dropped>): void => {
  if (user.state !== null && !hasStateCode(user)) dropped.push({ field: "user.state", reason: "not_supported" })
  if (user.zip !== null && !hasDigitsOnly(user)) dropped.push({ field: "user.zip", reason: "not_supported" })
}

const identifies = (data: PayloadBuilder): boolean =>
  data["em"] !== undefined ||
  data["hashed_maids"] !== undefined ||
  (data["client_ip_address"] !== undefined && data["client_user_agent"] !== undefined)

const insufficientIdentity = rejected(
  "insufficient_identity",
  "Pinterest needs em, hashed_maids, or client_ip_address and client_user_agent together."
)

/** Web and offline: opted out of tracking. App: limited ad tracking, which the app itself may say. */
const optOut = (event: NormalizedEvent, source: Source, connection: Connection): boolean | null => {
  if (source.startsWith("app") && event.app?.advertiser_tracking_enabled === false) return true
  const personalization = consentValue(event.consent, "ad_personalization", connection)
  return personalization === null ? null : personalization === "denied"
}

const partnerNameOf = ({ partnerName }: Connection): string | null => {
  if (partnerName === null) return null
  const name = partnerName.toLowerCase().replaceAll(/\s+/g, "-")
  return name.startsWith("ss-") ? name : `ss-${name}`
}

/** ISO 639-1, of a locale such as `en-US`. */
const languageOf = (locale: string | null): string | null => (locale === null ? null : languageIn(locale))
const languageIn: (locale: string) => string | null = memo(
  256,
  (locale) => /^([a-z]{2})(?:[-_]|$)/i.exec(locale)?.[1]?.toLowerCase() ?? null
)

/** `custom_data`: amounts are strings, counts integers, and no other key is taken, whatever a parameter rule sets. */
const customDataOf = (
  event: NormalizedEvent,
  compiled: CompiledConnection,
  dropped: Array<Dropped>
): PayloadBuilder => {
  const data = buildCustomData(event, compiled, dropped, putCustomData)
  const { names } = compiled.connector.catalog.parameters
  for (const name of Object.keys(data)) {
    const value = data[name]
    const isList = name === "content_ids" || name === "contents"
    if (!names.has(name) || (typeof value === "object" && !isList)) leaveOut(data, name, "not_supported", dropped)
    else if (name === "num_items") {
      if (!Number.isSafeInteger(value)) leaveOut(data, name, "not_an_integer", dropped)
    } else if (typeof value === "number") data[name] = decimal(value)
    else if (typeof value === "boolean") data[name] = String(value)
  }
  return data
}

const leaveOut = (data: PayloadBuilder, name: string, reason: string, dropped: Array<Dropped>): void => {
  delete data[name]
  dropped.push({ field: `parameters.${name}`, reason })
}

const putCustomData = (
  data: PayloadBuilder,
  event: NormalizedEvent,
  commerce: Commerce,
  dropped: Array<Dropped>
): void => {
  putProducts(data, commerce, dropped)
  if (commerce.count !== null) data["num_items"] = commerce.count
  put(data, "content_name", event.properties?.content_name)
  put(data, "content_category", event.properties?.content_category)
  if (event.properties?.order_id) data["order_id"] = event.properties.order_id
  put(data, "search_string", event.properties?.search_string)
  putPredictedValue(data, event, commerce, dropped)
}

const putProducts = (data: PayloadBuilder, { ids, products }: Commerce, dropped: Array<Dropped>): void => {
  if (products.length === 0) return
  data["content_ids"] = ids
  data["contents"] = products.map((product, index) => {
    const content: PayloadBuilder = { id: product.id }
    if (product.name) content["item_name"] = product.name
    if (product.category) content["item_category"] = product.category
    if (product.brand) content["item_brand"] = product.brand
    if (product.price !== null) content["item_price"] = decimal(product.price)
    if (product.quantity !== null && Number.isSafeInteger(product.quantity)) content["quantity"] = product.quantity
    else if (product.quantity !== null)
      dropped.push({ field: `properties.items[${index}].quantity`, reason: "not_an_integer" })
    return content
  })
  const { brand } = products[0]!
  if (brand && products.every((product) => product.brand === brand)) data["content_brand"] = brand
}
