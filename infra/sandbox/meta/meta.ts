/** Meta's Conversions API: `POST /{version}/{dataset}/events`. One bad event refuses the request, and no answer says which. */
import type { Problem } from "../check.ts"
import {
  debugToken,
  type GraphError,
  graphError,
  graphFailure,
  graphPath,
  graphVersions,
  tokenError,
  traceId,
  unknownPath,
  unsupportedRequest,
  versionHeaders
} from "../graph.ts"
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
import { type Deps, platformSandbox } from "../platform-sandbox.ts"
import { makeRate } from "../rate.ts"
import { eventProblem } from "./event-fields.ts"

const secondsPerDay = 86_400
/** No page names the bound; integrators report about a minute. */
const futureSecondsMax = 60

const throttled: GraphError = {
  status: 400,
  code: 4,
  error_subcode: 1504022,
  is_transient: true,
  message: "(#4) Application request limit reached"
}

export interface MetaOptions {
  readonly tokens: ReadonlyArray<string>
  /** When the tokens expire, in seconds since the epoch; 0: never. */
  readonly tokenExpiresAtSeconds: number
  readonly assets: Assets
  /** Where set, `appsecret_proof` is required and checked. */
  readonly appSecret: string | null
  readonly versions: ReadonlyArray<string>
  readonly eventsMax: number
  /** Calls an hour that stand for 100 % in the usage headers. */
  readonly callsPerHour: number | null
  readonly ageDaysMax: number
  readonly physicalStoreAgeDaysMax: number
  /** The documentation requires it; the live service has been seen to take events without. */
  readonly websiteWithoutUserAgent: "reject" | "warn"
}

const defaults: MetaOptions = {
  tokens: ["sandbox-meta-token"],
  tokenExpiresAtSeconds: 0,
  assets: null,
  appSecret: null,
  versions: graphVersions,
  eventsMax: 1000,
  callsPerHour: 200_000,
  ageDaysMax: 7,
  physicalStoreAgeDaysMax: 62,
  websiteWithoutUserAgent: "warn"
}

export const metaSandbox = platformSandbox({
  servers: ["meta"],
  defaults: { meta: defaults },
  make: ({ meta }, deps) => [makeMeta(meta, deps)],
  credentials: ({ meta }) => ({ meta: { variable: "META_TOKEN", secret: { access_token: meta.tokens[0]! } } })
})

