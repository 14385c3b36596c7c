/** Plain JSON, with the field names of the Avro schema, to a raw event. Unknown fields are named among what was left out. */
import type { App, Consent, DroppedField, Item, Properties, RawEvent, RawUser } from "../../../schemas/types.gen.ts"
import { isRecord, type JsonRecord } from "../../../shared/model/json.ts"
import { type Problem, problem } from "../normalize/problem.ts"
import { readTime } from "../normalize/time.ts"
import { looksLikeEmail } from "../pii/personal-data.ts"
import { elementsOf, isEmptyList, JsonReader } from "./json-reader.ts"
import { unknownFieldsOf, withUnknownFields } from "./unknown-fields.ts"

export type JsonEvent =
  | { readonly _tag: "Read"; readonly raw: RawEvent; readonly dropped: ReadonlyArray<DroppedField> }
  | { readonly _tag: "Problem"; readonly problem: Problem }

/** @param json a parsed JSON value; of a key that stood there twice, the parser kept the last value */
export const rawEventFromJson = (json: unknown): JsonEvent => {
  if (!isRecord(json)) return problemEvent(problem("not_avro_not_json", "The JSON value is not an object."))
  const id = identifier(json["event_id"])
  const name = identifier(json["event_name"])
  const [eventId, eventName] = [unlessEmail(id), unlessEmail(name)]
  const unread = (reason: Problem): JsonEvent => problemEvent({ ...reason, dropped: unknownFieldsOf(json) })
  if (id === null) return unread(noIdentifier("event_id", json["event_id"], null, eventName))
  if (name === null) return unread(noIdentifier("event_name", json["event_name"], eventId, null))
  const time = readTime(json["event_time"])
  if (time === null) return unread(problem("missing_event_time", "The event has no event_time.", eventId, eventName))
  if (time === "without_offset") {
    return unread(problem("event_time_without_offset", "The event_time has no offset from UTC.", eventId, eventName))
  }
  const reader = new JsonReader()
  const user = reader.record(json, "user", "")
  const properties = reader.record(json, "properties", "")
  const app = reader.record(json, "app", "")
  const raw: RawEvent = {
    event_id: id,
    event_name: name,
    // Of what is no time the normalizer says so.
    event_time: time === "invalid" ? Number.NaN : time,
    action_source: reader.string(json, "action_source", ""),
    event_source_url: reader.string(json, "event_source_url", ""),
    referrer_url: reader.string(json, "referrer_url", ""),
    messaging_channel: reader.string(json, "messaging_channel", ""),
    page_id: reader.identifier(json, "page_id", ""),
    whatsapp_business_account_id: reader.identifier(json, "whatsapp_business_account_id", ""),
    ig_account_id: reader.identifier(json, "ig_account_id", ""),
    user: user === null ? null : readUser(reader, user),
    consent: readConsent(json["consent"]),
    properties: properties === null ? null : readProperties(reader, properties),
    app: app === null ? null : readApp(reader, app)
  }
  return { _tag: "Read", ...withUnknownFields(json, { raw, dropped: reader.dropped }) }
}

const problemEvent = (reason: Problem): JsonEvent => ({ _tag: "Problem", problem: reason })

const identifier = (value: unknown): string | null => {
  if (typeof value === "string") return value
  return typeof value === "number" && Number.isSafeInteger(value) ? String(value) : null
}

const noIdentifier = (
  field: "event_id" | "event_name",
  value: unknown,
  eventId: string | null,
  eventName: string | null
): Problem => {
  if (value === undefined || value === null) {
    return problem(`missing_${field}`, `The event has no ${field}.`, eventId, eventName)
  }
  const message = typeof value === "number" ? "is a number that JSON does not keep exactly" : "is no text"
  return problem(`invalid_${field}`, `The ${field} ${message}; send it as text.`, eventId, eventName)
}

