/** The Google Ads API over HTTP: the request for events, and what the response says of each. */
import type { SendableEvent } from "../../codec/codecs.ts"
import type {
  BatchVerdict,
  ErrorClass,
  EventVerdict,
  HttpRequestSpec,
  HttpResponseSpec,
  JsonObject,
  RequestContext,
  Secret
} from "../connector.ts"
import { delayOf, type GoogleStatus, googleStatus, readStatus } from "../google/status.ts"
import {
  bearer,
  bodyObject,
  countOf,
  digitsOf,
  idOf,
  jsonBody,
  listOf,
  objectOf,
  objectsOf,
  originOf,
  parseBatchGroup,
  postJson,
  secretField,
  textOf
} from "../http/json.ts"
import { classification, itemVerdicts, probeOf, rejectedBatch, uniformVerdict, verdictMetaOf } from "../verdicts.ts"
import table from "./classification.json" with { type: "json" }

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

/**
 * A 200 takes each conversion for itself: `partialFailureError` names the failed ones by index, the rest are taken. Any
 * other status took nothing. What was validated only has errors and no `results`. (Google Ads API: partial failure;
 * ConversionUploadError; UploadClickConversionsResponse.)
 */
export const verdict = (
  response: HttpResponseSpec,
  events: ReadonlyArray<SendableEvent>,
  isTest = false
): BatchVerdict => {
  const error = googleStatus(response)
  if (error !== null) return failed(response, error, events.length)
  const body = bodyObject(response)
  const partial = objectOf(body?.["partialFailureError"])
  const judged = classifyAnswer(response, isTest ? withResults(body) : body)
  if (partial !== null && response.status < 300)
    return partlyTaken(response, readStatus(partial), isTest ? null : listOf(body?.["results"]), events.length)
  const received = judged.errorClass === "delivered" ? events.length : null
  return uniformVerdict(
    { ...verdictMetaOf(response, judged), eventsReceived: received, requestId: requestIdOf(response, null) },
    judged
  )
}

export const probeVerdict = (response: HttpResponseSpec): EventVerdict => {
  const error = googleStatus(response)
  const body = bodyObject(response)
  return probeOf(
    error === null
      ? classifyAnswer(response, response.status === 200 ? withResults(body) : body)
      : (worstOf(errorsOf(error).map((each) => classifyError(response, error, each))) ??
          classifyStatus(response, error))
  )
}

export const googleAdsClassification = classification(table)

const classifyAnswer = (response: HttpResponseSpec, body: JsonObject | null): EventVerdict =>
  googleAdsClassification.classify({
    status: response.status,
    flags: Array.isArray(body?.["results"]) ? ["results"] : []
  })

/** An answer to what was only validated, as if it had results. */
const withResults = (body: JsonObject | null): JsonObject | null => (body === null ? null : { ...body, results: [] })

/** @param results null where the conversions were validated only */
const partlyTaken = (
  response: HttpResponseSpec,
  error: GoogleStatus,
  results: ReadonlyArray<unknown> | null,
  eventCount: number
): BatchVerdict => {
  const errors = errorsOf(error)
  const taken = classifyAnswer(response, { results: [] })
  const general = worstOf(
    errors.filter(({ index }) => index === null).map((each) => classifyError(response, error, each))
  )
  const byIndex = Map.groupBy(errors, ({ index }) => index)
  const statusOf = (index: number): EventVerdict => {
    const named = worstOf((byIndex.get(index) ?? []).map((each) => classifyError(response, error, each)))
    if (named !== null) return named
    if (results === null ? errors.length > 0 && general === null : !isFailedRow(results, index)) return taken
    // The row failed, yet no error names it: blamed on the errors without an index, else not understood.
    return general ?? { ...classifyStatus(response, error), errorClass: "unknown" }
  }
  const items = new Map(Array.from({ length: eventCount }, (_, index) => [index, statusOf(index)]))
  const received = [...items.values()].filter(
    ({ errorClass }) => errorClass === "delivered" || errorClass === "duplicate"
  ).length
  const head = { ...verdictMetaOf(response, taken), requestId: requestIdOf(response, error), eventsReceived: received }
  return itemVerdicts({ ...head, retryAfter: head.retryAfter ?? quotaDelay(error) }, items, eventCount)
}

// `results` has an empty object for each failed row.
const isFailedRow = (results: ReadonlyArray<unknown>, index: number): boolean => {
  const row = results[index]
  return row === undefined || (typeof row === "object" && (row === null || Object.keys(row).length === 0))
}

