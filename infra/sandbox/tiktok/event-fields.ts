/** TikTok's Events API 2.0 event: documented fields and what each `event_source` requires. */
import { isIP } from "node:net"
import {
  anything,
  boolean,
  type Check,
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
  url
} from "../check.ts"
import { isObject, type JsonObject } from "../platform.ts"

/** A closed list. */
const currencies =
  "AED ARS AUD BDT BHD BIF BOB BRL CAD CHF CLP CNY COP CRC CZK DKK DZD EGP EUR GBP GTQ HKD HNL HUF IDR ILS INR ISK JPY " +
  "KES KHR KRW KWD KZT MAD MOP MXN MYR NGN NIO NOK NZD OMR PEN PHP PKR PLN PYG QAR RON RUB SAR SEK SGD THB TRY TWD UAH " +
  "USD VES VND ZAR"

const standardEvents = new Set(
  (
    "AddPaymentInfo AddToCart AddToWishlist ApplicationApproval CompleteRegistration Contact CustomizeProduct Download " +
    "FindLocation InitiateCheckout Lead Purchase Schedule Search StartTrial SubmitApplication Subscribe ViewContent " +
    // Replaced in 2025 and converted ever since, or ending in 2027.
    "CompletePayment SubmitForm ClickButton PlaceAnOrder"
  ).split(" ")
)

const user = record(
  {
    email: oneOrMany(sha256),
    phone: oneOrMany(sha256),
    external_id: oneOrMany(sha256),
    first_name: sha256,
    last_name: sha256,
    zip_code: sha256,
    city: nonEmpty,
    state: nonEmpty,
    country: pattern(/^[A-Za-z]{2}$/, "ISO 3166-1 alpha-2 country"),
    ttclid: nonEmpty,
    ttp: nonEmpty,
    ip,
    user_agent: nonEmpty,
    locale: pattern(/^[A-Za-z]{2,3}(?:-[A-Za-z0-9]{2,8})*$/, "BCP 47 locale"),
    idfa: either(pattern(/^[0-9A-F]{8}(?:-[0-9A-F]{4}){3}-[0-9A-F]{12}$/, "idfa in upper case"), sha256),
    gaid: either(pattern(/^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/, "gaid in lower case"), sha256),
    idfv: nonEmpty,
    att_status: nonEmpty,
    lead_id: nonEmpty
  },
  { extra: "warn" }
)

const content = record(
  {
    content_id: nonEmpty,
    content_name: string,
    content_category: string,
    brand: string,
    price: number,
    quantity: integer
  },
  { extra: "warn" }
)

const properties = record(
  {
    value: number,
    currency: oneOf(...currencies.split(" ")),
    content_type: oneOf("product", "product_group"),
    content_ids: listOf(nonEmpty),
    contents: listOf(content),
    num_items: integer,
    order_id: nonEmpty,
    shop_id: nonEmpty,
    search_string: string,
    query: string,
    description: string,
    status: string,
    customer_type: string
  },
  { extra: "accept" }
)

const fields: Check = record(
  {
    event: nonEmpty,
    event_time: integer,
    event_id: nonEmpty,
    limited_data_use: boolean,
    user,
    properties,
    page: record({ url, referrer: url }, { extra: "warn" }),
    app: record({ app_id: nonEmpty, app_name: string, app_version: string }, { extra: "accept" }),
    ad: anything,
    lead: record({ lead_id: nonEmpty, lead_event_source: string }, { extra: "accept" })
  },
  { required: ["event", "event_time"], extra: "warn" }
)

export const eventSources = ["web", "app", "offline", "crm"]

/** The first problem of one event; a `hash` kind is plaintext where a hash belongs. */
export const eventProblem = (event: JsonObject, source: string, warn: (message: string) => void): Problem | null =>
  fields(event, "", warn) ?? sourceProblem(event, source) ?? privacyProblem(event, source)

const sourceProblem = (event: JsonObject, source: string): Problem | null => {
  const missing = (object: string, key: string): Problem | null => {
    const holder = event[object]
    return isObject(holder) && !isAbsent(holder, key)
      ? null
      : { path: `${object}.${key}`, kind: "missing", message: "Missing data for required field" }
  }
  switch (source) {
    case "web":
      return missing("page", "url")
    case "app":
      return missing("app", "app_id")
    case "crm":
      return missing("lead", "lead_id")
    default:
      return standardEvents.has(String(event.event))
        ? null
        : { path: "event", kind: "enum", message: "Only standard events are supported" }
  }
}

const privacyProblem = (event: JsonObject, source: string): Problem | null => {
  if (event.limited_data_use === undefined) return null
  if (source !== "web" && source !== "app")
    return { path: "limited_data_use", kind: "unknown", message: "Only supported for web and app" }
  const address = isObject(event.user) ? String(event.user.ip ?? "") : ""
  return event.limited_data_use === true && !isPublic(address)
    ? { path: "user.ip", kind: "missing", message: "A public IP is required with limited_data_use" }
    : null
}

const isPublic = (address: string): boolean =>
  isIP(address) !== 0 &&
  !/^(?:10\.|127\.|192\.168\.|172\.(?:1[6-9]|2\d|3[01])\.|169\.254\.|::1$|f[cd]|fe80)/i.test(address)