const makeMeta = (options: MetaOptions, { store, random }: Deps): PlatformServer => {
  const calls = makeRate(
    options.callsPerHour === null ? null : { limit: options.callsPerHour, windowMillis: 3_600_000 }
  )
  const credentials = { tokens: options.tokens, appSecret: options.appSecret }
  const warn = (message: string) => store.warn("meta", message)

  const refuse = (error: GraphError, reason: string, events: number): Answer => {
    store.reject("meta", reason, events)
    return graphError(error, random)
  }

  const usageHeaders = (id: string, now: number) => {
    const percent = calls.usedPercent(now)
    const usage = { call_count: percent, total_cputime: percent, total_time: percent }
    const use = { type: "ads_management", ...usage, estimated_time_to_regain_access: percent >= 100 ? 5 : 0 }
    return {
      "x-app-usage": JSON.stringify(usage),
      "x-business-use-case-usage": JSON.stringify({
        [id]: [{ ...use, ads_api_access_tier: "standard_access" }]
      })
    }
  }

  const answer = (request: SandboxRequest, situation: Situation): Answer => {
    const path = graphPath(request.path)
    const version = path === null ? null : versionHeaders(path.version, options.versions)
    if (path === null || version === null) return refuse(unknownPath(request.path), "unknown_path", 0)
    const parameters = bodyParameters(request)
    const denied = tokenError(
      request,
      text(parameters?.access_token),
      text(parameters?.appsecret_proof),
      credentials,
      situation
    )
    if (denied !== null) return refuse(denied, denied.code === 190 ? "token" : "credentials", 0)
    if (request.method === "GET" && path.id === "debug_token" && path.edge === null)
      return debugToken(request, { tokens: options.tokens, expiresAtSeconds: options.tokenExpiresAtSeconds })
    if (!/^\d+$/.test(path.id) || (options.assets !== null && !options.assets.includes(path.id)))
      return refuse(unsupportedRequest(request.method, path.id), "unknown_dataset", 0)
    if (request.method === "GET" && path.edge === null)
      return json(200, { id: path.id, name: "Sandbox dataset" }, version)
    if (request.method !== "POST" || path.edge !== "events")
      return refuse(unsupportedRequest(request.method, path.id), "unknown_path", 0)
    if (!calls.take(request.now)) {
      store.reject("meta", "throttled", 0)
      return withHeaders(graphError(throttled, random), usageHeaders(path.id, request.now))
    }
    return withHeaders(ingest(path.id, parameters, request.now, situation), {
      ...version,
      ...usageHeaders(path.id, request.now)
    })
  }

  const ingest = (dataset: string, parameters: JsonObject | null, now: number, situation: Situation): Answer => {
    const data = parameters?.data
    if (parameters === null || !Array.isArray(data) || data.length === 0)
      return refuse(invalidParameter("Param data must be a non-empty array of events."), "no_data", 0)
    if (data.length > options.eventsMax)
      return refuse(
        invalidParameter(`Param data must have at most ${options.eventsMax} events.`),
        "too_many_events",
        data.length
      )
    const partner = parameters.partner_agent
    if (partner !== undefined && (typeof partner !== "string" || partner.length >= 23))
      return refuse(
        invalidParameter("Param partner_agent must be a string of less than 23 characters."),
        "partner_agent",
        data.length
      )
    for (let index = 0; index < data.length; index++) {
      const error = eventError(data[index] as Json, index, now, situation)
      if (error !== null) return refuse(error.answer, error.reason, data.length)
    }
    for (const event of data as ReadonlyArray<JsonObject>) {
      const id = text(event.event_id)
      store.receive("meta", {
        asset: dataset,
        event_name: String(event.event_name),
        event_id: id,
        received_at: now,
        key: id === null ? null : `${dataset}\t${event.event_name}\t${id}`,
        body: event
      })
    }
    return json(200, { events_received: data.length, messages: [], fbtrace_id: traceId(random) })
  }

  const eventError = (event: Json, index: number, now: number, situation: Situation) => {
    if (!isObject(event)) return { answer: invalidParameter("Param data must hold objects."), reason: "type" }
    const problem = eventProblem(event, warn, options.websiteWithoutUserAgent)
    if (problem !== null)
      return { answer: problemError(problem, index), reason: problem.reason ?? `${problem.kind}:${problem.path}` }
    const age = Math.floor(now / 1000) - Number(event.event_time)
    const days = event.action_source === "physical_store" ? options.physicalStoreAgeDaysMax : options.ageDaysMax
    if (age > days * secondsPerDay) return { answer: tooOld, reason: "too_old" }
    if (age < -futureSecondsMax)
      return { answer: invalidParameter("Event timestamp is in the future."), reason: "future" }
    const poison = situation.poisoned(text(event.event_id), event)
    return poison === null ? null : { answer: invalidParameter(poison), reason: "scripted" }
  }

  return {
    platform: "meta",
    eventKey: '"event_id":',
    answer,
    fail: (failure, request) => {
      const answered = graphError(graphFailure(failure, request.now, throttled), random)
      return failure._tag === "Throttled" && failure.retryAfterSeconds !== null
        ? withHeaders(answered, { "retry-after": String(failure.retryAfterSeconds) })
        : answered
    },
    uncheckedAnswer: (events) => json(200, { events_received: events, messages: [], fbtrace_id: "Asandbox" }),
    reset: calls.reset
  }
}

/** The parameters of a JSON body or of a form, whose `data` is JSON in itself. */
const bodyParameters = (request: SandboxRequest): JsonObject | null => {
  if (request.headers["content-type"]?.includes("application/x-www-form-urlencoded") === true) {
    const form = new URLSearchParams(request.body.toString("utf8"))
    const fields: Record<string, Json> = Object.fromEntries(form)
    return { ...fields, data: parseJson(form.get("data") ?? "") ?? null }
  }
  const body = parseJson(request.body)
  return isObject(body) ? body : null
}

const text = (value: Json | undefined): string | null => (typeof value === "string" && value !== "" ? value : null)

const withHeaders = (answer: Answer, headers: Readonly<Record<string, string>>): Answer => ({
  ...answer,
  headers: { ...answer.headers, ...headers }
})

const invalidParameter = (detail: string): GraphError => ({
  status: 400,
  code: 100,
  is_transient: false,
  message: "Invalid parameter",
  error_user_title: "Invalid parameter",
  error_user_msg: detail
})

const tooOld: GraphError = {
  ...invalidParameter(
    "The timestamp for this event is too far in the past. Events need to be sent from your server within 7 days of when they occurred."
  ),
  error_subcode: 2804003,
  error_user_title: "Event Timestamp Too Old"
}

/** Problems of a value's type name the element and the field; the others name neither. */
const problemError = (problem: Problem, index: number): GraphError => {
  if (problem.kind === "type")
    return {
      ...invalidParameter(`The parameter $['data'][${index}]${nameOf(problem.path)} is not valid: ${problem.message}.`),
      error_subcode: 2804019
    }
  if (problem.reason === "purchase_without_value")
    return {
      ...invalidParameter(problem.message),
      error_subcode: 2804009,
      error_user_title: "Missing value for purchase event"
    }
  return invalidParameter(`${problem.path}: ${problem.message}`)
}

/** `custom_data.contents[0].id` as `['custom_data']['contents'][0]['id']`. */
const nameOf = (path: string): string =>
  path
    .split(/[.[]/)
    .map((part) => (part.endsWith("]") ? `[${part}` : `['${part}']`))
    .join("")
