/** Pinterest's Conversions API v5: `POST /v5/ad_accounts/{id}/events`. A status stands for each event, in request order. */
import type { Problem } from "../check.ts"
import {
  type Answer,
  type Assets,
  bearerToken,
  type Failure,
  isObject,
  type Json,
  type JsonObject,
  json,
  type PlatformServer,
  parseJson,
  type SandboxRequest,
  type Situation
} from "../platform.ts"
import { type Deps, platformSandbox } from "../platform-sandbox.ts"
import { makeRate, type Rate } from "../rate.ts"
import { eventProblem } from "./event-fields.ts"

export interface PinterestOptions {
  readonly tokens: ReadonlyArray<string>
  readonly assets: Assets
  readonly eventsMax: number
  /** Of each ad account. */
  readonly requestsPerMinute: number | null
  /** Not documented. */
  readonly ageDaysMax: number
  /** Where 422 has the list of events: in the body, or under the `details` that its schema names. */
  readonly failuresIn: "body" | "details"
}

const defaults: PinterestOptions = {
  tokens: ["sandbox-pinterest-token"],
  assets: null,
  eventsMax: 1000,
  requestsPerMinute: 5000,
  ageDaysMax: 7,
  failuresIn: "body"
}

export const pinterestSandbox = platformSandbox({
  servers: ["pinterest"],
  defaults: { pinterest: defaults },
  make: ({ pinterest }, deps) => [makePinterest(pinterest, deps)],
  credentials: ({ pinterest }) => ({
    pinterest: { variable: "PINTEREST_TOKEN", secret: { access_token: pinterest.tokens[0]! } }
  })
})

/** HTTP status and code of the documented errors. */
const errors = {
  invalid: { status: 400, code: 4196 },
  authentication: { status: 401, code: 2 },
  forbidden: { status: 403, code: 29 },
  throttled: { status: 429, code: 8 },
  rampedDown: { status: 503, code: 4197 }
} as const
type PinterestError = (typeof errors)[keyof typeof errors]

const dayMillis = 86_400_000
/** No future bound is documented; a clock may be a little ahead. */
const futureMillisMax = 600_000

