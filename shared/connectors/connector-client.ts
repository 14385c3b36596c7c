/** The specification's common contract of every connector, on top of its pure parts: for the command line and for checks. */

import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import type { MappedEvent, NormalizedEvent, NormalizedUser } from "../../schemas/types.gen.ts"
import { envelopeBytes } from "../connections/connector-rules.ts"
import { nextStepToSet } from "../credentials/step-to-set.ts"
import { monotonicMillis } from "../model/monotonic.ts"
import type {
  BatchVerdict,
  CAPIResponse,
  ConnectionResult,
  Connector,
  ErrorClass,
  EventVerdict,
  HttpRequestSpec,
  HttpResponseSpec,
  JsonObject,
  MapResult,
  RequestContext
} from "./connector.ts"
import { HttpTransport } from "./http/http-client.ts"
import { failureVerdict, type HttpFailure, httpVerdict } from "./http/http-failure.ts"
import { mappingContext } from "./mapping/compile.ts"
import { readAnswer } from "./read-answer.ts"
import { withoutStatus } from "./verdicts.ts"

export interface ConnectorClient {
  /** Whether the connection is complete and the platform accepts its address, account and credential. */
  readonly connect: Effect.Effect<ConnectionResult>
  /** The platform's part of `connect` alone: a request without events, nothing is stored. */
  readonly testConnection: Effect.Effect<ConnectionResult>
  /** Sends mapped events in requests of the platform's size, each once; the delivery engine retries, this does not. */
  readonly sendEvents: (events: ReadonlyArray<MappedEvent>) => Effect.Effect<CAPIResponse>
  readonly formatUserData: (user: NormalizedUser) => JsonObject
  /** `now` in milliseconds, for age limits; null checks none. */
  readonly mapEvent: (event: NormalizedEvent, now: number | null) => MapResult
}

/** The client of one connection with its credential, over the transport of its platform. */
export const connectorClient = (
  connector: Connector,
  context: RequestContext
): Effect.Effect<ConnectorClient, never, HttpTransport> =>
  Effect.map(HttpTransport, ({ execute }): ConnectorClient => {
    const { connection } = context
    const testConnection = probe(connector, context, execute)
    const missing = missingOf(connector, context)
    return {
      testConnection,
      connect: missing === null ? testConnection : Effect.succeed(resultOf(connector, context, missing, null)),
      sendEvents: (events) =>
        Effect.matchEffect(authorize(connector, context, execute), {
          onFailure: (verdict) => Effect.succeed(refusedAll(connector, events, verdict)),
          onSuccess: (authorized) => sendEvents(connector, authorized, execute, events)
        }),
      formatUserData: (user) => connector.formatUserData(user, connection),
      mapEvent: (event, now) => connector.mapEvent(event, mappingContext(connection, now))
    }
  })

export type Execute = (request: HttpRequestSpec) => Effect.Effect<HttpResponseSpec, HttpFailure>

/** The context with an access token, where the platform wants a fresh one; fails with the reason where it gets none. */
export const authorize = (
  connector: Connector,
  context: RequestContext,
  execute: Execute
): Effect.Effect<RequestContext, EventVerdict> => {
  const { refresh } = connector
  if (refresh === undefined) return Effect.succeed(context)
  return Effect.gen(function* () {
    const response = yield* Effect.mapError(execute(refresh.request(context)), httpVerdict)
    const token = refresh.read(response)
    if (token._tag === "Refused") return yield* Effect.fail(token.verdict)
    return { ...context, secret: { ...context.secret, access_token: token.accessToken } }
  })
}

const probe = (connector: Connector, context: RequestContext, execute: Execute): Effect.Effect<ConnectionResult> =>
  Effect.gen(function* () {
    const started = yield* monotonicMillis
    const answered = yield* Effect.result(
      Effect.flatMap(authorize(connector, context, execute), (authorized) =>
        Effect.mapBoth(execute(connector.probe(authorized)), {
          onFailure: httpVerdict,
          onSuccess: connector.probeVerdict
        })
      )
    )
    const verdict = Result.isSuccess(answered) ? answered.success : answered.failure
    return resultOf(connector, context, verdict, (yield* monotonicMillis) - started)
  })

// `pending`: the platform answers and may accept, but not now. `disconnected`: no platform's answer at all.
const statuses: Record<ErrorClass, ConnectionResult["status"]> = {
  delivered: "connected",
  accepted: "connected",
  duplicate: "connected",
  invalid_event: "connected",
  throttled: "pending",
  transient: "disconnected",
  unknown: "disconnected",
  auth: "error",
  configuration: "error"
}

const resultOf = (
  connector: Connector,
  { connection }: RequestContext,
  verdict: EventVerdict,
  latencyMillis: number | null
): ConnectionResult => ({
  status: statuses[verdict.errorClass],
  platform: connector.platform,
  message: verdict.message ?? statuses[verdict.errorClass],
  details: {
    connection_id: connection.id,
    kind: connector.kind,
    host: connection.endpoint.host,
    version: connection.endpoint.version,
    account: connection.account,
    error_class: verdict.errorClass,
    reason_code: verdict.reasonCode,
    next_step: verdict.nextStep ?? null,
    latency_ms: latencyMillis
  }
})

