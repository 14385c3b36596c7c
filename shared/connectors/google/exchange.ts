/** Google's Data Manager API over HTTP: the request for events, and what the response says of each. */
import type { SendableEvent } from "../../codec/codecs.ts"
import type { Connection } from "../../connections/connection.ts"
import type {
  AsyncOutcomeReading,
  BatchVerdict,
  EventVerdict,
  HttpRequestSpec,
  HttpResponseSpec,
  JsonObject,
  RequestContext,
  VerdictMeta
} from "../connector.ts"
import {
  bearer,
  bodyObject,
  countOf,
  digitsOf,
  idOf,
  jsonBody,
  objectOf,
  objectsOf,
  originOf,
  parseBatchGroup,
  postJson,
  retryAfterOf,
  safeText,
  textOf
} from "../http/json.ts"
import { classification, probeOf, rejectedBatch, uniformVerdict, verdictMetaOf } from "../verdicts.ts"
import table from "./classification.json" with { type: "json" }
import { detailOf, type GoogleStatus, googleStatus } from "./status.ts"

/**
 * Data Manager's `POST /v1/events:ingest` with one destination: the operating account and the batch group's conversion
 * action. A connection with a test code only validates. (Google Data Manager API: ingest events.)
 */
export const request = (events: ReadonlyArray<SendableEvent>, context: RequestContext): HttpRequestSpec => {
  const { connection } = context
  const action = parseBatchGroup(events[0]?.batch_group ?? "")["action"] ?? connection.account["conversion_action_id"]
  return ingest(events, action, connection.testEventCode !== null, context)
}

/** A request without events that only validates: Google checks token and destination. */
export const probe = (context: RequestContext): HttpRequestSpec =>
  ingest([], context.connection.account["conversion_action_id"], true, context)

/** Asks what became of an accepted request. (Google Data Manager API: retrieve request status.) */
export const requestStatusRequest = (trackingId: string, context: RequestContext): HttpRequestSpec => ({
  method: "GET",
  url: `${versioned(context.connection)}/requestStatus:retrieve?requestId=${encodeURIComponent(trackingId)}`,
  headers: {},
  secretHeaders: { authorization: bearer(context.secret) },
  secretParams: {},
  body: null
})

const ingest = (
  events: ReadonlyArray<SendableEvent>,
  action: string | undefined,
  validateOnly: boolean,
  context: RequestContext
): HttpRequestSpec => {
  const fields = { destinations: [destinationOf(context.connection, action)], encoding: "HEX", validateOnly }
  return postJson(`${versioned(context.connection)}/events:ingest`, jsonBody("events", events, fields), context)
}

const versioned = (connection: Connection): string => `${originOf(connection)}/${connection.endpoint.version}`

const destinationOf = ({ account }: Connection, action: string | undefined): JsonObject => ({
  reference: action ?? "default",
  operatingAccount: accountOf(account["operating_account_type"], account["operating_account_id"] ?? ""),
  ...(account["login_account_id"] === undefined
    ? {}
    : { loginAccount: accountOf(account["login_account_type"], account["login_account_id"]) }),
  ...(account["linked_account_id"] === undefined
    ? {}
    : { linkedAccount: accountOf(account["linked_account_type"], account["linked_account_id"]) }),
  ...(action === undefined ? {} : { productDestinationId: action })
})

const accountOf = (type: string | undefined, id: string): JsonObject => ({
  accountType: type ?? "GOOGLE_ADS",
  accountId: digitsOf(id)
})

/**
 * A 200 means accepted for processing, not success. A 400 took nothing; its field violations name the bad events by
 * index, so the others can be sent again without them. What was validated only is done with a 200: it may come without an id,
 * and has no later outcome. (Google Data Manager API: understand errors; ingest events, validate_only.)
 */
export const verdict = (
  response: HttpResponseSpec,
  events: ReadonlyArray<SendableEvent>,
  isTest = false
): BatchVerdict => {
  const body = bodyObject(response)
  const error = googleStatus(response)
  if (error !== null) return failed(response, error, events.length)
  const requestId = idOf(body?.["requestId"])
  const judged = classifyAnswer(response, isTest && body !== null ? (requestId ?? "validated") : requestId)
  const isAccepted = judged.errorClass === "accepted"
  return uniformVerdict(
    {
      ...verdictMetaOf(response, judged),
      requestId,
      eventsReceived: isAccepted ? events.length : null,
      warnings: warningsOf(body),
      trackingId: isAccepted && !isTest ? requestId : null
    },
    isAccepted && isTest ? validated : judged
  )
}