const makePinterest = (options: PinterestOptions, { store }: Deps): PlatformServer => {
  const { requestsPerMinute } = options
  const rates = new Map<string, Rate>()
  const warn = (message: string) => store.warn("pinterest", message)

  const refuse = (error: PinterestError, message: string, reason: string, events = 0): Answer => {
    store.reject("pinterest", reason, events)
    return errorAnswer(error.status, error.code, message)
  }

  const hasRoom = (account: string, now: number): boolean => {
    if (requestsPerMinute === null) return true
    const rate = rates.get(account) ?? makeRate({ limit: requestsPerMinute, windowMillis: 60_000 })
    rates.set(account, rate)
    return rate.take(now)
  }

  const answer = (request: SandboxRequest, situation: Situation): Answer => {
    const account = /^\/v5\/ad_accounts\/([^/]+)\/events$/.exec(request.path)?.[1]
    if (account === undefined || request.method !== "POST") {
      store.reject("pinterest", "unknown_path", 0)
      return errorAnswer(404, 0, "Not found")
    }
    const token = bearerToken(request)
    if (token === null || !options.tokens.includes(token) || situation.tokensExpiredBefore !== null)
      return refuse(errors.authentication, "Authentication failed.", "token")
    if (options.assets !== null && !options.assets.includes(account))
      return refuse(errors.forbidden, "You are not permitted to access that resource.", "permission")
    if (!hasRoom(account, request.now))
      return refuse(errors.throttled, "You have exceeded your rate limit.", "throttled")
    const test = request.query.get("test")
    if (test !== null && test !== "true" && test !== "false")
      return refuse(errors.invalid, "test: Must be one of: true, false", "test")
    return take(account, request, test === "true", situation)
  }

  const take = (account: string, request: SandboxRequest, isTest: boolean, situation: Situation): Answer => {
    const body = parseJson(request.body)
    if (!isObject(body) || !Array.isArray(body.data) || body.data.length === 0)
      return refuse(errors.invalid, "data must be a list of events", "no_data")
    const data = body.data as ReadonlyArray<Json>
    const unknownKey = Object.keys(body).find((key) => key !== "data")
    if (unknownKey !== undefined)
      return refuse(errors.invalid, `Additional properties are not allowed: ${unknownKey}`, "unknown:", data.length)
    if (data.length > options.eventsMax)
      return refuse(errors.invalid, `Too many events: at most ${options.eventsMax}`, "too_many_events", data.length)
    const problems = data.map((event) => problemOf(event, request.now, situation))
    // A request that does not follow the schema is refused whole; an event whose values are wrong fails alone.
    const malformed = problems.findIndex((problem) => problem?.kind === "unknown" || problem?.kind === "type")
    const problem = problems[malformed]
    if (problem != null)
      return refuse(errors.invalid, `data[${malformed}] ${describe(problem)}`, reasonOf(problem), data.length)
    for (const [index, event] of data.entries()) {
      const failed = problems[index]
      if (failed != null) store.reject("pinterest", reasonOf(failed), 1)
      else if (!isTest) receive(account, event as JsonObject, request.now)
    }
    return resultsOf(problems)
  }

  const problemOf = (event: Json, now: number, situation: Situation): Problem | null => {
    if (!isObject(event)) return { path: "", kind: "type", message: "Not a valid event" }
    const problem = eventProblem(event, warn)
    if (problem !== null) return problem
    const age = now - Number(event.event_time) * 1000
    if (age > options.ageDaysMax * dayMillis)
      return { path: "event_time", kind: "range", reason: "too_old", message: `Older than ${options.ageDaysMax} days` }
    if (age < -futureMillisMax) return { path: "event_time", kind: "range", reason: "future", message: "In the future" }
    const poison = situation.poisoned(String(event.event_id), event)
    return poison === null ? null : { path: "event", kind: "format", reason: "scripted", message: poison }
  }

  const receive = (account: string, event: JsonObject, now: number) =>
    store.receive("pinterest", {
      asset: account,
      event_name: String(event.event_name),
      event_id: String(event.event_id),
      received_at: now,
      // Offline events are not deduplicated.
      key: event.action_source === "offline" ? null : `${account}\t${event.event_id}`,
      body: event
    })

  const resultsOf = (problems: ReadonlyArray<Problem | null>): Answer => {
    const failed = problems.filter((problem) => problem !== null).length
    const results = {
      num_events_received: problems.length,
      num_events_processed: problems.length - failed,
      events: problems.map((problem) =>
        problem === null
          ? { status: "processed", error_message: "", warning_message: "" }
          : { status: "failed", error_message: describe(problem), warning_message: "" }
      )
    }
    if (failed === 0) return json(200, results)
    return options.failuresIn === "body"
      ? json(422, results)
      : json(422, { code: 422, message: "Not all events were successfully processed.", details: results })
  }

  return {
    platform: "pinterest",
    eventKey: '"event_id":',
    answer,
    fail,
    uncheckedAnswer: (events) =>
      json(200, {
        num_events_received: events,
        num_events_processed: events,
        events: Array.from({ length: events }, () => ({ status: "processed" }))
      }),
    reset: () => rates.clear()
  }
}

const fail = (failure: Failure): Answer => {
  switch (failure._tag) {
    case "Throttled":
      return errorAnswer(
        errors.throttled.status,
        errors.throttled.code,
        "You have exceeded your rate limit.",
        failure.retryAfterSeconds === null ? {} : { "retry-after": String(failure.retryAfterSeconds) }
      )
    case "ExpiredToken":
      return errorAnswer(errors.authentication.status, errors.authentication.code, "Authentication failed.")
    case "ServerError":
      return failure.status === errors.rampedDown.status
        ? errorAnswer(failure.status, errors.rampedDown.code, "This endpoint is currently ramped down.")
        : errorAnswer(failure.status, 0, "Internal server error")
    case "Code": {
      const known = Object.values(errors).find(({ code }) => code === failure.code)
      return errorAnswer(known?.status ?? 400, failure.code, failure.message ?? "Scripted error")
    }
  }
}

const errorAnswer = (
  status: number,
  code: number | string,
  message: string,
  headers: Readonly<Record<string, string>> = {}
): Answer => json(status, { code, message }, headers)

const describe = ({ path, kind, message }: Problem): string =>
  kind === "unknown" ? `${path}: Additional properties are not allowed: ${message}` : `${path}: ${message}`

const reasonOf = ({ path, kind, reason }: Problem): string => reason ?? `${kind}:${path.replaceAll(/\[\d+\]/g, "[]")}`
