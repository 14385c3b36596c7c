/** TikTok's Events API: `POST /open_api/v1.3/event/track/`. The HTTP status is 200 even for failures; see `code`. */
import type { Problem } from "../check.ts"
import {
  type Answer,
  type Assets,
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
import { digits, hexadecimal } from "../random.ts"
import { makeRate } from "../rate.ts"
import { eventProblem, eventSources } from "./event-fields.ts"

const code = {
  ok: 0,
  noPermission: 40001,
  parameter: 40002,
  version: 40006,
  notFound: 40007,
  batchSize: 40061,
  notHashed: 40062,
  throttled: 40100,
  tokenExpired: 40102,
  tokenEmpty: 40104,
  tokenInvalid: 40105,
  system: 50000
} as const

const futureSecondsMax = 600
const secondsPerDay = 86_400

export interface TikTokOptions {
  readonly tokens: ReadonlyArray<string>
  readonly assets: Assets
  readonly eventsMax: number
  readonly requestsPerSecond: number | null
  readonly requestsPerMinute: number | null
  readonly offlineAgeDaysMax: number
}

const defaults: TikTokOptions = {
  tokens: ["sandbox-tiktok-token"],
  assets: null,
  eventsMax: 1000,
  requestsPerSecond: 1000,
  requestsPerMinute: 600_000,
  offlineAgeDaysMax: 28
}

export const tiktokSandbox = platformSandbox({
  servers: ["tiktok"],
  defaults: { tiktok: defaults },
  make: ({ tiktok }, deps) => [makeTikTok(tiktok, deps)],
  credentials: ({ tiktok }) => ({
    tiktok: { variable: "TIKTOK_TOKEN", secret: { access_token: tiktok.tokens[0]! } }
  })
})

const makeTikTok = (options: TikTokOptions, { store, random }: Deps): PlatformServer => {
  const rate = (limit: number | null, windowMillis: number) => makeRate(limit === null ? null : { limit, windowMillis })
  const rates = [rate(options.requestsPerSecond, 1000), rate(options.requestsPerMinute, 60_000)]
  const warn = (message: string) => store.warn("tiktok", message)

  const say = (number: number, message: string, data: JsonObject = {}): Answer =>
    json(200, {
      code: number,
      message,
      request_id: `${random.characters(17, digits)}${random.characters(17, hexadecimal).toUpperCase()}`,
      data
    })

  const refuse = (number: number, message: string, reason: string, events = 0): Answer => {
    store.reject("tiktok", reason, events)
    return say(number, message)
  }

  const answer = (request: SandboxRequest, situation: Situation): Answer => {
    const match = /^\/open_api\/(v[\d.]+)\/event\/track(\/?)$/.exec(request.path)
    if (match === null || request.method !== "POST" || match[2] !== "/")
      return refuse(code.notFound, "Path not found", "unknown_path")
    if (match[1] !== "v1.3") return refuse(code.version, `API version ${match[1]} is not supported`, "version")
    const token = request.headers["access-token"]
    if (token === undefined || token === "") return refuse(code.tokenEmpty, "Access token is empty", "token")
    if (!options.tokens.includes(String(token)))
      return refuse(code.tokenInvalid, "Access token is incorrect or has been revoked.", "token")
    if (situation.tokensExpiredBefore !== null) return refuse(code.tokenExpired, "Access token is expired", "token")
    if (!rates.every((one) => one.take(request.now)))
      return refuse(code.throttled, "Too many requests. Please try again later.", "throttled")
    if (request.headers["content-type"]?.includes("application/json") !== true)
      return refuse(code.parameter, "Content-Type must be application/json", "content_type")
    return track(request, situation)
  }

  const track = (request: SandboxRequest, situation: Situation): Answer => {
    const body = parseJson(request.body)
    if (!isObject(body)) return refuse(code.parameter, "Request body is not valid JSON", "no_json")
    const { event_source: source, event_source_id: id, data } = body
    if (!eventSources.includes(String(source)))
      return refuse(code.parameter, `event_source: Must be one of: ${eventSources.join(", ")}`, "event_source")
    if (typeof id !== "string" || id === "")
      return refuse(code.parameter, "event_source_id: Missing data for required field", "event_source_id")
    if (options.assets !== null && !options.assets.includes(id))
      return refuse(code.noPermission, `No permission to operate pixel ${id}`, "permission")
    if (!Array.isArray(data) || data.length === 0)
      return refuse(code.parameter, "data: Missing data for required field", "no_data")
    if (data.length > options.eventsMax)
      return refuse(
        code.batchSize,
        `data: Batch size must be between 1 and ${options.eventsMax}`,
        "too_many_events",
        data.length
      )
    for (const key of ["test_event_code", "partner_name"])
      if (body[key] !== undefined && typeof body[key] !== "string")
        return refuse(code.parameter, `${key}: Not a valid string`, key, data.length)
    for (let index = 0; index < data.length; index++) {
      const problem = problemOf(data[index], String(source), request.now, situation)
      if (problem === null) continue
      const path = `Batch.${index}.${problem.path.replaceAll("[", ".").replaceAll("]", "")}`
      const reason = problem.reason ?? `${problem.kind}:${problem.path.replaceAll(/\[\d+\]/g, "[]")}`
      return refuse(
        problem.kind === "hash" ? code.notHashed : code.parameter,
        `${path}: ${problem.message}`,
        reason,
        data.length
      )
    }
    for (const event of data as ReadonlyArray<JsonObject>) receive(id, event, request.now)
    return say(code.ok, "OK")
  }

  const problemOf = (event: Json | undefined, source: string, now: number, situation: Situation): Problem | null => {
    if (!isObject(event)) return { path: "", kind: "type", message: "Not a valid object" }
    const problem = eventProblem(event, source, warn)
    if (problem !== null) return problem
    const age = Math.floor(now / 1000) - Number(event.event_time)
    if (age < -futureSecondsMax)
      return { path: "event_time", kind: "range", reason: "future", message: "Event time is in the future" }
    if (source === "offline" && age > options.offlineAgeDaysMax * secondsPerDay)
      return {
        path: "event_time",
        kind: "range",
        reason: "too_old",
        message: `Event is older than ${options.offlineAgeDaysMax} days`
      }
    const poison = situation.poisoned(typeof event.event_id === "string" ? event.event_id : null, event)
    return poison === null ? null : { path: "event", kind: "format", reason: "scripted", message: poison }
  }

  const receive = (source: string, event: JsonObject, now: number) => {
    const id = typeof event.event_id === "string" ? event.event_id : null
    store.receive("tiktok", {
      asset: source,
      event_name: String(event.event),
      event_id: id,
      received_at: now,
      key: id === null ? null : `${source}\t${event.event}\t${id}`,
      body: event
    })
  }

  const fail = (failure: Failure): Answer => {
    switch (failure._tag) {
      case "Throttled": {
        const answered = say(code.throttled, "Too many requests. Please try again later.")
        const headers = failure.retryAfterSeconds === null ? {} : { "retry-after": String(failure.retryAfterSeconds) }
        return { ...answered, headers: { ...answered.headers, ...headers } }
      }
      case "ExpiredToken":
        return say(code.tokenExpired, "Access token is expired")
      case "ServerError":
        return failure.status === 500
          ? say(code.system, "System error")
          : { ...say(code.system, "System error"), status: failure.status }
      case "Code":
        return say(Number(failure.code), failure.message ?? "Scripted error")
    }
  }

  return {
    platform: "tiktok",
    eventKey: '"event_id":',
    answer,
    fail,
    uncheckedAnswer: () => json(200, { code: 0, message: "OK", request_id: "sandbox", data: {} }),
    reset: () => {
      for (const one of rates) one.reset()
    }
  }
}
