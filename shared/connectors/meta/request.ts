import type { SendableEvent } from "../../codec/codecs.ts"
import type { HttpRequestSpec, RequestContext } from "../connector.ts"
import { accountPart, appSecretProof, jsonBody, originOf, postJson } from "../http/request.ts"

/**
 * Meta's `POST /{version}/{dataset}/events`. The token goes in the Authorization header, which Graph takes beside the
 * documented query parameter and which no proxy logs. (Conversions API: using the API; Graph API: secure requests.)
 */
export const request = (events: ReadonlyArray<SendableEvent>, context: RequestContext): HttpRequestSpec => {
  const { connection, secret } = context
  const url = `${originOf(connection)}/${connection.endpoint.version}/${accountPart(connection, "dataset_id")}/events`
  const fields = {
    ...(connection.testEventCode === null ? {} : { test_event_code: connection.testEventCode }),
    ...(connection.partnerName === null ? {} : { partner_agent: connection.partnerName })
  }
  return postJson(url, jsonBody("data", events, fields), context, { secretParams: appSecretProof(secret) })
}

/** A request without events: Meta checks address, token and dataset before it misses the data. */
export const probe = (context: RequestContext): HttpRequestSpec => request([], context)