const unlessEmail = (value: string | null): string | null =>
  value === null || value.length > 256 || looksLikeEmail(value) ? null : value

const readUser = (reader: JsonReader, json: JsonRecord): RawUser => {
  const text = (key: keyof RawUser): string | null => reader.identifier(json, key, "user.")
  return {
    email: reader.identifiers(json, "email", "user."),
    phone: reader.identifiers(json, "phone", "user."),
    first_name: text("first_name"),
    last_name: text("last_name"),
    city: text("city"),
    state: text("state"),
    zip: text("zip"),
    country: text("country"),
    external_id: reader.identifiers(json, "external_id", "user."),
    anonymous_id: text("anonymous_id"),
    date_of_birth: text("date_of_birth"),
    gender: text("gender"),
    ip: text("ip"),
    user_agent: text("user_agent"),
    fbp: text("fbp"),
    fbc: text("fbc"),
    fbclid: text("fbclid"),
    fbclid_time: timeOf(reader, json, "fbclid_time", "user."),
    gclid: text("gclid"),
    gbraid: text("gbraid"),
    wbraid: text("wbraid"),
    dclid: text("dclid"),
    ttclid: text("ttclid"),
    ttp: text("ttp"),
    sc_click_id: text("sc_click_id"),
    sc_cookie1: text("sc_cookie1"),
    ctwa_clid: text("ctwa_clid"),
    madid: text("madid"),
    anon_id: text("anon_id"),
    lead_id: text("lead_id"),
    fb_login_id: text("fb_login_id"),
    page_scoped_user_id: text("page_scoped_user_id"),
    ig_sid: text("ig_sid"),
    subscription_id: text("subscription_id"),
    locale: text("locale"),
    whatsapp_user_id: text("whatsapp_user_id")
  }
}

/** A time beside the event's: what is none leaves the field out. */
const timeOf = (reader: JsonReader, json: JsonRecord, key: string, path: string): number | null => {
  const time = readTime(json[key])
  if (typeof time !== "string") return time
  return reader.drop(path + key, time === "invalid" ? "invalid_time" : "time_without_offset")
}

/** What is there but no word stays as a word that means nothing, which `normalizeConsent` takes for a denial. */
const readConsent = (json: unknown): Consent | null => {
  if (json === undefined || json === null || isEmptyList(json)) return null
  const word = (key: keyof Consent): string | null => {
    const value = isRecord(json) ? json[key] : json
    if (value === undefined || value === null) return null
    return isRecord(json) && typeof value !== "object" ? String(value) : "unreadable"
  }
  return {
    ad_user_data: word("ad_user_data"),
    ad_personalization: word("ad_personalization"),
    sale_of_data: word("sale_of_data")
  }
}

const readProperties = (reader: JsonReader, json: JsonRecord): Properties => {
  const path = "properties."
  const text = (key: keyof Properties): string | null => reader.string(json, key, path)
  return {
    value: reader.number(json, "value", path),
    currency: text("currency"),
    order_id: reader.identifier(json, "order_id", path),
    items: readItems(reader, json["items"]),
    num_items: reader.number(json, "num_items", path),
    search_string: text("search_string"),
    content_type: text("content_type"),
    content_name: text("content_name"),
    content_category: text("content_category"),
    sign_up_method: text("sign_up_method"),
    status: text("status"),
    predicted_ltv: reader.number(json, "predicted_ltv", path),
    description: text("description"),
    shop_id: text("shop_id"),
    customer_type: text("customer_type"),
    delivery_category: text("delivery_category"),
    coupon: text("coupon"),
    original_conversion_time: timeOf(reader, json, "original_conversion_time", path),
    custom: readCustom(reader, json)
  }
}

const itemsMax = 1000

