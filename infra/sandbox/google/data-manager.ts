/** Google's Data Manager API: `POST /v1/events:ingest`, `GET /v1/requestStatus:retrieve`. One bad event refuses the request, by its index. */

import {
  type Answer,
  type Assets,
  isObject,
  type Json,
  type JsonObject,
  json,
  type PlatformServer,
  parseJson,
  type SandboxRequest,
  type Situation
} from "../platform.ts"
import type { Deps } from "../platform-sandbox.ts"
import { makeRate } from "../rate.ts"
import { eventViolation, requestViolation } from "./event-fields.ts"
import {
  badFields,
  exhausted,
  type FieldViolation,
  type GoogleError,
  googleError,
  googleFailure,
  googleRequestId,
  missingScope,
  noPermission,
  notFound,
  unauthenticated
} from "./google-error.ts"
import { type Ingested, makeStatuses } from "./statuses.ts"
import type { GoogleTokens } from "./tokens.ts"

const minute = 60_000
const day = 24 * 60 * minute
/** No future bound is documented; a clock may be a little ahead. */
const futureMillisMax = 10 * minute

export interface DataManagerOptions {
  readonly assets: Assets
  readonly eventsMax: number
  readonly requestsPerMinute: number | null
  readonly requestsPerDay: number | null
  readonly ageDaysMax: number
  /** How long a request stays PROCESSING. */
  readonly processingMillis: number
  /** A repeated transaction id: an asynchronous error, or a supplement of the first. */
  readonly duplicates: "error" | "update"
}

