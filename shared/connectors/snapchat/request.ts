import type { SendableEvent } from "../../codec/codecs.ts"
import type { HttpRequestSpec, RequestContext } from "../connector.ts"
import { accountPart, jsonBody, originOf, parseBatchGroup, postJson, secretField } from "../http/request.ts"

/**
 * Snap's `POST /{version}/{asset}/events`; the asset is the pixel, or the Snap app for app events, and a batch group holds
 * events of one asset. Snap documents the token only as a URL parameter, so it goes there, secret until it is
 * sent. (Snap: Conversions API, using the API.)
 */
export const request = (events: ReadonlyArray<SendableEvent>, context: RequestContext): HttpRequestSpec =>
  post("events", events, context)

/** Snap's validation endpoint without events: nothing is stored. */
export const probe = (context: RequestContext): HttpRequestSpec => post("events/validate", [], context)

const post = (path: string, events: ReadonlyArray<SendableEvent>, context: RequestContext): HttpRequestSpec => {
  const { connection, secret } = context
  const group = parseBatchGroup(events[0]?.batch_group ?? "")["asset"]
  const own = accountPart(connection, connection.account["pixel_id"] === undefined ? "app_id" : "pixel_id")
  const asset = group === undefined ? own : encodeURIComponent(group)
  const fields = connection.testEventCode === null ? {} : { test_event_code: connection.testEventCode }
  return postJson(
    `${originOf(connection)}/${connection.endpoint.version}/${asset}/${path}`,
    jsonBody("data", events, fields),
    context,
    { secretHeaders: {}, secretParams: { access_token: secretField(secret, "access_token") } }
  )
}
