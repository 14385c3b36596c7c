import type { SendableEvent } from "../../codec/codecs.ts"
import type { HttpRequestSpec, RequestContext } from "../connector.ts"
import { accountPart, jsonBody, originOf, postJson } from "../http/request.ts"

/**
 * Pinterest's `POST /{version}/ad_accounts/{ad account}/events`, with the conversion token as a bearer token. A connection with
 * a test code sends `?test=true`: the same answer, and nothing is recorded. (Pinterest API v5: events/create.)
 */
export const request = (events: ReadonlyArray<SendableEvent>, context: RequestContext): HttpRequestSpec =>
  post(events, context, context.connection.testEventCode !== null)

/** A test request without events: Pinterest checks token and ad account before it misses the data. */
export const probe = (context: RequestContext): HttpRequestSpec => post([], context, true)

const post = (events: ReadonlyArray<SendableEvent>, context: RequestContext, isTest: boolean): HttpRequestSpec => {
  const { connection } = context
  const account = accountPart(connection, "ad_account_id")
  const url = `${originOf(connection)}/${connection.endpoint.version}/ad_accounts/${account}/events`
  return postJson(isTest ? `${url}?test=true` : url, jsonBody("data", events, {}), context)
}
