/** The routes of the API. Each answer is JSON; what is wrong with a request or this state is an `ApiError`. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as HttpRouter from "effect/http/HttpRouter"
import type { HttpServerRequest } from "effect/http/HttpServerRequest"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import { SettingsService } from "../../../shared/config/settings.ts"
import { Connections } from "../../../shared/connections/connections.ts"
import { Credentials } from "../../../shared/credentials/credentials.ts"
import { indexClient } from "../../../shared/event-story/ask-index.ts"
import { monotonicMillis } from "../../../shared/model/monotonic.ts"
import { type Route, withBody } from "../../../shared/runtime/http-server.ts"
import type { ProgramServices } from "../../../shared/runtime/services.ts"
import { version } from "../../../shared/runtime/version.ts"
import { explainJson } from "../../normalizer/preview/explain.ts"
import { explainTraced } from "../../normalizer/preview/explain-traced.ts"
import { storedId } from "../../normalizer/preview/stored-id.ts"
import {
  type Connections as ConnectionsAnswer,
  type ExplainRequest,
  type Period,
  periods,
  type Session,
  type StepName,
  stepNames
} from "../api.ts"
import { explanationOf, findEvents } from "../events.ts"
import { readHistory } from "../read/history.ts"
import type { makeRedrives } from "../redrives.ts"
import type { ConsoleState } from "../state/console-state.ts"
import { overviewOf } from "../state/overview.ts"
import { resultRow } from "../state/result-row.ts"
import { type Access, cookieOf, notSignedIn, sessionMillis, setCookie } from "./access.ts"
import { connectionCard } from "./cards.ts"
import { liveResponse } from "./live.ts"
import { readRedriveSelection } from "./redrive-selection.ts"
import {
  accessOf,
  type Body,
  checkedBody,
  errorResponse,
  failureResponse,
  invalid,
  json,
  logUnexpected,
  needed,
  numberOf,
  oneOf,
  queryOf,
  RequestError
} from "./request.ts"

interface RoutesOptions {
  readonly state: ConsoleState
  readonly access: Access
  readonly redrives: Effect.Success<ReturnType<typeof makeRedrives>>
}

type Services = ProgramServices
type Answer = Effect.Effect<unknown, unknown, Services>
type Query = URLSearchParams

export const makeRoutes = ({ state, access, redrives }: RoutesOptions) =>
  Effect.gen(function* () {
    const services = yield* Effect.context<Services>()
    const { topicPrefix, eventLog } = yield* SettingsService
    const { all } = yield* Connections
    const credentials = yield* Credentials
    const index = yield* indexClient

    const session = (signedIn: boolean): Session => ({
      token_required: access.tokenRequired,
      signed_in: signedIn,
      version: signedIn ? version : null,
      topic_prefix: signedIn ? topicPrefix : null,
      event_log: signedIn ? eventLog : null,
      connections: signedIn ? state.connections : []
    })

    const admitted = (
      request: HttpServerRequest,
      answer: Effect.Effect<HttpServerResponse.HttpServerResponse, unknown, Services>
    ) =>
      Effect.gen(function* () {
        const now = yield* monotonicMillis
        return access.isSignedIn(accessOf(request), now)
          ? yield* answer
          : errorResponse(notSignedIn.status, notSignedIn)
      }).pipe(
        Effect.catchCause((cause) => Effect.as(logUnexpected(cause), failureResponse(cause))),
        Effect.provideContext(services)
      )
    const get = (path: `/${string}`, answer: (query: Query) => Answer): Route =>
      HttpRouter.route("GET", path, (request) =>
        admitted(
          request,
          Effect.map(
            Effect.suspend(() => answer(queryOf(request))),
            json
          )
        )
      )
    const post = <A>(path: `/${string}`, answer: (body: A) => Answer): Route =>
      HttpRouter.route("POST", path, (request) =>
        withBody(request, (bytes) => admitted(request, Effect.map(Effect.flatMap(checkedBody<A>(bytes), answer), json)))
      )

    const signIn = HttpRouter.route("POST", "/api/session", (request) =>
      withBody(request, (bytes) =>
        Effect.gen(function* () {
          const now = yield* monotonicMillis
          if (!access.tokenRequired) return json(session(true))
          const { token } = yield* checkedBody<Body>(bytes)
          const signed = typeof token === "string" ? access.signIn(token, now) : null
          if (signed === "locked") return errorResponse(429, tooManyFailures)
          if (signed === null) return errorResponse(401, wrongToken)
          const isSecure = request.headers["origin"]?.startsWith("https://") === true
          const cookie = setCookie(request.headers, signed.cookie, isSecure, sessionMillis)
          return HttpServerResponse.setHeader(json(session(true)), "set-cookie", cookie)
        }).pipe(Effect.catchCause((cause) => Effect.succeed(failureResponse(cause))))
      )
    )
    const signOut = HttpRouter.route("DELETE", "/api/session", (request) =>
      Effect.sync(() => {
        access.signOut(accessOf(request))
        return HttpServerResponse.setHeader(
          json(session(!access.tokenRequired)),
          "set-cookie",
          setCookie(request.headers, "", false, 0)
        )
      })
    )
    const asked = HttpRouter.route("GET", "/api/session", (request) =>
      Effect.map(monotonicMillis, (now) => json(session(access.isSignedIn(accessOf(request), now))))
    )
    const live = HttpRouter.route("GET", "/api/live", (request) => {
      const cookie = cookieOf(request.headers)
      const isAllowed = (now: number) => access.isSignedIn(accessOf(request), now)
      return admitted(
        request,
        liveResponse(state, queryOf(request), access.tokenRequired && cookie !== null ? isAllowed : () => true)
      )
    })

    const cards = Effect.gen(function* () {
      const now = yield* Clock.currentTimeMillis
      // Without the store's key its entries' times are known all the same.
      const entries = yield* Effect.orElseSucceed(credentials.list, () => [])
      const storedAt = new Map(entries.map(({ name, updatedAt }) => [name, updatedAt]))
      return {
        at: now,
        connections: all.map((connection) => connectionCard(state, connection, storedAt, now))
      } satisfies ConnectionsAnswer
    })

    const overview = (query: Query) =>
      Effect.gen(function* () {
        const period = yield* oneOf("period", query.get("period") ?? "1h", periods)
        const now = yield* Clock.currentTimeMillis
        return overviewOf(
          {
            counts: state.counts,
            connections: state.connections,
            platformOf: (id) => state.platformOf(id),
            waiting: (id) => state.waiting(id),
            deadLettered: (since, until) => state.deadLetters.arrived("normalizer", since, until),
            intakeWaiting: state.intakeWaiting,
            completeSince: state.completeSince ?? now,
            loading: state.loading || state.deadLettersLoading,
            ledger: state.alerts.ledger(state.hasHealth(now))
          },
          period as Period,
          now
        )
      })

    const samples = (query: Query) =>
      Effect.gen(function* () {
        const connectionId = yield* needed(query, "connection")
        const step = (yield* oneOf("step", yield* needed(query, "step"), stepNames)) as StepName
        const reason = query.get("reason") ?? ""
        const found = state.samples.get(connectionId, step, reason)
        return { connection_id: connectionId, step, reason, samples: found.map(resultRow) }
      })

    const explain = (body: ExplainRequest) =>
      Effect.gen(function* () {
        const isChosen = ({ id, enabled }: (typeof all)[number]) => body.connections?.includes(id) ?? enabled
        const chosen = all.filter(isChosen)
        if (typeof body.event_id === "string") {
          const { explanation } = yield* explainTraced({ text: storedId(body.event_id), kind: "any" }, chosen, {
            index,
            eventsMax: 1
          })
          return explanation === null ? yield* noSuchEvent : explanationOf(explanation)
        }
        if (typeof body.event !== "string")
          return yield* invalid("event", "it is missing", "Give a raw event as JSON text.")
        const text = body.event
        yield* Effect.try({
          try: (): unknown => JSON.parse(text),
          catch: () => invalid("event", "it is not JSON", "Paste one JSON object.")
        })
        return explanationOf(explainJson(text, { connections: chosen, now: yield* Clock.currentTimeMillis }))
      })

    return [
      ...[asked, signIn, signOut, live],
      get("/api/overview", overview),
      get("/api/samples", samples),
      get("/api/connections", () => cards),
      get("/api/history", (query) =>
        Effect.flatMap(needed(query, "connection"), (id) => readHistory(id, numberOf(query, "since")))
      ),
      get("/api/events", (query) => Effect.flatMap(needed(query, "q"), (q) => findEvents(q, index))),
      post<ExplainRequest>("/api/explain", explain),
      get("/api/dead-letters", () =>
        Effect.map(Clock.currentTimeMillis, (at) => ({
          at,
          groups: state.deadLetters.list(),
          total: state.deadLetters.total,
          loading: state.deadLettersLoading
        }))
      ),
      get("/api/dead-letters/samples", (query) =>
        Effect.map(Effect.all([needed(query, "stage"), needed(query, "reason")]), ([stage, reason]) => ({
          samples: state.deadLetters.samples(stage, reason, query.get("connection") || null)
        }))
      ),
      get("/api/redrives", () => Effect.sync(() => ({ redrives: state.redrives }))),
      post<Body>("/api/redrives/plan", (body) => Effect.flatMap(readRedriveSelection(body), redrives.plan)),
      post<Body>("/api/redrives/confirm", ({ plan_id }) => redrives.confirm(String(plan_id))),
      post<Body>("/api/redrives/cancel", ({ redrive_id }) => redrives.cancel(String(redrive_id))),
      get("/api/alerts", (query) => Effect.sync(() => state.alerts.list(numberOf(query, "since") ?? 0))),
      get("/api/replays", () => Effect.sync(() => ({ replays: state.replays.list() })))
    ] satisfies ReadonlyArray<Route>
  })

const noSuchEvent = new RequestError({
  status: 404,
  code: "not_found",
  message: "The event was not found, or its records are gone.",
  nextStep: "Search for it: the answer says where was looked."
})
const tooManyFailures = {
  code: "too_many_attempts",
  message: "Too many wrong tokens were given.",
  nextStep: "Try again in a minute."
}
const wrongToken = {
  code: "wrong_token",
  message: "The token is wrong.",
  nextStep: "Use the value of CAPI_CONSOLE_TOKEN."
}