const failed = (response: HttpResponseSpec, error: GoogleStatus, eventCount: number): BatchVerdict => {
  const errors = errorsOf(error).map((each) => ({ ...each, judged: classifyError(response, error, each) }))
  const invalidEvents = new Map<number, EventVerdict>()
  for (const { index, judged } of errors)
    if (index !== null && judged.errorClass === "invalid_event") invalidEvents.set(index, judged)
  const whole = worstOf(errors.map(({ judged }) => judged)) ?? classifyStatus(response, error)
  const base = verdictMetaOf(response, whole)
  const head = {
    ...base,
    requestId: requestIdOf(response, error),
    retryAfter: error.retryDelay ?? quotaDelay(error) ?? base.retryAfter
  }
  return whole.errorClass === "invalid_event"
    ? rejectedBatch(head, whole, invalidEvents, eventCount)
    : uniformVerdict(head, whole)
}

interface AdsError {
  /** `conversionUploadError.EXPIRED_EVENT` */
  readonly code: string | null
  readonly message: string | null
  /** The conversion's index; null where the error is not one conversion's. */
  readonly index: number | null
}

const errorsOf = (error: GoogleStatus): ReadonlyArray<AdsError> =>
  failuresOf(error).map((failure) => {
    const [family, name] = Object.entries(objectOf(failure["errorCode"]) ?? {})[0] ?? []
    const path = objectsOf(objectOf(failure["location"])?.["fieldPathElements"])
    const element = path.find(({ fieldName }) => rowFields.has(fieldName)) ?? path.slice(0, 1).find(hasIndex)
    return {
      code: family === undefined ? null : `${family}.${textOf(name) ?? "UNKNOWN"}`,
      message: textOf(failure["message"]),
      // Protobuf's JSON leaves a zero out.
      index: element === undefined ? null : element["index"] === undefined ? 0 : countOf(element["index"])
    }
  })

// A list at the beginning of the path is the request's only one, whatever a later version calls it.
const hasIndex = (element: JsonObject): boolean => element["index"] !== undefined

const rowFields: ReadonlySet<unknown> = new Set(["conversions", "conversion_adjustments", "conversionAdjustments"])

const failuresOf = (error: GoogleStatus): ReadonlyArray<JsonObject> =>
  error.details.flatMap((detail) => objectsOf(detail["errors"]))

/** By the error's own family and name; by the gRPC status around it where the table does not list them. */
const classifyError = (response: HttpResponseSpec, around: GoogleStatus, { code, message }: AdsError): EventVerdict => {
  const signal = { status: statusOf(response), code, message }
  if (googleAdsClassification.rowOf(signal).match.code !== undefined) return googleAdsClassification.classify(signal)
  const fallback = classifyStatus(response, { ...around, message: message ?? around.message })
  return code === null || !reasonPattern.test(code) ? fallback : { ...fallback, reasonCode: code }
}

const classifyStatus = (response: HttpResponseSpec, { status, reason, message }: GoogleStatus): EventVerdict =>
  googleAdsClassification.classify({
    status: statusOf(response),
    code: status,
    subcode: reason === status ? null : reason,
    message
  })

// An error inside HTTP 200 is an error; the status of HTTP must not decide where the body says more.
const statusOf = (response: HttpResponseSpec): number => Math.max(response.status, 400)

// What may become a reason code: a name in the form of the API's enums.
const reasonPattern = /^[a-z][A-Za-z]{1,60}Error\.[A-Z][A-Z0-9_]{1,80}$/

// What stops the connection counts most; a row that can never succeed is not retried for another error it has.
const severity: ReadonlyArray<ErrorClass> = [
  "configuration",
  "auth",
  "invalid_event",
  "throttled",
  "transient",
  "unknown"
]

const worstOf = (verdicts: ReadonlyArray<EventVerdict>): EventVerdict | null => {
  for (const errorClass of severity) {
    const found = verdicts.find((verdict) => verdict.errorClass === errorClass)
    if (found !== undefined) return found
  }
  return verdicts[0] ?? null
}

const quotaDelay = (error: GoogleStatus) =>
  failuresOf(error)
    .map((failure) => delayOf(textOf(objectOf(objectOf(failure["details"])?.["quotaErrorDetails"])?.["retryDelay"])))
    .find((delay) => delay !== null) ?? null

const requestIdOf = (response: HttpResponseSpec, error: GoogleStatus | null): string | null =>
  error?.requestId ?? idOf(response.headers["request-id"])