const validated: EventVerdict = {
  errorClass: "delivered",
  reasonCode: null,
  message: "Google has validated the events and records nothing."
}

export const probeVerdict = (response: HttpResponseSpec): EventVerdict => {
  const error = googleStatus(response)
  // A request that only validates may get an answer without an id; something that is no answer of Google's does not count.
  const body = bodyObject(response)
  if (error === null)
    return probeOf(classifyAnswer(response, body === null ? null : (idOf(body["requestId"]) ?? "validated")))
  // The missing events are what a probe is refused for; a violation elsewhere is a real one.
  const violations = violationsOf(error).filter(({ field }) => !/^events\b/.test(field))
  return probeOf(worstOf(response, error, violations))
}

export const googleClassification = classification(table)

/** The verdict of a Google error as a whole, for questions that are not about single events. */
const classifyStatus = (response: HttpResponseSpec, error: GoogleStatus): EventVerdict =>
  worstOf(response, error, violationsOf(error))

const classifyAnswer = (response: HttpResponseSpec, requestId: string | null): EventVerdict =>
  googleClassification.classify({ status: response.status, flags: requestId === null ? [] : ["request_id"] })

const failed = (response: HttpResponseSpec, error: GoogleStatus, eventCount: number): BatchVerdict => {
  const violations = violationsOf(error)
  const general = violations.filter(({ index }) => index === null)
  const invalidEvents = new Map<number, EventVerdict>()
  for (const violation of violations) {
    if (violation.index === null || invalidEvents.has(violation.index)) continue
    const judged = classifyViolation(response, error, violation)
    // What is wrong with the account or the credential is no event's fault, wherever Google reports it.
    if (judged.errorClass === "invalid_event") invalidEvents.set(violation.index, judged)
    else general.push(violation)
  }
  const whole =
    general.length > 0 ? worstOf(response, error, general) : classifyViolation(response, error, violations[0])
  const head = { ...verdictMetaOf(response, whole), requestId: error.requestId, ...retryOf(response, error, whole) }
  return whole.errorClass === "invalid_event"
    ? rejectedBatch(head, whole, invalidEvents, eventCount)
    : uniformVerdict(head, whole)
}

const retryOf = (
  response: HttpResponseSpec,
  error: GoogleStatus,
  judged: EventVerdict
): Pick<VerdictMeta, "retryAfter" | "warnings"> => ({
  retryAfter: error.retryDelay ?? verdictMetaOf(response, judged).retryAfter,
  warnings: error.quotaLimit === null ? [] : [safeText(`Quota ${error.quotaLimit} is used up.`)]
})

interface Violation {
  readonly field: string
  /** The event's index; null where the field is not an event's. */
  readonly index: number | null
  readonly reason: string | null
  readonly description: string | null
}

const violationsOf = (error: GoogleStatus): ReadonlyArray<Violation> =>
  objectsOf(detailOf(error.details, "BadRequest")?.["fieldViolations"]).map((violation) => {
    const field = textOf(violation["field"]) ?? ""
    // The documentation shows `events.events[0].user_data`, live answers `events[3].event_timestamp`.
    const index = /(?:^|\.)events\[(\d{1,6})\]/.exec(field)?.[1]
    return {
      field,
      index: index === undefined ? null : Number(index),
      reason: textOf(violation["reason"]),
      description: textOf(violation["description"])
    }
  })

const classifyViolation = (
  response: HttpResponseSpec,
  error: GoogleStatus,
  violation: Violation | undefined
): EventVerdict =>
  googleClassification.classify({
    status: response.status,
    code: error.status,
    subcode: violation?.reason ?? subcodeOf(error),
    path: violation?.field ?? null,
    message:
      violation === undefined ? error.message : `${violation.field}: ${violation.description ?? error.message ?? ""}`
  })

// ErrorInfo repeats the status as its reason where it has nothing more precise.
const subcodeOf = ({ status, reason }: GoogleStatus): string | null => (reason === status ? null : reason)