export const makeDataManager = (
  options: DataManagerOptions,
  { store, random }: Deps,
  tokens: GoogleTokens
): PlatformServer => {
  const statuses = makeStatuses(options.processingMillis)
  const rate = (limit: number | null, windowMillis: number) => makeRate(limit === null ? null : { limit, windowMillis })
  // Reads and writes are counted apart.
  const quotas = {
    write: [rate(options.requestsPerMinute, minute), rate(options.requestsPerDay, day)],
    read: [rate(options.requestsPerMinute, minute), rate(options.requestsPerDay, day)]
  }

  const refuse = (error: GoogleError, reason: string, events = 0): Answer => {
    store.reject("google", reason, events)
    return googleError(error, random)
  }

  const answer = (request: SandboxRequest, situation: Situation): Answer => {
    const refusal = tokens.refusal(request, situation, "datamanager")
    if (refusal === "unauthenticated") return refuse(unauthenticated, "token")
    if (refusal === "scope") return refuse(missingScope, "scope")
    const read = request.method === "GET" && request.path === "/v1/requestStatus:retrieve"
    const write = request.method === "POST" && request.path === "/v1/events:ingest"
    if (!read && !write) return refuse(notFound, "unknown_path")
    const [perMinute, perDay] = read ? quotas.read : quotas.write
    if (!perMinute!.take(request.now)) return refuse(exhausted("IngestRequestsPerMinutePerProject"), "throttled")
    if (!perDay!.take(request.now)) return refuse(exhausted("IngestRequestsPerDayPerProject"), "throttled")
    return read ? retrieve(request) : ingest(request, situation)
  }

  const retrieve = (request: SandboxRequest): Answer => {
    const found = statuses.retrieve(request.query.get("requestId") ?? "", request.now)
    if (found !== null) return json(200, found)
    const field = { field: "request_id", description: "The request ID is not valid.", reason: "INVALID_REQUEST_ID" }
    return refuse(badFields([field]), "INVALID_REQUEST_ID")
  }

  const ingest = (request: SandboxRequest, situation: Situation): Answer => {
    const body = parseJson(request.body)
    if (!isObject(body)) return refuse({ ...badFields([]), message: "Invalid JSON payload received." }, "no_json")
    const events = Array.isArray(body.events) ? (body.events as ReadonlyArray<Json>) : []
    const wrong = requestViolation(body) ?? eventsViolation(body, events)
    if (wrong !== null) return refuse(badFields([wrong]), wrong.reason ?? "unknown_name", events.length)
    const destinations = body.destinations as ReadonlyArray<JsonObject>
    if (!destinations.every((destination) => isKnown(accountId(destination))))
      return refuse(noPermission, "PERMISSION_DENIED", events.length)
    const violations = events.flatMap((event, index) => violationOf(event, index, body, request.now, situation) ?? [])
    if (violations.length > 0)
      return refuse(badFields(violations), violations[0]!.reason ?? "unknown_name", events.length)
    const requestId = googleRequestId(random)
    if (body.validateOnly !== true) accept(requestId, body, request.now, situation)
    return json(200, { requestId })
  }

  const isKnown = (account: string) => options.assets === null || options.assets.includes(account)

  const eventsViolation = (body: JsonObject, events: ReadonlyArray<Json>): FieldViolation | null => {
    if (events.length === 0)
      return { field: "events", description: "Required field is missing.", reason: "REQUIRED_FIELD_MISSING" }
    if (events.length > options.eventsMax)
      return {
        field: "events",
        description: `Maximum number of events allowed per request is ${options.eventsMax}.`,
        reason: "TOO_MANY_EVENTS"
      }
    const encoded = body.encoding === "HEX" || body.encoding === "BASE64"
    if (!encoded && events.some((event) => isObject(event) && event.userData !== undefined))
      return { field: "encoding", description: "Required field is missing.", reason: "REQUIRED_FIELD_MISSING" }
    const references = (body.destinations as ReadonlyArray<JsonObject>).map((destination) => destination.reference)
    const named = references.filter((reference) => reference !== undefined)
    return new Set(named).size === named.length
      ? null
      : {
          field: "destinations",
          description: "Two or more destinations in the request have the same reference.",
          reason: "DUPLICATE_DESTINATION_REFERENCE"
        }
  }

  const violationOf = (
    event: Json,
    index: number,
    body: JsonObject,
    now: number,
    situation: Situation
  ): FieldViolation | null => {
    const field = `events.events[${index}]`
    if (!isObject(event)) return { field, description: "This event is not valid.", reason: "INVALID_EVENT" }
    const wrong = eventViolation(event, index, String(body.encoding))
    if (wrong !== null) return wrong
    const at = Date.parse(String(event.eventTimestamp))
    if (Number.isNaN(at) || at > now + futureMillisMax || now - at > options.ageDaysMax * day)
      return {
        field: `${field}.event_timestamp`,
        description: "The event time is not valid.",
        reason: "EVENT_TIME_INVALID"
      }
    const unknown = referencesOf(event).find((reference) =>
      destinationsOf(event, body).every((one) => one.reference !== reference)
    )
    if (unknown !== undefined)
      return {
        field: `${field}.destination_references`,
        description: "This Destination is not valid.",
        reason: "INVALID_DESTINATION"
      }
    const poison = situation.poisoned(transactionId(event), event)
    return poison === null ? null : { field, description: poison, reason: "INVALID_EVENT" }
  }

  const accept = (requestId: string, body: JsonObject, now: number, situation: Situation) => {
    const counts = new Map<JsonObject, { records: number; errors: Record<string, number> }>()
    for (const event of body.events as ReadonlyArray<JsonObject>)
      for (const destination of destinationsOf(event, body)) {
        const count = counts.get(destination) ?? { records: 0, errors: {} }
        counts.set(destination, count)
        count.records++
        const error = take(event, destination, body, now, situation)
        if (error !== null) count.errors[error] = (count.errors[error] ?? 0) + 1
      }
    const ingested: ReadonlyArray<Ingested> = [...counts].map(([destination, count]) => ({ destination, ...count }))
    statuses.accept(requestId, now, ingested)
  }

  /** Takes an event for a destination; the reason where processing will find it bad. */
  const take = (
    event: JsonObject,
    destination: JsonObject,
    body: JsonObject,
    now: number,
    situation: Situation
  ): string | null => {
    const id = transactionId(event)
    const action = String(destination.productDestinationId)
    const gclid = isObject(event.adIdentifiers) ? event.adIdentifiers.gclid : undefined
    const key = id ?? (gclid === undefined ? null : `${gclid}\t${event.eventTimestamp}`)
    const duplicate = store.receive("google", {
      asset: accountId(destination),
      event_name: action,
      event_id: id,
      received_at: now,
      key: key === null ? null : `${accountId(destination)}\t${action}\t${key}`,
      body: event
    })
    const consent = isObject(event.consent) ? event.consent : isObject(body.consent) ? body.consent : {}
    if (consent.adUserData === "CONSENT_DENIED") return "PROCESSING_ERROR_REASON_DENIED_CONSENT"
    const later = situation.failsLater(id, event)
    if (later !== null) return later.startsWith("PROCESSING_ERROR") ? later : "PROCESSING_ERROR_REASON_INVALID_EVENT"
    if (!duplicate || options.duplicates === "update") return null
    return id === null ? "PROCESSING_ERROR_REASON_DUPLICATE_GCLID" : "PROCESSING_ERROR_REASON_DUPLICATE_TRANSACTION_ID"
  }

  return {
    platform: "google",
    eventKey: '"transactionId":',
    answer,
    fail: (failure) => {
      const answered = googleError(googleFailure(failure), random)
      return failure._tag === "Throttled" && failure.retryAfterSeconds !== null
        ? { ...answered, headers: { ...answered.headers, "retry-after": String(failure.retryAfterSeconds) } }
        : answered
    },
    uncheckedAnswer: (events, now) => {
      const requestId = googleRequestId(random)
      statuses.accept(requestId, now, [{ destination: {}, records: events, errors: {} }])
      return json(200, { requestId })
    },
    reset: () => {
      statuses.reset()
      for (const quota of [...quotas.write, ...quotas.read]) quota.reset()
    }
  }
}

const accountId = (destination: JsonObject): string =>
  isObject(destination.operatingAccount) ? String(destination.operatingAccount.accountId) : ""

const transactionId = (event: JsonObject): string | null =>
  typeof event.transactionId === "string" ? event.transactionId : null

const referencesOf = (event: JsonObject): ReadonlyArray<Json> =>
  Array.isArray(event.destinationReferences) ? event.destinationReferences : []

/** Without references an event goes to every destination. */
const destinationsOf = (event: JsonObject, body: JsonObject): ReadonlyArray<JsonObject> => {
  const all = body.destinations as ReadonlyArray<JsonObject>
  const references = referencesOf(event)
  return references.length === 0 ? all : all.filter((one) => references.includes(one.reference ?? ""))
}
