/** The Data Manager API's `IngestEventsRequest`: names, types and rules. Names it does not know are refused. */
import {
  because,
  boolean,
  type Check,
  currency,
  either,
  ip,
  listOf,
  nonEmpty,
  number,
  oneOf,
  type Problem,
  pattern,
  record,
  string
} from "../check.ts"
import { isObject, type JsonObject } from "../platform.ts"
import type { FieldViolation } from "./google-error.ts"

const consentStatus = oneOf("CONSENT_GRANTED", "CONSENT_DENIED", "CONSENT_STATUS_UNSPECIFIED")
const consent = record({ adUserData: consentStatus, adPersonalization: consentStatus }, { extra: "reject" })
/** int64 travels as a JSON string. */
const int64 = because("INVALID_NUMBER_FORMAT", pattern(/^-?\d+$/, "int64 (a JSON string)"))
const timestamp = because(
  "EVENT_TIME_INVALID",
  pattern(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d)$/, "RFC 3339 timestamp")
)
const references = listOf(nonEmpty)

const account = record(
  {
    accountType: because(
      "INVALID_ENUM_VALUE",
      oneOf(
        "GOOGLE_ADS",
        "DISPLAY_VIDEO_PARTNER",
        "DISPLAY_VIDEO_ADVERTISER",
        "DATA_PARTNER",
        "GOOGLE_ANALYTICS_PROPERTY"
      )
    ),
    accountId: because("INVALID_DESTINATION", pattern(/^\d+$/, "account id (digits only)"))
  },
  { required: ["accountType", "accountId"], extra: "reject" }
)

const destination = record(
  {
    reference: nonEmpty,
    operatingAccount: account,
    loginAccount: account,
    linkedAccount: account,
    productDestinationId: because("INVALID_CONVERSION_ACTION_ID", pattern(/^\d+$/, "numeric conversion action id"))
  },
  { required: ["operatingAccount", "productDestinationId"], extra: "reject" }
)

const device = record({ userAgent: string, ipAddress: ip }, { extra: "reject" })

const hexHash: Check = (value, path) => {
  if (typeof value === "string" && /^[0-9a-f]{64}$/.test(value)) return null
  const isHex = typeof value === "string" && /^(?:[0-9a-f]{2})+$/.test(value)
  return isHex
    ? { path, kind: "hash", reason: "INVALID_SHA256_FORMAT", message: "The SHA256 encoded value is malformed." }
    : { path, kind: "hash", reason: "INVALID_HEX_ENCODING", message: "The HEX encoded value is malformed." }
}
const base64Hash = because("INVALID_BASE64_ENCODING", pattern(/^[A-Za-z0-9+/_-]{43}=?$/, "base64 of a SHA-256 hash"))

const userIdentifier = (hash: Check): Check => {
  const address = record(
    {
      givenName: hash,
      familyName: hash,
      regionCode: because("INVALID_COUNTRY_CODE", pattern(/^[A-Z]{2}$/, "ISO 3166-1 alpha-2 region code")),
      postalCode: because("INVALID_POSTAL_CODE", pattern(/^\S(?:.*\S)?$/, "postal code"))
    },
    { required: ["givenName", "familyName", "regionCode", "postalCode"], extra: "reject" }
  )
  const fields = record({ emailAddress: hash, phoneNumber: hash, address }, { extra: "reject" })
  return (value, path, warn) =>
    fields(value, path, warn) ??
    (isObject(value) && Object.keys(value).length === 1
      ? null
      : { path, kind: "count", reason: "INVALID_FORMAT", message: "Exactly one identifier must be set." })
}

const adIdentifiers = record(
  {
    gclid: nonEmpty,
    gbraid: nonEmpty,
    wbraid: nonEmpty,
    dclid: nonEmpty,
    matchId: nonEmpty,
    impressionId: nonEmpty,
    sessionAttributes: nonEmpty,
    mobileDeviceId: because("INVALID_MOBILE_ID_FORMAT", nonEmpty),
    landingPageDeviceInfo: device
  },
  { extra: "reject" }
)

const cartData = record(
  {
    merchantId: nonEmpty,
    merchantFeedLabel: nonEmpty,
    merchantFeedLanguageCode: nonEmpty,
    transactionDiscount: number,
    items: listOf(
      record({ merchantProductId: nonEmpty, itemId: nonEmpty, quantity: int64, unitPrice: number }, { extra: "reject" })
    )
  },
  { extra: "reject" }
)

