// Made by schemas/generate.ts (npm run schemas) from the .avsc files and topics.json. Do not edit.
import type { App, ConsentSignals, Item, Properties, RawUser } from "../../../schemas/types.gen.ts"
import type { JsonRecord } from "../../../shared/model/json.ts"
import type { JsonReader } from "./json-reader.ts"

export const readRawUser = (reader: JsonReader, json: JsonRecord): RawUser => ({
  email: reader.identifiers(json["email"], "user.", "email"),
  phone: reader.identifiers(json["phone"], "user.", "phone"),
  first_name: reader.identifier(json["first_name"], "user.", "first_name"),
  last_name: reader.identifier(json["last_name"], "user.", "last_name"),
  city: reader.identifier(json["city"], "user.", "city"),
  state: reader.identifier(json["state"], "user.", "state"),
  zip: reader.identifier(json["zip"], "user.", "zip"),
  country: reader.identifier(json["country"], "user.", "country"),
  external_id: reader.identifiers(json["external_id"], "user.", "external_id"),
  anonymous_id: reader.identifier(json["anonymous_id"], "user.", "anonymous_id"),
  date_of_birth: reader.identifier(json["date_of_birth"], "user.", "date_of_birth"),
  gender: reader.identifier(json["gender"], "user.", "gender"),
  ip: reader.identifier(json["ip"], "user.", "ip"),
  user_agent: reader.identifier(json["user_agent"], "user.", "user_agent"),
  fbp: reader.identifier(json["fbp"], "user.", "fbp"),
  fbc: reader.identifier(json["fbc"], "user.", "fbc"),
  fbclid: reader.identifier(json["fbclid"], "user.", "fbclid"),
  fbclid_time: reader.time(json["fbclid_time"], "user.", "fbclid_time"),
  gclid: reader.identifier(json["gclid"], "user.", "gclid"),
  gbraid: reader.identifier(json["gbraid"], "user.", "gbraid"),
  wbraid: reader.identifier(json["wbraid"], "user.", "wbraid"),
  dclid: reader.identifier(json["dclid"], "user.", "dclid"),
  ttclid: reader.identifier(json["ttclid"], "user.", "ttclid"),
  ttp: reader.identifier(json["ttp"], "user.", "ttp"),
  sc_click_id: reader.identifier(json["sc_click_id"], "user.", "sc_click_id"),
  sc_cookie1: reader.identifier(json["sc_cookie1"], "user.", "sc_cookie1"),
  ctwa_clid: reader.identifier(json["ctwa_clid"], "user.", "ctwa_clid"),
  madid: reader.identifier(json["madid"], "user.", "madid"),
  anon_id: reader.identifier(json["anon_id"], "user.", "anon_id"),
  lead_id: reader.identifier(json["lead_id"], "user.", "lead_id"),
  fb_login_id: reader.identifier(json["fb_login_id"], "user.", "fb_login_id"),
  page_scoped_user_id: reader.identifier(json["page_scoped_user_id"], "user.", "page_scoped_user_id"),
  ig_sid: reader.identifier(json["ig_sid"], "user.", "ig_sid"),
  subscription_id: reader.identifier(json["subscription_id"], "user.", "subscription_id"),
  locale: reader.identifier(json["locale"], "user.", "locale"),
  whatsapp_user_id: reader.identifier(json["whatsapp_user_id"], "user.", "whatsapp_user_id"),
  click_ids: reader.strings(json["click_ids"], "user.", "click_ids")
})

/** How the fields are read that are lists or maps. */
export type PropertyReaders = { readonly [K in "items" | "custom"]: (reader: JsonReader, json: JsonRecord) => Properties[K] }

export const readProperties = (reader: JsonReader, json: JsonRecord, readers: PropertyReaders): Properties => ({
  value: reader.number(json["value"], "properties.", "value"),
  currency: reader.string(json["currency"], "properties.", "currency"),
  order_id: reader.identifier(json["order_id"], "properties.", "order_id"),
  items: readers.items(reader, json),
  num_items: reader.number(json["num_items"], "properties.", "num_items"),
  search_string: reader.string(json["search_string"], "properties.", "search_string"),
  content_type: reader.string(json["content_type"], "properties.", "content_type"),
  content_name: reader.string(json["content_name"], "properties.", "content_name"),
  content_category: reader.string(json["content_category"], "properties.", "content_category"),
  sign_up_method: reader.string(json["sign_up_method"], "properties.", "sign_up_method"),
  status: reader.string(json["status"], "properties.", "status"),
  predicted_ltv: reader.number(json["predicted_ltv"], "properties.", "predicted_ltv"),
  description: reader.string(json["description"], "properties.", "description"),
  shop_id: reader.string(json["shop_id"], "properties.", "shop_id"),
  customer_type: reader.string(json["customer_type"], "properties.", "customer_type"),
  delivery_category: reader.string(json["delivery_category"], "properties.", "delivery_category"),
  coupon: reader.string(json["coupon"], "properties.", "coupon"),
  original_conversion_time: reader.time(json["original_conversion_time"], "properties.", "original_conversion_time"),
  custom: readers.custom(reader, json)
})

export const readItem = (reader: JsonReader, json: JsonRecord, path: string, id: string): Item => ({
  id,
  name: reader.string(json["name"], path, "name"),
  category: reader.string(json["category"], path, "category"),
  brand: reader.string(json["brand"], path, "brand"),
  quantity: reader.number(json["quantity"], path, "quantity"),
  price: reader.number(json["price"], path, "price"),
  delivery_category: reader.string(json["delivery_category"], path, "delivery_category")
})

export const readApp = (reader: JsonReader, json: JsonRecord): App => ({
  app_id: reader.identifier(json["app_id"], "app.", "app_id"),
  advertiser_tracking_enabled: reader.boolean(json["advertiser_tracking_enabled"], "app.", "advertiser_tracking_enabled"),
  application_tracking_enabled: reader.boolean(json["application_tracking_enabled"], "app.", "application_tracking_enabled"),
  extinfo: reader.positions(json["extinfo"], "app.", "extinfo"),
  app_name: reader.string(json["app_name"], "app.", "app_name"),
  app_version: reader.string(json["app_version"], "app.", "app_version")
})

export const readConsentSignals = (reader: JsonReader, json: JsonRecord): ConsentSignals => ({
  tcf_string: reader.string(json["tcf_string"], "consent_signals.", "tcf_string"),
  gpp_string: reader.string(json["gpp_string"], "consent_signals.", "gpp_string"),
  gpp_section_ids: reader.identifiers(json["gpp_section_ids"], "consent_signals.", "gpp_section_ids"),
  ad_storage: reader.string(json["ad_storage"], "consent_signals.", "ad_storage"),
  gcs: reader.string(json["gcs"], "consent_signals.", "gcs"),
  country: reader.string(json["country"], "consent_signals.", "country"),
  gdpr_applies: reader.boolean(json["gdpr_applies"], "consent_signals.", "gdpr_applies")
})

/** The fields of Properties; any other property is a free one. */
export const propertyNames: ReadonlySet<string> = new Set(["value", "currency", "order_id", "items", "num_items", "search_string", "content_type", "content_name", "content_category", "sign_up_method", "status", "predicted_ltv", "description", "shop_id", "customer_type", "delivery_category", "coupon", "original_conversion_time", "custom"])