const worstOf = (
  response: HttpResponseSpec,
  error: GoogleStatus,
  violations: ReadonlyArray<Violation>
): EventVerdict => {
  const judged = violations.map((violation) => classifyViolation(response, error, violation))
  return (
    judged.find(({ errorClass }) => errorClass !== "invalid_event") ??
    judged[0] ??
    classifyViolation(response, error, undefined)
  )
}

const warningsOf = (body: JsonObject | null): ReadonlyArray<string> =>
  objectsOf(body?.["fieldWarnings"])
    .slice(0, warningsMax)
    .map((warning) =>
      safeText(
        [warning["reason"], warning["field"], warning["description"]].map((part) => textOf(part) ?? "").join(" ")
      )
    )

const warningsMax = 20

/**
 * Reads `requestStatus:retrieve`: counts for each destination, of which our requests have one; never single events.
 * (Google Data Manager API: retrieve request status; RequestStatusPerDestination.)
 */
export const readRequestStatus = (response: HttpResponseSpec): AsyncOutcomeReading => {
  const error = googleStatus(response)
  if (error !== null) {
    const verdict = classifyStatus(response, error)
    return { _tag: "Unreadable", verdict, retryAfter: error.retryDelay ?? retryAfterOf(response) }
  }
  const destinations = objectsOf(bodyObject(response)?.["requestStatusPerDestination"])
  const statuses = destinations.map((destination) => textOf(destination["requestStatus"]) ?? "")
  if (response.status !== 200 || statuses.length === 0) {
    const verdict = googleClassification.classify({ status: response.status })
    return { _tag: "Unreadable", verdict, retryAfter: retryAfterOf(response) }
  }
  if (!statuses.every((status) => finalStatuses.has(status)))
    return { _tag: "Pending", retryAfter: retryAfterOf(response) }
  return finalOf(destinations)
}

const finalStatuses = new Set(["SUCCESS", "FAILED", "PARTIAL_SUCCESS"])

const finalOf = (destinations: ReadonlyArray<JsonObject>): AsyncOutcomeReading => {
  const rejected = destinations.flatMap(rejectedOf)
  const sent = destinations.map((destination) =>
    countOf(objectOf(destination["eventsIngestionStatus"])?.["recordCount"])
  )
  const known = sent.filter((count) => count !== null)
  const refusedCount = rejected.reduce((sum, { count }) => sum + count, 0)
  // recordCount counts what was sent, whether it was taken or not.
  const processed =
    known.length < sent.length ? null : Math.max(0, known.reduce((sum, count) => sum + count, 0) - refusedCount)
  return { _tag: "Final", processed, rejected, warnings: destinations.flatMap(statusWarningsOf) }
}

const rejectedOf = (
  destination: JsonObject
): ReadonlyArray<{ readonly verdict: EventVerdict; readonly count: number }> => {
  const status = textOf(destination["requestStatus"])
  if (status === "SUCCESS") return []
  const counts = objectsOf(objectOf(destination["errorInfo"])?.["errorCounts"]).map((entry) => ({
    verdict: verdictOfReason(textOf(entry["reason"])),
    count: countOf(entry["recordCount"]) ?? 0
  }))
  if (counts.some(({ count }) => count > 0)) return counts.filter(({ count }) => count > 0)
  // "May not be populated in all cases": then a failed request failed whole, and a partial one in at least one event.
  const sent = countOf(objectOf(destination["eventsIngestionStatus"])?.["recordCount"]) ?? 1
  return [{ verdict: verdictOfReason("PROCESSING_ERROR_REASON_UNSPECIFIED"), count: status === "FAILED" ? sent : 1 }]
}

const verdictOfReason = (reason: string | null): EventVerdict =>
  googleClassification.classify({ status: 400, code: reason ?? "PROCESSING_ERROR_REASON_UNSPECIFIED" })

const statusWarningsOf = (destination: JsonObject): ReadonlyArray<string> =>
  objectsOf(objectOf(destination["warningInfo"])?.["warningCounts"]).map(
    (entry) => `${textOf(entry["reason"]) ?? "UNKNOWN"}: ${countOf(entry["recordCount"]) ?? 0} events.`
  )
