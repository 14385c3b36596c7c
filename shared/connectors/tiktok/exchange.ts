/** TikTok's Events API over HTTP: the request for events, and what the response says of each. */
import type { SendableEvent } from "../../codec/codecs.ts"
import type { Connection } from "../../connections/connection.ts"
import type {
  BatchVerdict,
  EventVerdict,
  HttpRequestSpec,
  HttpResponseSpec,
  JsonObject,
  RequestContext
} from "../connector.ts"
import {
  bodyObject,
  idOf,
  jsonBody,
  originOf,
  parseBatchGroup,
  postJson,
  safeText,
  secretField,
  textOf
} from "../http/json.ts"
import { classification, probeOf, rejectedBatch, type Signal, uniformVerdict, verdictMetaOf } from "../verdicts.ts"
import table from "./classification.json" with { type: "json" }
import { accountKeys, type EventSource } from "./mapping.ts"

/**
 * TikTok's `POST /open_api/{version}/event/track/`, whose slash at the end belongs to the path. The event source and its
 * id stand in the envelope, so a batch group holds events of one source. (TikTok Events API 2.0: report events.)
 */
export const request = (events: ReadonlyArray<SendableEvent>, context: RequestContext): HttpRequestSpec => {
  const { connection, secret } = context
  const group = parseBatchGroup(events[0]?.batch_group ?? "")
  const source = sourceOf(group["event_source"], connection)
  const fields = {
    event_source: source,
    event_source_id: group["event_source_id"] ?? connection.account[accountKeys[source]] ?? "",
    ...(connection.testEventCode === null ? {} : { test_event_code: connection.testEventCode }),
    ...(connection.partnerName === null ? {} : { partner_name: connection.partnerName })
  }
  return postJson(
    `${originOf(connection)}/open_api/${connection.endpoint.version}/event/track/`,
    jsonBody("data", events, fields),
    context,
    { secretHeaders: { "access-token": secretField(secret, "access_token") } }
  )
}

/** A request without events: TikTok checks the token first, then misses the data. */
export const probe = (context: RequestContext): HttpRequestSpec => request([], context)

// A request without events (a probe) uses the first source that the connection has an id for.
const sourceOf = (group: string | undefined, { account }: Connection): EventSource =>
  sources.find((source) => source === group) ??
  sources.find((source) => account[accountKeys[source]] !== undefined) ??
  "web"

const sources: ReadonlyArray<EventSource> = ["web", "app", "offline", "crm"]

/**
 * TikTok answers 200 even for failures; `code` in the body decides. A message such as `Batch.3.properties.value: Not a
 * valid number` names the bad events; nothing of the batch was taken. (TikTok Events API 2.0; return codes.)
 */
export const verdict = (response: HttpResponseSpec, events: ReadonlyArray<SendableEvent>): BatchVerdict => {
  const body = bodyObject(response)
  const signal = signalOf(response, body)
  const judged = tiktokClassification.classify(signal)
  const head = {
    ...verdictMetaOf(response, judged),
    requestId: idOf(body?.["request_id"]),
    eventsReceived: signal.code === "0" && judged.errorClass === "delivered" ? events.length : null,
    warnings: isPartial(signal) ? [safeText(`20001: ${signal.message ?? "partly taken"}`)] : []
  }
  if (judged.errorClass !== "invalid_event") return uniformVerdict(head, judged)
  return rejectedBatch(head, judged, invalidEventsOf(signal), events.length)
}

/** The missing data is what a probe is refused for. */
export const probeVerdict = (response: HttpResponseSpec): EventVerdict => {
  const signal = signalOf(response, bodyObject(response))
  const isAboutData = signal.code === "40061" || signal.path === "data"
  return probeOf(tiktokClassification.classify(isAboutData ? { ...signal, code: "40002", path: null } : signal))
}

export const tiktokClassification = classification(table)

const signalOf = (response: HttpResponseSpec, body: JsonObject | null): Signal => {
  const message = textOf(body?.["message"])
  return { status: response.status, code: textOf(body?.["code"]), message, path: pathOf(message) }
}

const isPartial = ({ code }: Signal): boolean => code === "20001"

// The field that a message names: `event_source_id: Missing data for required field.`, `Invalid value for event_source_id: not a
// valid string.`
const pathOf = (message: string | null): string | null => {
  const [, first, later] = fieldName.exec(message ?? "") ?? []
  return first ?? later ?? null
}

const fieldName = /^(?:([A-Za-z_]+)(?:\.[\w.]*)?\s*:|Invalid value for ([A-Za-z_]+)(?!\w|\.\w))/

const invalidEventsOf = (signal: Signal): ReadonlyMap<number, EventVerdict> => {
  const invalidEvents = new Map<number, EventVerdict>()
  for (const [part, index] of (signal.message ?? "")
    .slice(0, messageMax)
    .matchAll(/\bBatch\.(\d{1,6})\b(?:(?!\bBatch\.\d)[^,;])*/g)) {
    const number = Number(index)
    if (!invalidEvents.has(number))
      invalidEvents.set(number, tiktokClassification.classify({ ...signal, message: part }))
  }
  return invalidEvents
}

// A message that names each of 1,000 events by a field fits.
const messageMax = 500_000
