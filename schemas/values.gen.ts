// Made by schemas/generate.ts (npm run schemas) from the .avsc files and topics.json. Do not edit.
import type { Item, NormalizedUser, RawUser } from "./types.gen.ts"

/** A raw user without any value. */
export const emptyRawUser: RawUser = {
  email: null,
  phone: null,
  first_name: null,
  last_name: null,
  city: null,
  state: null,
  zip: null,
  country: null,
  external_id: null,
  anonymous_id: null,
  date_of_birth: null,
  gender: null,
  ip: null,
  user_agent: null,
  fbp: null,
  fbc: null,
  fbclid: null,
  fbclid_time: null,
  gclid: null,
  gbraid: null,
  wbraid: null,
  dclid: null,
  ttclid: null,
  ttp: null,
  sc_click_id: null,
  sc_cookie1: null,
  ctwa_clid: null,
  madid: null,
  anon_id: null,
  lead_id: null,
  fb_login_id: null,
  page_scoped_user_id: null,
  ig_sid: null,
  subscription_id: null,
  locale: null,
  whatsapp_user_id: null,
  click_ids: null
}

/** An item without any value. */
export const emptyItem: Item = {
  id: "",
  name: null,
  category: null,
  brand: null,
  quantity: null,
  price: null,
  delivery_category: null
}

/** A normalized user without any value. */
export const emptyNormalizedUser: NormalizedUser = {
  email: [],
  email_google: [],
  phones: [],
  first_name: null,
  first_name_google: null,
  last_name: null,
  last_name_google: null,
  city: null,
  city_snap: null,
  city_plain: null,
  state: null,
  state_plain: null,
  zip: null,
  zip_snap: null,
  zip_plain: null,
  country: null,
  country_code: null,
  external_id: [],
  anonymous_id: null,
  date_of_birth: null,
  gender: null,
  ip: null,
  user_agent: null,
  fbp: null,
  fbc: null,
  fbclid: null,
  fbclid_time: null,
  gclid: null,
  gbraid: null,
  wbraid: null,
  dclid: null,
  ttclid: null,
  ttp: null,
  sc_click_id: null,
  sc_cookie1: null,
  ctwa_clid: null,
  madid: null,
  anon_id: null,
  lead_id: null,
  fb_login_id: null,
  page_scoped_user_id: null,
  ig_sid: null,
  subscription_id: null,
  locale: null,
  whatsapp_user_sealed: null,
  click_ids: null
}

/** The topics of topics.json, without prefix. */
export type TopicName<platform extends string = string> =
  | "raw-events"
  | "sealed-events"
  | "normalized-events"
  | "mapper-dedup"
  | "mapper-connections"
  | `mapped-events.${platform}`
  | `delivery-retry.${platform}`
  | "send-intents"
  | "pending-outcomes"
  | "delivery-refusals"
  | "delivery-positions"
  | "delivery-results"
  | "dead-letters"
  | "connector-state"
  | "sealing-keys"
  | "person-keys"
  | "identity-keys"
  | "consent-changes"
  | "suppressions"
  | "erasure-log"
  | "connector-health"
  | "connector-health-history"
  | "health-alerts"
  | "notifier-state"
