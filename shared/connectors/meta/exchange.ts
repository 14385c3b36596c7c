/** Meta's Conversions API over HTTP: the request for events, and what the response says of each. */
import { createHmac } from "node:crypto"
import * as Duration from "effect/Duration"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import type { SendableEvent } from "../../codec/codecs.ts"
import type {
  BatchVerdict,
  EventVerdict,
  HttpRequestSpec,
  HttpResponseSpec,
  Json,
  JsonObject,
  RequestContext,
  Secret,
  VerdictMeta
} from "../connector.ts"
import {
  accountPart,
  bearer,
  bodyObject,
  boundedWait,
  countOf,
  idOf,
  jsonBody,
  listOf,
  numberOf,
  objectOf,
  originOf,
  postJson,
  safeText,
  textOf
} from "../http/json.ts"
import { classification, probeOf, rejectedBatch, uniformVerdict, verdictMetaOf } from "../verdicts.ts"
import table from "./classification.json" with { type: "json" }

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

/**
 * `GET /{version}/debug_token`: a token may ask about itself. `expires_at` is in seconds, 0 for never; access to data may end
 * earlier. (Facebook Login: debug_token.)
 */
export const credentialExpiry = {
  request: (context: RequestContext): HttpRequestSpec => {
    const { connection, secret } = context
    const url = `${originOf(connection)}/${connection.endpoint.version}/debug_token`
    const token = secret["access_token"]
    return {
      method: "GET",
      url,
      headers: {},
      secretHeaders: { authorization: bearer(secret) },
      secretParams: { ...(token === undefined ? {} : { input_token: token }), ...appSecretProof(secret) },
      body: null
    }
  },
  read: (response: HttpResponseSpec): number | null => {
    const data = objectOf(bodyObject(response)?.["data"])
    const ends = ["expires_at", "data_access_expires_at"].flatMap((name) => {
      const seconds = data?.[name]
      return typeof seconds === "number" && seconds > 0 ? [seconds * 1000] : []
    })
    return response.status === 200 && ends.length > 0 ? Math.min(...ends) : null
  }
}

/** The Graph API's proof that the sender knows the app's secret: HMAC-SHA256 of the token, in hex. Optional. */
export const appSecretProof = (secret: Secret): HttpRequestSpec["secretParams"] => {
  const { access_token, app_secret } = secret
  if (access_token === undefined || app_secret === undefined) return {}
  const proof = createHmac("sha256", Redacted.value(app_secret)).update(Redacted.value(access_token)).digest("hex")
  return { appsecret_proof: Redacted.make(proof) }
}

/**
 * Meta takes a request whole or not at all. A message of its validation may name elements of the request (`$['data'][3]…`):
 * these alone are refused, and the rest goes again. Where it names none, the bad event is found by bisection. Judged by
 * `code` and `error_subcode`; the HTTP status of throttling is not documented. (Graph API: error handling.)
 */
export const verdict = (response: HttpResponseSpec, events: ReadonlyArray<SendableEvent>): BatchVerdict => {
  const body = bodyObject(response)
  const judged = classifyResponse(response, body, events.length)
  const head = headFrom(response, body, judged, events.length)
  if (judged.errorClass !== "invalid_event") return uniformVerdict(head, judged)
  return rejectedBatch(head, judged, invalidEventsOf(objectOf(body?.["error"]), judged), events.length)
}

/** The empty request of the probe is invalid where everything else is right. */
export const probeVerdict = (response: HttpResponseSpec): EventVerdict =>
  probeOf(classifyResponse(response, bodyObject(response), 0))

export const metaClassification = classification(table)

const classifyResponse = (response: HttpResponseSpec, body: JsonObject | null, eventCount: number): EventVerdict => {
  const error = objectOf(body?.["error"])
  if (error !== null) return metaClassification.classify(graphSignal(response.status, error))
  const received = countOf(body?.["events_received"])
  // A success that received none of the events does not count.
  const flags = received === null || (received === 0 && eventCount > 0) ? [] : ["events_received"]
  return metaClassification.classify({ status: response.status, flags })
}

/** The elements of `data` that the texts of an error name, all by the same verdict: Meta gives no other. */
const invalidEventsOf = (error: JsonObject | null, verdict: EventVerdict): ReadonlyMap<number, EventVerdict> => {
  const invalidEvents = new Map<number, EventVerdict>()
  for (const text of [error?.["error_user_msg"], error?.["message"], objectOf(error?.["error_data"])?.["details"]]) {
    for (const [, index] of (textOf(text) ?? "").slice(0, namesMax).matchAll(elementName)) {
      invalidEvents.set(Number(index), verdict)
    }
  }
  return invalidEvents
}

