/** Snap's Conversions API v3 event: documented fields and rules. */
import {
  boolean,
  type Check,
  currency,
  either,
  integer,
  ip,
  isAbsent,
  listOf,
  nonEmpty,
  number,
  oneOf,
  oneOrMany,
  type Problem,
  pattern,
  record,
  sha256,
  string,
  url,
  zeroOrOne
} from "../check.ts"
import { isObject, type JsonObject } from "../platform.ts"

const standardEvents =
  "PAGE_VIEW VIEW_CONTENT ADD_CART ADD_TO_WISHLIST SIGN_UP SEARCH PURCHASE ADD_BILLING START_CHECKOUT COMPLETE_TUTORIAL " +
  "SUBSCRIBE AD_CLICK AD_VIEW APP_INSTALL APP_OPEN LEVEL_COMPLETE INVITE LOGIN SHARE RESERVE ACHIEVEMENT_UNLOCKED " +
  "SPENT_CREDITS SPEND_CREDITS RATE START_TRIAL LIST_VIEW SAVE CUSTOM_EVENT_1 CUSTOM_EVENT_2 CUSTOM_EVENT_3 " +
  "CUSTOM_EVENT_4 CUSTOM_EVENT_5"

const hashed = oneOrMany(sha256)
const hashedKeys = ["em", "ph", "fn", "ln", "ct", "st", "zp", "country", "db", "ge", "external_id"]

const userData = record(
  {
    ...Object.fromEntries(hashedKeys.map((key) => [key, hashed])),
    client_ip_address: ip,
    client_user_agent: nonEmpty,
    sc_click_id: nonEmpty,
    sc_cookie1: nonEmpty,
    madid: pattern(/^[^A-Z]+$/, "mobile advertising id in lower case"),
    mobile_ad_id: nonEmpty,
    idfv: nonEmpty,
    lead_id: nonEmpty,
    subscription_id: nonEmpty
  },
  { extra: "warn" }
)

const customData = record(
  {
    value: either(number, pattern(/^\d+(?:\.\d+)?$/, "number")),
    currency,
    content_ids: listOf(nonEmpty),
    content_category: oneOrMany(string),
    content_name: string,
    content_type: string,
    contents: listOf(
      record(
        { id: nonEmpty, quantity: string, item_price: string, delivery_category: string, brand: string },
        { extra: "warn" }
      )
    ),
    num_items: integer,
    order_id: string,
    search_string: string,
    sign_up_method: string,
    status: string,
    delivery_category: string,
    brands: oneOrMany(string)
  },
  { extra: "accept" }
)

const appData = record(
  {
    app_id: nonEmpty,
    advertiser_tracking_enabled: zeroOrOne,
    application_tracking_enabled: zeroOrOne,
    extinfo: listOf(string, { min: 16, max: 16 })
  },
  { required: ["app_id", "advertiser_tracking_enabled", "extinfo"], extra: "accept" }
)

const fields: Check = record(
  {
    event_name: oneOf(...standardEvents.split(" ")),
    event_time: integer,
    event_id: nonEmpty,
    action_source: (value, path) =>
      typeof value === "string" && /^(?:web|website|mobile_app|app|offline)$/i.test(value)
        ? null
        : { path, kind: "enum", message: "Must be one of: WEB, MOBILE_APP, OFFLINE" },
    event_source_url: url,
    integration: nonEmpty,
    opt_out: boolean,
    user_data: userData,
    custom_data: customData,
    app_data: appData,
    data_processing_options: listOf(oneOf("LDU", "LMU")),
    data_processing_options_country: oneOf(0, 1),
    data_processing_options_state: integer
  },
  { required: ["event_name", "event_time", "action_source", "user_data"], extra: "warn" }
)

/** Web events live on a pixel, app events on a Snap App id: one request holds one of the two kinds. */
export const isApp = (event: JsonObject): boolean => /^(?:mobile_)?app$/i.test(String(event.action_source))

/** The first problem of one event, without its age. */
export const eventProblem = (event: JsonObject, warn: (message: string) => void): Problem | null =>
  fields(event, "", warn) ??
  sourceProblem(event) ??
  identityProblem(event.user_data as JsonObject) ??
  purchaseProblem(event)

const missing = (path: string): Problem => ({ path, kind: "missing", message: "Missing required field" })

const sourceProblem = (event: JsonObject): Problem | null => {
  if (isApp(event)) return isAbsent(event, "app_data") ? missing("app_data") : null
  const web = /^web/i.test(String(event.action_source))
  return web && isAbsent(event, "event_source_url") ? missing("event_source_url") : null
}

const identityProblem = (user: JsonObject): Problem | null => {
  const has = (key: string) => !isAbsent(user, key) && !(Array.isArray(user[key]) && user[key].length === 0)
  if (["em", "ph", "madid", "mobile_ad_id"].some(has)) return null
  if (has("client_ip_address") && has("client_user_agent")) return null
  return {
    path: "user_data",
    kind: "missing",
    reason: "insufficient_identity",
    message: "One of em, ph, madid, or client_ip_address with client_user_agent is required"
  }
}

const purchaseProblem = (event: JsonObject): Problem | null => {
  if (event.event_name !== "PURCHASE") return null
  const custom = isObject(event.custom_data) ? event.custom_data : {}
  const absent = ["value", "currency"].find((key) => isAbsent(custom, key))
  return absent === undefined ? null : missing(`custom_data.${absent}`)
}
