/** The documented fields of a Conversions API event, and their rules beyond a single field. */
import {
  anything,
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

const hashed = oneOrMany(sha256)
const hashedKeys = ["em", "ph", "fn", "ln", "ct", "st", "zp", "country", "db", "ge"]

const userData = record(
  {
    ...Object.fromEntries(hashedKeys.map((key) => [key, hashed])),
    // Hashing is recommended for this one, not required.
    external_id: oneOrMany(nonEmpty),
    client_ip_address: ip,
    client_user_agent: nonEmpty,
    fbc: pattern(/^fb\.\d\.\d{13}\.\S+$/, "fbc (fb.1.<milliseconds>.<fbclid>)"),
    fbp: pattern(/^fb\.\d\.\d{13}\.\d+$/, "fbp (fb.1.<milliseconds>.<random number>)"),
    subscription_id: nonEmpty,
    fb_login_id: either(integer, nonEmpty),
    lead_id: either(integer, nonEmpty),
    madid: nonEmpty,
    anon_id: nonEmpty,
    ctwa_clid: nonEmpty,
    page_id: nonEmpty,
    page_scoped_user_id: nonEmpty,
    ig_account_id: nonEmpty,
    ig_sid: nonEmpty,
    whatsapp_business_account_id: nonEmpty
  },
  { extra: "warn" }
)

const deliveryCategory = oneOf("home_delivery", "in_store", "curbside")
const contentId = either(nonEmpty, integer)

const customData = record(
  {
    value: number,
    net_revenue: number,
    currency,
    content_name: string,
    content_category: string,
    content_ids: listOf(contentId),
    contents: listOf(
      record(
        { id: contentId, quantity: number, item_price: number, delivery_category: deliveryCategory },
        { required: ["id"], extra: "accept" }
      )
    ),
    content_type: oneOf("product", "product_group"),
    order_id: string,
    predicted_ltv: number,
    num_items: integer,
    search_string: string,
    status: either(string, boolean),
    item_number: string,
    delivery_category: deliveryCategory
  },
  // Custom keys are welcome in custom_data.
  { extra: "accept" }
)

const appData = record(
  {
    advertiser_tracking_enabled: zeroOrOne,
    application_tracking_enabled: zeroOrOne,
    extinfo: (value, path, warn) =>
      listOf(string, { min: 16, max: 16 })(value, path, warn) ??
      oneOf("a2", "i2")((value as ReadonlyArray<string>)[0] ?? null, `${path}[0]`, warn)
  },
  { required: ["advertiser_tracking_enabled", "application_tracking_enabled", "extinfo"], extra: "accept" }
)

/** 0 lets Meta find the state; the others are the United States' codes. */
const privacyStates = [0, ...Array.from({ length: 14 }, (_, index) => 1000 + index)]

const fields: Check = record(
  {
    event_name: nonEmpty,
    event_time: integer,
    event_id: nonEmpty,
    action_source: oneOf(
      "email",
      "website",
      "app",
      "phone_call",
      "chat",
      "physical_store",
      "system_generated",
      "business_messaging",
      "other"
    ),
    event_source_url: url,
    referrer_url: url,
    opt_out: boolean,
    user_data: userData,
    custom_data: customData,
    app_data: appData,
    messaging_channel: oneOf("whatsapp", "messenger", "instagram"),
    data_processing_options: listOf(oneOf("LDU")),
    data_processing_options_country: oneOf(0, 1),
    data_processing_options_state: oneOf(...privacyStates),
    advanced_measurement_table: string,
    customer_segmentation: anything,
    original_event_data: anything,
    attribution_data: anything
  },
  { required: ["event_name", "event_time", "action_source", "user_data"], extra: "warn" }
)

/** The first problem of one event, the clock apart: see `ageProblem`. */
export const eventProblem = (
  event: JsonObject,
  warn: (message: string) => void,
  websiteWithoutUserAgent: "reject" | "warn"
): Problem | null =>
  fields(event, "", warn) ??
  identityProblem(event.user_data as JsonObject) ??
  sourceProblem(event, warn, websiteWithoutUserAgent) ??
  locationProblem(event) ??
  purchaseProblem(event)

/** Alone, or any part of one of them, these identify no person. */
const tooBroad: ReadonlyArray<ReadonlySet<string>> = [
  new Set(["ct", "country", "st", "zp", "ge", "client_user_agent"]),
  new Set(["db", "client_user_agent"]),
  new Set(["fn", "ge"]),
  new Set(["ln", "ge"])
]

const identityProblem = (user: JsonObject): Problem | null => {
  const present = Object.keys(user).filter((key) => !isAbsent(user, key))
  const vague = present.length === 0 || tooBroad.some((set) => present.every((key) => set.has(key)))
  return vague
    ? {
        path: "user_data",
        kind: "missing",
        reason: "insufficient_identity",
        message: "You haven't added sufficient customer information parameter data for this event."
      }
    : null
}

const sourceProblem = (
  event: JsonObject,
  warn: (message: string) => void,
  websiteWithoutUserAgent: "reject" | "warn"
): Problem | null => {
  const missing = (path: string): Problem => ({ path, kind: "missing", message: "Missing required field" })
  const user = event.user_data as JsonObject
  switch (event.action_source) {
    case "website":
      if (isAbsent(event, "event_source_url")) return missing("event_source_url")
      if (!isAbsent(user, "client_user_agent")) return null
      if (websiteWithoutUserAgent === "reject") return missing("user_data.client_user_agent")
      warn("website event without client_user_agent")
      return null
    case "app":
      return isAbsent(event, "app_data") ? missing("app_data") : null
    case "business_messaging":
      if (isAbsent(event, "messaging_channel")) return missing("messaging_channel")
      if (event.messaging_channel === "whatsapp" && isAbsent(user, "ctwa_clid")) return missing("user_data.ctwa_clid")
      if (["page_id", "whatsapp_business_account_id", "ig_account_id"].every((key) => isAbsent(user, key)))
        return missing("user_data.page_id")
      return browserProblem(event, user)
    default:
      return null
  }
}

/** What belongs to a browser has no place in a message. */
const browserProblem = (event: JsonObject, user: JsonObject): Problem | null => {
  const refused = (path: string): Problem => ({ path, kind: "unknown", message: "Not allowed for business messaging" })
  for (const key of ["event_source_url", "referrer_url"]) if (!isAbsent(event, key)) return refused(key)
  for (const key of ["client_ip_address", "client_user_agent", "fbp"]) {
    if (!isAbsent(user, key)) return refused(`user_data.${key}`)
  }
  return null
}

/** A country goes with one of its states; without them Meta finds both. */
const locationProblem = (event: JsonObject): Problem | null => {
  const country = event.data_processing_options_country ?? 0
  const state = event.data_processing_options_state ?? 0
  const allowed = country === 0 ? state === 0 : state !== 0
  return allowed ? null : { path: "data_processing_options_state", kind: "enum", message: "Not a state of the country" }
}

const purchaseProblem = (event: JsonObject): Problem | null => {
  if (event.event_name !== "Purchase") return null
  const custom = isObject(event.custom_data) ? event.custom_data : {}
  for (const key of ["value", "currency"])
    if (isAbsent(custom, key))
      return {
        path: `custom_data.${key}`,
        kind: "missing",
        reason: "purchase_without_value",
        message: "Purchase events need a value and a currency."
      }
  return null
}
