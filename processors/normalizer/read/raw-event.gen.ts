// Made by schemas/generate.ts (npm run schemas) from the .avsc files and topics.json. Do not edit.
import type { App, ConsentSignals, Item, Properties, RawUser } from "../../../schemas/types.gen.ts"
import type { JsonRecord } from "../../../shared/model/json.ts"
import type { JsonReader } from "./json-reader.ts"

export const readRawUser = (reader: JsonReader, json: JsonRecord): RawUser => ({
  email: reader.identifiers(json, "email", "user."),
  phone: reader.identifiers(json, "phone", "user."),
  first_name: reader.identifier(json, "first_name", "user."),
  last_name: reader.identifier(json, "last_name", "user."),
  city: reader.identifier(json, "city", "user."),
  state: reader.identifier(json, "state", "user."),
  zip: reader.identifier(json, "zip", "user."),
  country: reader.identifier(json, "country", "user."),
  external_id: reader.identifiers(json, "external_id", "user."),
  anonymous_id: reader.identifier(json, "anonymous_id", "user."),
  date_of_birth: reader.identifier(json, "date_of_birth", "user."),
  gender: reader.identifier(json, "gender", "user."),
  ip: reader.identifier(json, "ip", "user."),
  user_agent: reader.identifier(json, "user_agent", "user."),
  fbp: reader.identifier(json, "fbp", "user."),
  fbc: reader.identifier(json, "fbc", "user."),
  fbclid: reader.identifier(json, "fbclid", "user."),
  fbclid_time: reader.time(json, "fbclid_time", "user."),
  gclid: reader.identifier(json, "gclid", "user."),
  gbraid: reader.identifier(json, "gbraid", "user."),
  wbraid: reader.identifier(json, "wbraid", "user."),
  dclid: reader.identifier(json, "dclid", "user."),
  ttclid: reader.identifier(json, "ttclid", "user."),
  ttp: reader.identifier(json, "ttp", "user."),
  sc_click_id: reader.identifier(json, "sc_click_id", "user."),
  sc_cookie1: reader.identifier(json, "sc_cookie1", "user."),
  ctwa_clid: reader.identifier(json, "ctwa_clid", "user."),
  madid: reader.identifier(json, "madid", "user."),
  anon_id: reader.identifier(json, "anon_id", "user."),
  lead_id: reader.identifier(json, "lead_id", "user."),
  fb_login_id: reader.identifier(json, "fb_login_id", "user."),
  page_scoped_user_id: reader.identifier(json, "page_scoped_user_id", "user."),
  ig_sid: reader.identifier(json, "ig_sid", "user."),
  subscription_id: reader.identifier(json, "subscription_id", "user."),
  locale: reader.identifier(json, "locale", "user."),
  whatsapp_user_id: reader.identifier(json, "whatsapp_user_id", "user."),
  click_ids: reader.strings(json, "click_ids", "user.")
})

/** How the fields are read that are lists or maps. */
export type PropertyReaders = { readonly [K in "items" | "custom"]: (reader: JsonReader, json: JsonRecord) => Properties[K] }

export const readProperties = (reader: JsonReader, json: JsonRecord, readers: PropertyReaders): Properties => ({
  value: reader.number(json, "value", "properties."),
  currency: reader.string(json, "currency", "properties."),
  order_id: reader.identifier(json, "order_id", "properties."),
  items: readers.items(reader, json),
  num_items: reader.number(json, "num_items", "properties."),
  search_string: reader.string(json, "search_string", "properties."),
  content_type: reader.string(json, "content_type", "properties."),
  content_name: reader.string(json, "content_name", "properties."),
  content_category: reader.string(json, "content_category", "properties."),
  sign_up_method: reader.string(json, "sign_up_method", "properties."),
  status: reader.string(json, "status", "properties."),
  predicted_ltv: reader.number(json, "predicted_ltv", "properties."),
  description: reader.string(json, "description", "properties."),
  shop_id: reader.string(json, "shop_id", "properties."),
  customer_type: reader.string(json, "customer_type", "properties."),
  delivery_category: reader.string(json, "delivery_category", "properties."),
  coupon: reader.string(json, "coupon", "properties."),
  original_conversion_time: reader.time(json, "original_conversion_time", "properties."),
  custom: readers.custom(reader, json)
})

export const readItem = (reader: JsonReader, json: JsonRecord, path: string, id: string): Item => ({
  id,
  name: reader.string(json, "name", path),
  category: reader.string(json, "category", path),
  brand: reader.string(json, "brand", path),
  quantity: reader.number(json, "quantity", path),
  price: reader.number(json, "price", path),
  delivery_category: reader.string(json, "delivery_category", path)
})

export const readApp = (reader: JsonReader, json: JsonRecord): App => ({
  app_id: reader.identifier(json, "app_id", "app."),
  advertiser_tracking_enabled: reader.boolean(json, "advertiser_tracking_enabled", "app."),
  application_tracking_enabled: reader.boolean(json, "application_tracking_enabled", "app."),
  extinfo: reader.positions(json, "extinfo", "app."),
  app_name: reader.string(json, "app_name", "app."),
  app_version: reader.string(json, "app_version", "app.")
})

export const readConsentSignals = (reader: JsonReader, json: JsonRecord): ConsentSignals => ({
  tcf_string: reader.string(json, "tcf_string", "consent_signals."),
  gpp_string: reader.string(json, "gpp_string", "consent_signals."),
  gpp_section_ids: reader.identifiers(json, "gpp_section_ids", "consent_signals."),
  ad_storage: reader.string(json, "ad_storage", "consent_signals."),
  gcs: reader.string(json, "gcs", "consent_signals."),
  country: reader.string(json, "country", "consent_signals."),
  gdpr_applies: reader.boolean(json, "gdpr_applies", "consent_signals.")
})

/** The fields of Properties; any other property is a free one. */
export const propertyNames: ReadonlySet<string> = new Set(["value", "currency", "order_id", "items", "num_items", "search_string", "content_type", "content_name", "content_category", "sign_up_method", "status", "predicted_ltv", "description", "shop_id", "customer_type", "delivery_category", "coupon", "original_conversion_time", "custom"])