const readItems = (reader: JsonReader, json: unknown): ReadonlyArray<Item> => {
  if (json === undefined || json === null) return []
  const items: Array<Item> = []
  // One product without a list around it is a list of one.
  const elements = elementsOf(json) ?? (isRecord(json) && json["id"] !== undefined ? [json] : null)
  if (elements === null) {
    reader.drop("properties.items", "invalid_type")
    return items
  }
  if (elements.length > itemsMax) reader.drop("properties.items", "too_many")
  for (const [index, item] of elements.slice(0, itemsMax).entries()) {
    const path = `properties.items[${index}].`
    // One without id keeps its place, so that the normalizer, which leaves it out, names the others by theirs.
    const id = isRecord(item) ? reader.identifier(item, "id", path) : null
    items.push(isRecord(item) && id !== null ? readItem(reader, item, id, path) : noItem)
  }
  return items
}

const noItem: Item = {
  id: "",
  name: null,
  category: null,
  brand: null,
  quantity: null,
  price: null,
  delivery_category: null
}

const readItem = (reader: JsonReader, json: JsonRecord, id: string, path: string): Item => ({
  id,
  name: reader.string(json, "name", path),
  category: reader.string(json, "category", path),
  brand: reader.string(json, "brand", path),
  quantity: reader.number(json, "quantity", path),
  price: reader.number(json, "price", path),
  delivery_category: reader.string(json, "delivery_category", path)
})

const readApp = (reader: JsonReader, json: JsonRecord): App => ({
  app_id: reader.identifier(json, "app_id", "app."),
  advertiser_tracking_enabled: reader.boolean(json, "advertiser_tracking_enabled", "app."),
  application_tracking_enabled: reader.boolean(json, "application_tracking_enabled", "app."),
  extinfo: reader.positions(json, "extinfo", "app."),
  app_name: reader.string(json, "app_name", "app."),
  app_version: reader.string(json, "app_version", "app.")
})

/** Free custom properties of a JSON event: those under `custom`, and every property that the schema does not know. */

type Custom = Properties["custom"]

/** A nested value travels as a JSON string; one nested deeper than `depthMax` is left out. */
export const readCustom = (reader: JsonReader, properties: JsonRecord): Custom => {
  const custom: Record<string, string | number | boolean | null> = {}
  let count = 0
  const add = (key: string, value: unknown): void => {
    // The one key that an object cannot hold as plain data.
    if (value === undefined || key === "__proto__" || Object.hasOwn(custom, key)) return
    count++
    if (count > customMax) {
      if (count === customMax + 1) reader.drop("properties.custom", "too_many")
      return
    }
    const read = scalar(value)
    if (read === undefined) reader.drop("properties.custom", "too_deep")
    else custom[key] = read
  }
  const own = reader.record(properties, "custom", "properties.")
  if (own !== null) for (const key of Object.keys(own)) add(key, own[key])
  for (const key of Object.keys(properties)) if (!known.has(key)) add(key, properties[key])
  return custom
}

const scalar = (value: unknown): string | number | boolean | null | undefined => {
  if (value === null || typeof value === "string" || typeof value === "boolean") return value
  if (typeof value === "number") return Number.isFinite(value) ? value : null
  return isDeeperThan(value, depthMax) ? undefined : JSON.stringify(value)
}

const isDeeperThan = (value: unknown, levels: number): boolean => {
  if (typeof value !== "object" || value === null) return false
  if (levels === 0) return true
  const inner: ReadonlyArray<unknown> = isRecord(value) ? Object.values(value) : (value as ReadonlyArray<unknown>)
  return inner.some((element) => isDeeperThan(element, levels - 1))
}

const customMax = 200
const depthMax = 16

const known: ReadonlySet<string> = new Set<keyof Properties>([
  "value",
  "currency",
  "order_id",
  "items",
  "num_items",
  "search_string",
  "content_type",
  "content_name",
  "content_category",
  "sign_up_method",
  "status",
  "predicted_ltv",
  "description",
  "shop_id",
  "customer_type",
  "delivery_category",
  "coupon",
  "original_conversion_time",
  "custom"
])
