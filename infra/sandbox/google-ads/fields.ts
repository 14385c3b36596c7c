/** The Google Ads API's ClickConversion and ConversionAdjustment. Names it does not know refuse the request. */
import {
  because,
  type Check,
  currency,
  isAbsent,
  listOf,
  nonEmpty,
  number,
  oneOf,
  type Problem,
  pattern,
  record,
  sha256,
  string
} from "../check.ts"
import type { JsonObject } from "../platform.ts"

/** A space, no `T`, and an offset. */
const dateTime = /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d[+-]\d\d:\d\d$/

const conversionAction = because(
  "INVALID_CONVERSION_ACTION",
  pattern(/^customers\/\d+\/conversionActions\/\d+$/, "conversion action (customers/{id}/conversionActions/{id})")
)
const dateTimeField = because(
  "INVALID_STRING_DATE_TIME_SECONDS_WITH_OFFSET",
  pattern(dateTime, "yyyy-MM-dd HH:mm:ss+|-HH:mm")
)
const source = oneOf("FIRST_PARTY", "THIRD_PARTY", "UNSPECIFIED")
const cart: Check = record(
  {
    merchantId: nonEmpty,
    feedCountryCode: nonEmpty,
    feedLanguageCode: nonEmpty,
    localTransactionCost: number,
    items: listOf(record({ productId: nonEmpty, quantity: number, unitPrice: number }, { extra: "reject" }))
  },
  { extra: "reject" }
)

const oneIdentifier =
  (fields: Check): Check =>
  (value, path, warn) =>
    fields(value, path, warn) ??
    (Object.keys(value as JsonObject).filter((key) => key !== "userIdentifierSource").length === 1
      ? null
      : { path, kind: "count", reason: "INVALID_USER_IDENTIFIER", message: "Exactly one identifier must be set." })

/** Click conversions know email and phone only. */
const conversionIdentifier = oneIdentifier(
  record({ hashedEmail: sha256, hashedPhoneNumber: sha256, userIdentifierSource: source }, { extra: "reject" })
)

const addressInfo = record(
  {
    hashedFirstName: sha256,
    hashedLastName: sha256,
    hashedStreetAddress: sha256,
    city: nonEmpty,
    state: nonEmpty,
    countryCode: pattern(/^[A-Z]{2}$/, "country code"),
    postalCode: nonEmpty
  },
  { extra: "reject" }
)

const adjustmentIdentifier = oneIdentifier(
  record(
    { hashedEmail: sha256, hashedPhoneNumber: sha256, addressInfo, userIdentifierSource: source },
    { extra: "reject" }
  )
)

export const conversion: Check = record(
  {
    gclid: nonEmpty,
    gbraid: nonEmpty,
    wbraid: nonEmpty,
    conversionAction,
    conversionDateTime: dateTimeField,
    conversionValue: number,
    currencyCode: because("INVALID_CURRENCY_CODE", currency),
    orderId: nonEmpty,
    userIdentifiers: because("TOO_MANY_USER_IDENTIFIERS", listOf(conversionIdentifier, { max: 5 })),
    consent: record({ adUserData: oneOf("GRANTED", "DENIED", "UNKNOWN", "UNSPECIFIED") }, { extra: "reject" }),
    cartData: cart,
    customVariables: listOf(record({ conversionCustomVariable: nonEmpty, value: string }, { extra: "reject" })),
    conversionEnvironment: oneOf("APP", "WEB", "UNSPECIFIED"),
    customerType: oneOf("NEW", "RETURNING", "REENGAGED", "UNSPECIFIED")
  },
  { required: ["conversionAction", "conversionDateTime"], extra: "reject" }
)

export const adjustment: Check = record(
  {
    conversionAction,
    adjustmentType: oneOf("ENHANCEMENT", "RESTATEMENT", "RETRACTION"),
    orderId: nonEmpty,
    gclidDateTimePair: record(
      { gclid: nonEmpty, conversionDateTime: dateTimeField },
      { required: ["conversionDateTime"], extra: "reject" }
    ),
    adjustmentDateTime: dateTimeField,
    restatementValue: record(
      { adjustedValue: number, currencyCode: currency },
      { required: ["adjustedValue"], extra: "reject" }
    ),
    userIdentifiers: because("TOO_MANY_USER_IDENTIFIERS", listOf(adjustmentIdentifier, { max: 5 })),
    userAgent: nonEmpty
  },
  { required: ["conversionAction", "adjustmentType"], extra: "reject" }
)

/** Which identifiers go together. */
export const conversionRules = (event: JsonObject): Problem | null => {
  const problem = (path: string, reason: string, message: string): Problem => ({ path, kind: "count", reason, message })
  if (!isAbsent(event, "gbraid") && !isAbsent(event, "wbraid"))
    return problem("gbraid", "GBRAID_WBRAID_BOTH_SET", "The gbraid and wbraid cannot both be set.")
  const clicks = ["gclid", "gbraid", "wbraid"].filter((key) => !isAbsent(event, key)).length
  if (clicks > 1) return problem("gclid", "VALUE_MUST_BE_UNSET", "Only one of gclid, gbraid and wbraid may be set.")
  const users = Array.isArray(event.userIdentifiers) ? event.userIdentifiers.length : 0
  return clicks === 0 && users === 0
    ? problem("", "MISSING_CLICK_ID_OR_USER_IDENTIFIER", "A click id or a user identifier is required.")
    : null
}

export const adjustmentRules = (event: JsonObject): Problem | null => {
  const problem = (path: string, reason: string, message: string): Problem => ({
    path,
    kind: "missing",
    reason,
    message
  })
  if (isAbsent(event, "orderId") && isAbsent(event, "gclidDateTimePair"))
    return problem("orderId", "MISSING_CONVERSION_IDENTIFIER", "An order id or a gclid with its time is required.")
  switch (event.adjustmentType) {
    case "ENHANCEMENT":
      if (isAbsent(event, "orderId"))
        return problem("orderId", "MISSING_ORDER_ID_FOR_WEBPAGE", "An order id is required.")
      return isAbsent(event, "userIdentifiers")
        ? problem("userIdentifiers", "MISSING_USER_IDENTIFIER", "User identifiers are required.")
        : null
    case "RESTATEMENT":
      return isAbsent(event, "restatementValue")
        ? problem("restatementValue", "MISSING_RESTATEMENT_VALUE", "A restatement value is required.")
        : null
    default:
      return isAbsent(event, "restatementValue")
        ? null
        : problem("restatementValue", "RESTATEMENT_VALUE_NOT_ALLOWED", "A retraction has no value.")
  }
}
