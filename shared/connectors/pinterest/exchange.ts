/** Pinterest's Conversions API over HTTP: the request for events, and what the response says of each. */
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
  postJson,
  safeText,
  textOf
} from "../http/json.ts"
import { classification, itemVerdicts, probeOf, rejectedBatch, uniformVerdict, verdictMetaOf } from "../verdicts.ts"
import table from "./classification.json" with { type: "json" }

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

/**
 * 200 and 422 have a status for each event, in the order of the request: in the body, or under the `details` that the schema of
 * 422 names. Any other answer is an error with a code, and nothing was taken. (Pinterest API v5: events/create.)
 */
export const verdict = (response: HttpResponseSpec, events: ReadonlyArray<SendableEvent>): BatchVerdict => {
  const body = bodyObject(response)
  const results = resultsOf(response, body)
  if (results === null) return wholeRequest(response, body, events.length)
  // What is no object keeps its place: each later status belongs to the event in its place.
  const items = listOf(results["events"]).map(objectOf)
  const statuses = items.map((item) => itemVerdict(response, item))
  const meta = verdictMetaOf(response, statuses[0] ?? delivered(response))
  return itemVerdicts(
    {
      ...meta,
      requestId: requestIdOf(response),
      eventsReceived: countOf(results["num_events_received"]),
      warnings: items.flatMap((item) => warningOf(item?.["warning_message"])).slice(0, warningsMax)
    },
    new Map(statuses.entries()),
    events.length
  )
}

/** The missing events are what a probe is refused for. */
export const probeVerdict = (response: HttpResponseSpec): EventVerdict => {
  const body = bodyObject(response)
  return probeOf(resultsOf(response, body) === null ? classifyError(response, body) : delivered(response))
}

export const pinterestClassification = classification(table)

/** The object with the list of statuses; null where the answer has none. */
const resultsOf = (response: HttpResponseSpec, body: JsonObject | null): JsonObject | null => {
  if (response.status !== 200 && response.status !== 422) return null
  return [body, objectOf(body?.["details"])].find((place) => Array.isArray(place?.["events"])) ?? null
}

const itemVerdict = (response: HttpResponseSpec, item: JsonObject | null): EventVerdict => {
  const status = textOf(item?.["status"])
  if (status === "processed") return delivered(response)
  // Another word is not documented: whether the event was taken is not known.
  const flags = status === "failed" ? ["event_failed"] : []
  return pinterestClassification.classify({ status: 422, flags, message: textOf(item?.["error_message"]) })
}

const delivered = ({ status }: HttpResponseSpec): EventVerdict =>
  pinterestClassification.classify({ status, flags: ["event_processed"] })

const wholeRequest = (response: HttpResponseSpec, body: JsonObject | null, eventCount: number): BatchVerdict => {
  const error = classifyError(response, body)
  const meta = { ...verdictMetaOf(response, error), requestId: requestIdOf(response) }
  return error.errorClass === "invalid_event"
    ? rejectedBatch(meta, error, new Map(), eventCount)
    : uniformVerdict(meta, error)
}

const classifyError = (response: HttpResponseSpec, body: JsonObject | null): EventVerdict =>
  pinterestClassification.classify({
    // An error inside 200 is an error.
    status: response.status === 200 && body?.["code"] !== undefined ? 400 : response.status,
    code: textOf(body?.["code"]),
    flags: body?.["code"] === undefined ? [] : ["error"],
    message: textOf(body?.["message"])
  })

const requestIdOf = ({ headers }: HttpResponseSpec): string | null => idOf(headers["x-pinterest-rid"])

const warningOf = (message: Parameters<typeof textOf>[0]): ReadonlyArray<string> => {
  const text = textOf(message)
  return text === null ? [] : [safeText(text)]
}

const warningsMax = 20