/** What the connection or its credential lacks, by the connector's own lists. */
const missingOf = (connector: Connector, { connection, secret }: RequestContext): EventVerdict | null => {
  const { required, anyOf = [] } = connector.account
  const absent = required.filter((key) => !connection.account[key])
  if (anyOf.length > 0 && !anyOf.some((key) => connection.account[key])) absent.push(anyOf.join(" or "))
  if (absent.length > 0)
    return lacks("missing_account_id", `account.${absent.join(", account.")}`, "Add it in connections.yaml.")
  const fields = connector.credential.required.filter((field) => secret[field] === undefined)
  if (fields.length === 0) return null
  // A value takes the place of the whole credential.
  const next = nextStepToSet(connection.credential, `a value that has ${connector.credential.required.join(" and ")}`)
  return lacks("missing_credential_field", `its credential's ${fields.join(", ")}`, next)
}

const lacks = (reasonCode: string, what: string, nextStep: string): EventVerdict => ({
  errorClass: "configuration",
  reasonCode,
  message: `The connection lacks ${what}.`,
  nextStep
})

const refusedAll = (connector: Connector, events: ReadonlyArray<MappedEvent>, verdict: EventVerdict): CAPIResponse => ({
  success: false,
  events_received: events.length,
  events_processed: 0,
  errors: events.map(({ event_id }) => ({
    event_id,
    code: verdict.reasonCode ?? verdict.errorClass,
    message: verdict.message ?? verdict.errorClass
  })),
  platform: connector.platform,
  request_id: null
})

/**
 * The specification's `sendEvents`: every event once, in requests of one batch group and of the platform's size. Where
 * the platform names invalid events and took nothing, the others are sent again without them. Nothing else is repeated.
 */
const sendEvents = (
  connector: Connector,
  context: RequestContext,
  execute: Execute,
  events: ReadonlyArray<MappedEvent>
): Effect.Effect<CAPIResponse> =>
  Effect.gen(function* () {
    const outcomes: Array<Outcome> = []
    for (const request of requestsOf(connector, context, events)) {
      outcomes.push(...(yield* sendOne(connector, context, execute, request)))
    }
    const failed = outcomes.filter(({ verdict }) => !isTaken(verdict))
    return {
      success: failed.length === 0,
      events_received: events.length,
      events_processed: outcomes.length - failed.length,
      errors: failed.map(({ event, verdict }) => ({
        event_id: event.event_id,
        code: verdict.reasonCode ?? verdict.errorClass,
        message: verdict.message ?? verdict.errorClass
      })),
      platform: connector.platform,
      request_id: outcomes.findLast(({ requestId }) => requestId !== null)?.requestId ?? null
    }
  })

interface Outcome {
  readonly event: MappedEvent
  readonly verdict: EventVerdict
  readonly requestId: string | null
}

const isTaken = ({ errorClass }: EventVerdict): boolean =>
  errorClass === "delivered" || errorClass === "accepted" || errorClass === "duplicate"

// Each answer that names invalid events takes at least one event away; a platform that names one at a time is not followed for ever.
const resendsMax = 10

const sendOne = (
  connector: Connector,
  context: RequestContext,
  execute: Execute,
  events: ReadonlyArray<MappedEvent>,
  resends = 0
): Effect.Effect<ReadonlyArray<Outcome>> =>
  Effect.gen(function* () {
    const unsendable = events.map((event) => connector.unsendable?.(event, context) ?? null)
    if (unsendable.some((verdict) => verdict !== null)) {
      const sendable = events.filter((_, index) => unsendable[index] === null)
      const refused = events.flatMap((event, index): ReadonlyArray<Outcome> => {
        const verdict = unsendable[index]
        return verdict === null || verdict === undefined ? [] : [{ event, verdict, requestId: null }]
      })
      const sent = sendable.length === 0 ? [] : yield* sendOne(connector, context, execute, sendable)
      return [...refused, ...sent]
    }
    const verdict = yield* Effect.match(execute(connector.request(events, context)), {
      onFailure: failureVerdict,
      onSuccess: (response) => readAnswer(connector, context.connection, response, events)
    })
    const first = events.map((event, index) => ({
      event,
      verdict: verdictFor(verdict, index),
      requestId: verdict.requestId
    }))
    if (verdict._tag !== "InvalidEvents" || resends >= resendsMax) return first
    const others = events.filter((_, index) => !verdict.invalidEvents.has(index))
    if (others.length === 0) return first
    const rest = yield* sendOne(connector, context, execute, others, resends + 1)
    return [...first.filter((_, index) => verdict.invalidEvents.has(index)), ...rest]
  })

const verdictFor = (verdict: BatchVerdict, index: number): EventVerdict => {
  switch (verdict._tag) {
    case "PerEvent":
      return verdict.events[index] ?? withoutStatus
    case "InvalidEvents":
      return (
        verdict.invalidEvents.get(index) ?? {
          ...withoutStatus,
          message: "Not taken because of another event of the request."
        }
      )
    default:
      return verdict.verdict
  }
}

/** The events in requests: of one batch group, at most the platform's number and bytes. */
const requestsOf = (
  connector: Connector,
  { connection }: RequestContext,
  events: ReadonlyArray<MappedEvent>
): ReadonlyArray<ReadonlyArray<MappedEvent>> => {
  const { eventsPerRequest, bytesPerRequest } = connector.limits[connection.limits.profile]
  const requests: Array<ReadonlyArray<MappedEvent>> = []
  for (const group of Map.groupBy(events, ({ batch_group }) => batch_group).values()) {
    let request: Array<MappedEvent> = []
    let bytes = 0
    for (const event of group) {
      const size = Buffer.byteLength(event.payload) + 1
      if (
        request.length > 0 &&
        (request.length >= eventsPerRequest || bytes + size > bytesPerRequest - envelopeBytes)
      ) {
        requests.push(request)
        request = []
        bytes = 0
      }
      request.push(event)
      bytes += size
    }
    requests.push(request)
  }
  return requests
}