// `$['data'][3]['custom_data']`, `$.data[3].custom_data`, `data[3][custom_data]`: not the lists inside an event, such as user_data.
const elementName = /(?:\$\[["']data["']\]|(?<![\w.\]["'])(?:\$\.)?data)\[["']?(\d{1,6})["']?\]/g
// A message that names each of 1,000 events by a field fits.
const namesMax = 500_000

/** What Graph's error object shows; the message meant for people, where there is one, is the better one. */
export const graphSignal = (status: number, error: JsonObject) => ({
  // An error inside HTTP 200 is an error.
  status: status < 300 ? 400 : status,
  code: textOf(error["code"]),
  subcode: textOf(error["error_subcode"]),
  flags: [
    ...(error["is_transient"] === true ? ["is_transient"] : []),
    // About the request itself, where OAuthException beside the same code is about its parameters.
    ...(error["type"] === "GraphMethodException" ? ["GraphMethodException"] : []),
    "error"
  ],
  message:
    textOf(objectOf(error["error_data"])?.["details"]) ?? textOf(error["error_user_msg"]) ?? textOf(error["message"])
})

const headFrom = (
  response: HttpResponseSpec,
  body: JsonObject | null,
  judged: EventVerdict,
  eventCount: number
): VerdictMeta => {
  const usage = usageOf(response.headers)
  const head = verdictMetaOf(response, judged)
  const eventsReceived = countOf(body?.["events_received"])
  const isShort = eventsReceived !== null && eventsReceived < eventCount
  return {
    ...head,
    requestId: idOf(body?.["fbtrace_id"]) ?? idOf(objectOf(body?.["error"])?.["fbtrace_id"]),
    eventsReceived,
    warnings: [
      ...(isShort ? [`Meta received ${eventsReceived} of ${eventCount} events.`] : []),
      ...listOf(body?.["messages"]).flatMap(warningOf),
      ...versionWarning(response)
    ],
    retryAfter: head.retryAfter ?? usage.retryAfter,
    usagePercent: usage.percent
  }
}

const warningOf = (message: Parameters<typeof textOf>[0]): ReadonlyArray<string> => {
  const text = textOf(message) ?? textOf(objectOf(message)?.["message"])
  return text === null ? [] : [safeText(text)]
}

const versionWarning = ({ headers }: HttpResponseSpec): ReadonlyArray<string> => {
  const text = headers["x-ad-api-version-warning"]
  return text === undefined ? [] : [safeText(text)]
}

export interface Usage {
  /** The highest of all percentages; 100 means throttled. Null without usage headers. */
  readonly percent: number | null
  /** How long Meta says the throttling lasts. */
  readonly retryAfter: Duration.Duration | null
}

/**
 * Meta's usage headers: X-App-Usage, X-Business-Use-Case-Usage (a list for each business object, with
 * estimated_time_to_regain_access in minutes) and X-Ad-Account-Usage. (Marketing API: rate limiting.)
 */
export const usageOf = (headers: Readonly<Record<string, string>>): Usage => {
  if (usageHeaders.every((name) => headers[name] === undefined)) return noUsage
  const app = objectOf(parsed(headers["x-app-usage"]))
  const account = objectOf(parsed(headers["x-ad-account-usage"]))
  const businesses = Object.values(objectOf(parsed(headers["x-business-use-case-usage"])) ?? {})
    .flatMap(listOf)
    .map(objectOf)
  const percents = [app, account, ...businesses].flatMap((usage) => percentKeys.map((key) => numberOf(usage?.[key])))
  const waits = businesses.map((usage) => minutes(usage?.["estimated_time_to_regain_access"]))
  const accountPercent = numberOf(account?.["acc_id_util_pct"]) ?? 0
  if (accountPercent >= 100) waits.push(seconds(account?.["reset_time_duration"]))
  return { percent: highest(percents), retryAfter: longest(waits) }
}

const usageHeaders = ["x-app-usage", "x-ad-account-usage", "x-business-use-case-usage"]
const noUsage: Usage = { percent: null, retryAfter: null }
const percentKeys = ["call_count", "total_cputime", "total_time", "acc_id_util_pct"]

const parsed = (header: string | undefined): Json =>
  header === undefined
    ? null
    : Result.getOrElse(
        Result.try((): Json => JSON.parse(header)),
        () => null
      )

const minutes = (value: Json | undefined) => seconds((numberOf(value) ?? 0) * 60)
const seconds = (value: Json | undefined) => {
  const number = numberOf(value) ?? 0
  return number > 0 ? boundedWait(number * 1000) : null
}

const highest = (numbers: ReadonlyArray<number | null>): number | null => {
  const known = numbers.filter((number) => number !== null)
  return known.length === 0 ? null : Math.max(...known)
}

const longest = (waits: ReadonlyArray<Duration.Duration | null>): Duration.Duration | null =>
  waits
    .filter((wait) => wait !== null)
    .reduce<Duration.Duration | null>((a, b) => (a === null ? b : Duration.max(a, b)), null)
