/** Snap's Conversions API v3: `POST /v3/{asset}/events` and `…/events/validate`. VALID or INVALID stands in the body. */
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
import { makeRate, type RateOptions } from "../rate.ts"
import { eventProblem, isApp } from "./event-fields.ts"

const dayMillis = 86_400_000
const futureMillisMax = 600_000
const logsMax = 100

export interface SnapchatOptions {
  readonly tokens: ReadonlyArray<string>
  readonly assets: Assets
  readonly eventsMax: number
  /** No documented rate: none by default. */
  readonly requests: RateOptions | null
  readonly ageDaysMax: number
  /** Not documented: clients must judge by the body. */
  readonly invalidStatus: number
}

const defaults: SnapchatOptions = {
  tokens: ["sandbox-snapchat-token"],
  assets: null,
  eventsMax: 2000,
  requests: null,
  ageDaysMax: 37,
  invalidStatus: 400
}

export const snapchatSandbox = platformSandbox({
  servers: ["snapchat"],
  defaults: { snapchat: defaults },
  make: ({ snapchat }, deps) => [makeSnapchat(snapchat, deps)],
  credentials: ({ snapchat }) => ({
    snapchat: { variable: "SNAPCHAT_TOKEN", secret: { access_token: snapchat.tokens[0]! } }
  })
})

const makeSnapchat = (options: SnapchatOptions, { store }: Deps): PlatformServer => {
  const rate = makeRate(options.requests)
  const warn = (message: string) => store.warn("snapchat", message)
  let logs: ReadonlyArray<JsonObject> = []
  let validated = 0

  const refuse = (status: number, reason: string, count: string, events = 0): Answer => {
    store.reject("snapchat", count, events)
    return json(status, { status: "INVALID", reason })
  }

  const answer = (request: SandboxRequest, situation: Situation): Answer => {
    const match = /^\/v3\/([^/]+)\/events(\/validate(?:\/(?:logs|stats))?)?$/.exec(request.path)
    if (match === null) return refuse(404, "Not found", "unknown_path")
    const [, asset, edge] = match as unknown as [string, string, string | undefined]
    const token = request.query.get("access_token")
    if (token === null || token === "") return refuse(401, "Missing access token", "token")
    if (!options.tokens.includes(token) || situation.tokensExpiredBefore !== null)
      return refuse(401, "Invalid access token", "token")
    if (options.assets !== null && !options.assets.includes(asset))
      return refuse(403, "No access to the asset", "permission")
    if (request.method === "GET" && edge === "/validate/logs") return json(200, { status: "VALID", event_logs: logs })
    if (request.method === "GET" && edge === "/validate/stats")
      return json(200, { status: "VALID", test_events: validated })
    if (request.method !== "POST" || (edge !== undefined && edge !== "/validate"))
      return refuse(405, "Method not allowed", "unknown_path")
    if (!rate.take(request.now)) return refuse(429, "Too many requests", "throttled")
    const body = parseJson(request.body)
    if (!isObject(body) || !Array.isArray(body.data) || body.data.length === 0)
      return refuse(options.invalidStatus, "data must be a list of events", "no_data")
    if (body.data.length > options.eventsMax)
      return refuse(
        options.invalidStatus,
        `Too many events: at most ${options.eventsMax}`,
        "too_many_events",
        body.data.length
      )
    return edge === "/validate"
      ? validate(body.data, request.now, situation)
      : ingest(asset, body, request.now, situation)
  }

  const problemOf = (event: Json | undefined, now: number, situation: Situation): Problem | null => {
    if (!isObject(event)) return { path: "", kind: "type", message: "Not a valid event" }
    const problem = eventProblem(event, warn)
    if (problem !== null) return problem
    // Both seconds and milliseconds are taken in practice.
    const time = Number(event.event_time)
    const age = now - (time > 100_000_000_000 ? time : time * 1000)
    if (age > options.ageDaysMax * dayMillis)
      return { path: "event_time", kind: "range", reason: "too_old", message: `Older than ${options.ageDaysMax} days` }
    if (age < -futureMillisMax) return { path: "event_time", kind: "range", reason: "future", message: "In the future" }
    const poison = situation.poisoned(typeof event.event_id === "string" ? event.event_id : null, event)
    return poison === null ? null : { path: "event_name", kind: "format", reason: "scripted", message: poison }
  }

  const ingest = (asset: string, body: JsonObject, now: number, situation: Situation): Answer => {
    const data = body.data as ReadonlyArray<JsonObject>
    for (let index = 0; index < data.length; index++) {
      const problem = problemOf(data[index], now, situation)
      if (problem !== null) return invalid(problem, index, data.length)
    }
    if (data.some(isApp) && !data.every(isApp))
      return invalid(
        { path: "action_source", kind: "count", message: "App and web events need different assets" },
        0,
        data.length
      )
    for (const event of data) {
      const id = typeof event.event_id === "string" ? event.event_id : null
      store.receive("snapchat", {
        asset,
        event_name: String(event.event_name),
        event_id: id,
        received_at: now,
        key: id === null ? null : `${asset}\t${id}`,
        body: event
      })
    }
    return json(200, { status: "VALID", reason: "" })
  }

  const invalid = (problem: Problem, index: number, events: number): Answer => {
    store.reject("snapchat", problem.reason ?? `${problem.kind}:${problem.path.replaceAll(/\[\d+\]/g, "[]")}`, events)
    const message = `${problem.path}: ${problem.message}`
    return json(options.invalidStatus, {
      status: "INVALID",
      reason: message,
      event: index,
      errors: { codes: [problem.kind.toUpperCase()], error_msgs: [message] }
    })
  }

  const validate = (data: ReadonlyArray<Json>, now: number, situation: Situation): Answer => {
    const checked = data.map((event): JsonObject => {
      const problem = problemOf(event, now, situation)
      const errors = problem === null ? [] : [`${problem.path}: ${problem.message}`]
      return { event, status: problem === null ? "VALID" : "INVALID", errors, warnings: [] }
    })
    validated += data.length
    logs = [...logs, ...checked].slice(-logsMax)
    const valid = checked.every((one) => one.status === "VALID")
    return json(200, {
      status: valid ? "VALID" : "INVALID",
      test_event: true,
      reason: valid ? "" : "Some events are invalid",
      event_logs: checked
    })
  }

  const fail = (failure: Failure): Answer => {
    switch (failure._tag) {
      case "Throttled":
        return json(
          429,
          { status: "INVALID", reason: "Too many requests" },
          failure.retryAfterSeconds === null ? {} : { "retry-after": String(failure.retryAfterSeconds) }
        )
      case "ExpiredToken":
        return json(401, { status: "INVALID", reason: "Invalid access token" })
      case "ServerError":
        return json(failure.status, { status: "INVALID", reason: "Internal error" })
      case "Code": {
        const message = failure.message ?? "Scripted error"
        return json(failure.subcode ?? 200, {
          status: "INVALID",
          reason: message,
          errors: { codes: [failure.code], error_msgs: [message] }
        })
      }
    }
  }

  return {
    platform: "snapchat",
    eventKey: '"event_id":',
    answer,
    fail,
    uncheckedAnswer: () => json(200, { status: "VALID", reason: "" }),
    reset: () => {
      rate.reset()
      logs = []
      validated = 0
    }
  }
}
