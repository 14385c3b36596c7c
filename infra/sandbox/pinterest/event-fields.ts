/** Pinterest's Conversions API v5 event: documented fields and rules. Unknown keys are refused at every level. */
import {
  boolean,
  type Check,
  currency,
  integer,
  ip,
  isAbsent,
  listOf,
  nonEmpty,
  oneOf,
  type Problem,
  pattern,
  record,
  sha256,
  string,
  url
} from "../check.ts"
import type { JsonObject } from "../platform.ts"

const eventNames =
  "add_payment_info add_to_cart add_to_wishlist app_install checkout custom initiate_checkout lead page_visit search " +
  "signup subscribe view_category view_content watch_video"

const hashes = listOf(sha256, { min: 1 })
const hashedKeys = ["em", "ph", "fn", "ln", "ct", "st", "zp", "country", "db", "ge", "external_id", "hashed_maids"]

const userData = record(
  {
    ...Object.fromEntries(hashedKeys.map((key) => [key, hashes])),
    client_ip_address: ip,
    client_user_agent: nonEmpty,
    click_id: nonEmpty,
    partner_id: nonEmpty
  },
  { extra: "reject" }
)

/** Amounts are strings: a number is refused. */
const amount = pattern(/^\d+(?:\.\d+)?$/, "amount as a string")

const customData = record(
  {
    currency,
    value: amount,
    predicted_ltv: amount,
    content_ids: listOf(nonEmpty),
    contents: listOf(
      record(
        {
          id: nonEmpty,
          item_name: string,
          item_category: string,
          item_brand: string,
          item_price: amount,
          quantity: integer
        },
        { extra: "reject" }
      )
    ),
    content_name: string,
    content_category: string,
    content_brand: string,
    num_items: integer,
    order_id: string,
    search_string: string,
    opt_out_type: oneOf("LDP"),
    np: string
  },
  { extra: "reject" }
)

const fields: Check = record(
  {
    event_name: oneOf(...eventNames.split(" ")),
    action_source: oneOf("web", "app_ios", "app_android", "offline"),
    event_time: integer,
    event_id: nonEmpty,
    user_data: userData,
    event_source_url: url,
    partner_name: pattern(/^ss-[^A-Z\s]+$/, "partner name: ss- and lower case"),
    opt_out: boolean,
    language: pattern(/^[a-z]{2}$/, "ISO 639-1 language"),
    app_id: nonEmpty,
    app_name: string,
    app_version: string,
    device_brand: string,
    device_carrier: string,
    device_model: string,
    device_type: string,
    os_version: string,
    wifi: boolean,
    custom_data: customData
  },
  { required: ["event_name", "action_source", "event_time", "event_id", "user_data"], extra: "reject" }
)

/** The first problem of one event, without its age. */
export const eventProblem = (event: JsonObject, warn: (message: string) => void): Problem | null =>
  fields(event, "", warn) ?? identityProblem(event.user_data as JsonObject)

const identityProblem = (user: JsonObject): Problem | null => {
  const has = (key: string) => !isAbsent(user, key)
  return has("em") || has("hashed_maids") || (has("client_ip_address") && has("client_user_agent"))
    ? null
    : {
        path: "user_data",
        kind: "missing",
        reason: "insufficient_identity",
        message: "One of em, hashed_maids, or client_ip_address with client_user_agent is required"
      }
}
