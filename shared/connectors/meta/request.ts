import { createHmac } from "node:crypto"
import * as Redacted from "effect/Redacted"
import type { SendableEvent } from "../../codec/codecs.ts"
import type { HttpRequestSpec, RequestContext, Secret } from "../connector.ts"
import { accountPart, jsonBody, originOf, postJson } from "../http/request.ts"

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

/** The Graph API's proof that the sender knows the app's secret: HMAC-SHA256 of the token, in hex. Optional. */
export const appSecretProof = (secret: Secret): HttpRequestSpec["secretParams"] => {
  const { access_token, app_secret } = secret
  if (access_token === undefined || app_secret === undefined) return {}
  const proof = createHmac("sha256", Redacted.value(app_secret)).update(Redacted.value(access_token)).digest("hex")
  return { appsecret_proof: Redacted.make(proof) }
}
