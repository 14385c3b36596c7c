/** The specification's common contract of every connector, on top of its pure parts: for the command line and for checks. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import type { MappedEvent, NormalizedEvent, NormalizedUser } from "../../schemas/types.gen.ts"
import type {
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
import { type HttpFailure, httpVerdict } from "./http/http-failure.ts"
import { sendEvents } from "./http/send-events.ts"

export interface ConnectorClient {
  /** Whether the connection is complete and the platform accepts its address, account and credential. */
  readonly connect: Effect.Effect<ConnectionResult>
  /** The platform's part of `connect` alone: a harmless request, nothing is stored. */
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
      formatUserData: (user) => connector.formatUserData(user, { connection, now: null }),
      mapEvent: (event, now) => connector.mapEvent(event, { connection, now })
    }
  })

export type Execute = (request: HttpRequestSpec) => Effect.Effect<HttpResponseSpec, HttpFailure>

/** The context with an access token, where the platform wants a fresh one; fails with why there is none. */
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
    const started = yield* Clock.currentTimeMillis
    const answered = yield* Effect.result(
      Effect.flatMap(authorize(connector, context, execute), (authorized) =>
        Effect.mapBoth(execute(connector.probe(authorized)), {
          onFailure: httpVerdict,
          onSuccess: connector.probeVerdict
        })
      )
    )
    const verdict = Result.isSuccess(answered) ? answered.success : answered.failure
    return resultOf(connector, context, verdict, (yield* Clock.currentTimeMillis) - started)
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
  return fields.length === 0
    ? null
    : lacks("missing_credential_field", `its credential's ${fields.join(", ")}`, "Set it by ./capi credentials set.")
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