const eventFields: Check = record(
  {
    destinationReferences: references,
    transactionId: nonEmpty,
    eventTimestamp: timestamp,
    lastUpdatedTimestamp: timestamp,
    userData: record(
      {
        userIdentifiers: because("TOO_MANY_USER_IDENTIFIERS", (value, path) =>
          Array.isArray(value) && value.length > 10
            ? { path, kind: "count", message: "Maximum number of user identifiers allowed is 10." }
            : null
        )
      },
      { required: ["userIdentifiers"], extra: "reject" }
    ),
    consent,
    adIdentifiers,
    currency: because("INVALID_CURRENCY_CODE", currency),
    conversionValue: number,
    eventSource: because("INVALID_ENUM_VALUE", oneOf("WEB", "APP", "IN_STORE", "PHONE", "MESSAGE", "OTHER")),
    eventDeviceInfo: device,
    cartData,
    customVariables: listOf(
      record({ variable: nonEmpty, value: string, destinationReferences: references }, { extra: "reject" })
    ),
    experimentalFields: listOf(record({ field: nonEmpty, value: string }, { extra: "reject" })),
    userProperties: record(
      {
        customerType: because("INVALID_ENUM_VALUE", oneOf("NEW", "RETURNING", "REENGAGED")),
        customerValueBucket: because("INVALID_ENUM_VALUE", oneOf("LOW", "MEDIUM", "HIGH"))
      },
      { extra: "reject" }
    ),
    eventName: nonEmpty,
    clientId: nonEmpty,
    userId: nonEmpty
  },
  { required: ["eventTimestamp", "eventSource"], extra: "reject" }
)

const hexEvent = withIdentifiers(hexHash)
const base64Event = withIdentifiers(base64Hash)

/** Separate from the fields, so that its problems keep the reasons of the single identifiers. */
function withIdentifiers(hash: Check): Check {
  const identifiers = listOf(userIdentifier(hash))
  return (value, path, warn) => {
    const problem = eventFields(value, path, warn)
    if (problem !== null || !isObject(value)) return problem
    const user = value.userData
    return isObject(user) ? identifiers(user.userIdentifiers ?? [], "userData.userIdentifiers", warn) : null
  }
}

const requestFields = record(
  {
    destinations: listOf(destination, { min: 1, max: 10 }),
    events: () => null,
    encoding: because("INVALID_ENUM_VALUE", oneOf("HEX", "BASE64", "ENCODING_UNSPECIFIED")),
    validateOnly: boolean,
    consent,
    encryptionInfo: either(record({}, { extra: "accept" }))
  },
  { required: ["destinations", "events"], extra: "reject" }
)

const silent = () => undefined

/** The problem of everything but the events. */
export const requestViolation = (request: JsonObject): FieldViolation | null => {
  const problem = requestFields(request, "", silent)
  if (problem === null) return null
  const reason = problem.kind === "count" && problem.path === "destinations" ? "TOO_MANY_DESTINATIONS" : undefined
  return violation(problem, "", reason)
}

/** The first problem of the event at `index`, without its age. */
export const eventViolation = (event: JsonObject, index: number, encoding: string): FieldViolation | null => {
  const check = encoding === "BASE64" ? base64Event : hexEvent
  const problem = check(event, "", silent)
  if (problem !== null) return violation(problem, `events[${index}]`)
  const ads = isObject(event.adIdentifiers) ? Object.keys(event.adIdentifiers).length : 0
  const user = isObject(event.userData) ? event.userData.userIdentifiers : null
  if (ads > 0 || (Array.isArray(user) && user.length > 0)) return null
  return {
    field: `events.events[${index}]`,
    description: "Events data contains no user identifiers or ad identifiers.",
    reason: "NO_IDENTIFIERS_PROVIDED"
  }
}

/**
 * A bad value is named as `events.events[0].user_data.user_identifiers[1]`; a name or type that the JSON reader does not
 * know fails earlier, in that reader's own words and path.
 */
const violation = (problem: Problem, base: string, reason?: string): FieldViolation => {
  const parsed = [base, problem.path].filter((part) => part !== "").join(".")
  if (problem.kind === "unknown")
    return {
      field: parsed,
      description: `Invalid JSON payload received. Unknown name "${problem.message}"${parsed === "" ? "" : ` at '${parsed}'`}: Cannot find field.`
    }
  const snake = parsed.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
  const field = snake.startsWith("events[") ? `events.${snake}` : snake
  return {
    field: problem.kind === "hash" ? field.replace(/(user_identifiers\[\d+\]).*/s, "$1") : field,
    description: problem.message,
    reason: reason ?? problem.reason ?? reasons[problem.kind]
  }
}

const reasons: Readonly<Record<Problem["kind"], string>> = {
  missing: "REQUIRED_FIELD_MISSING",
  type: "INVALID_FORMAT",
  format: "INVALID_FORMAT",
  hash: "INVALID_SHA256_FORMAT",
  enum: "INVALID_ENUM_VALUE",
  unknown: "INVALID_ARGUMENT",
  count: "INVALID_FORMAT",
  range: "INVALID_FORMAT"
}
