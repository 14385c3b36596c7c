import type { SendableEvent } from "../../codec/codecs.ts"
import type { HttpRequestSpec, RequestContext, Secret } from "../connector.ts"
import { bearer, digitsOf, jsonBody, originOf, parseBatchGroup, postJson, secretField } from "../http/request.ts"

/**
 * Google Ads' `customers/{id}:uploadClickConversions`, or `:uploadConversionAdjustments` where the batch group says so,
 * with partial failure: a bad conversion is reported by its index and the others are taken. A connection with a test code
 * only validates. (Google Ads API: upload conversions; upload conversion adjustments.)
 */
export const request = (events: ReadonlyArray<SendableEvent>, context: RequestContext): HttpRequestSpec =>
  upload(events, context.connection.testEventCode !== null, context)

/** A request without conversions that only validates. */
export const probe = (context: RequestContext): HttpRequestSpec => upload([], true, context)

const upload = (
  events: ReadonlyArray<SendableEvent>,
  validateOnly: boolean,
  context: RequestContext
): HttpRequestSpec => {
  const { connection, secret } = context
  const isAdjustment = parseBatchGroup(events[0]?.batch_group ?? "")["operation"] === "adjustments"
  const customer = digitsOf(connection.account["customer_id"] ?? "")
  const method = isAdjustment ? "uploadConversionAdjustments" : "uploadClickConversions"
  const list = isAdjustment ? "conversionAdjustments" : "conversions"
  const manager = connection.account["login_customer_id"]
  return postJson(
    `${originOf(connection)}/${connection.endpoint.version}/customers/${customer}:${method}`,
    jsonBody(list, events, { partialFailure: true, validateOnly }),
    context,
    {
      headers: manager === undefined ? {} : { "login-customer-id": digitsOf(manager) },
      secretHeaders: { authorization: bearer(secret), ...developerToken(secret) }
    }
  )
}

// A later major version of the API refuses the header, so it goes only where the credential holds a token.
const developerToken = (secret: Secret) =>
  secret["developer_token"] === undefined ? {} : { "developer-token": secretField(secret, "developer_token") }
