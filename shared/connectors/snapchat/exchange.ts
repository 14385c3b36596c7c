/** Snap's Conversions API over HTTP: the request for events, and what the response says of each. */
import type { SendableEvent } from "../../codec/codecs.ts"
import type {
  BatchVerdict,
  EventVerdict,
  HttpRequestSpec,
  HttpResponseSpec,
  JsonObject,
  RequestContext
} from "../connector.ts"
import {
  accountPart,
  bodyObject,
  countOf,
  idOf,
  jsonBody,
  listOf,
  objectOf,
  originOf,
  parseBatchGroup,
  postJson,
  safeText,
  secretField,
  textOf,
  textReadMax
} from "../http/json.ts"
import { classification, probeOf, rejectedBatch, type Signal, uniformVerdict, verdictMetaOf } from "../verdicts.ts"
import table from "./classification.json" with { type: "json" }

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

/**
 * `{"status":"VALID"}`, or `{"status":"INVALID","event":<index>,…}`, also with a 2xx. Whether the other events were taken
 * is not documented: they are sent again, and Snap drops repeats by event_id. (Snap: business SDK, OpenAPI description.)
 */
export const verdict = (response: HttpResponseSpec, events: ReadonlyArray<SendableEvent>): BatchVerdict => {
  const body = bodyObject(response)
  const signal = signalOf(response, body)
  const judged = snapchatClassification.classify(signal)
  const head = {
    ...verdictMetaOf(response, judged),
    requestId: idOf(body?.["request_id"]) ?? idOf(response.headers["x-request-id"]),
    eventsReceived: judged.errorClass === "delivered" ? events.length : null,
    warnings: listOf(body?.["warnings"]).flatMap((warning) => safeText(textOf(warning) ?? JSON.stringify(warning)))
  }
  if (judged.errorClass !== "invalid_event") return uniformVerdict(head, judged)
  const index = countOf(body?.["event"])
  return rejectedBatch(head, judged, index === null ? new Map() : new Map([[index, judged]]), events.length)
}

/** The missing events are what a probe is refused for. */
export const probeVerdict = (response: HttpResponseSpec): EventVerdict =>
  probeOf(snapchatClassification.classify(signalOf(response, bodyObject(response))))

export const snapchatClassification = classification(table)

const signalOf = (response: HttpResponseSpec, body: JsonObject | null): Signal => {
  if (body === null) return { status: response.status }
  const errors = objectOf(body["errors"])
  const status = textOf(body["status"])?.toUpperCase() ?? textOf(body["request_status"])?.toUpperCase()
  const hasReason = body["reason"] !== undefined || errors !== null
  const message = messageOf(body, errors)
  return {
    status: response.status,
    flags: [
      "json",
      ...(aboutToken.test((message ?? "").slice(0, textReadMax)) ? ["token"] : []),
      ...(status === undefined ? (hasReason ? ["reason"] : []) : [status])
    ],
    code: textOf(listOf(errors?.["codes"])[0]) ?? textOf(body["error_code"]),
    message
  }
}

// With which status Snap refuses a token is not documented: taken for an event's fault, it would cost every event.
const aboutToken = /\baccess[ _-]?token\b|\b(?:invalid|expired|revoked) token\b|\bunauthori[sz]ed\b/i

const messageOf = (body: JsonObject, errors: JsonObject | null): string | null => {
  const texts = [textOf(body["reason"]) ?? textOf(body["debug_message"]), ...listOf(errors?.["error_msgs"]).map(textOf)]
  const known = texts.filter((text) => text !== null)
  return known.length === 0 ? null : known.join(" ")
}
