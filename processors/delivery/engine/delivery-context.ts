/** All that one connection has for itself, so that its trouble is no other's: limiter, breaker, gate, token, batch size. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { Codecs } from "../../../shared/codec/codecs.ts"
import type { Connection } from "../../../shared/connections/connection.ts"
import type { Connector, EventVerdict, Limits } from "../../../shared/connectors/connector.ts"
import { failureVerdict } from "../../../shared/connectors/http/http-failure.ts"
import { topicNames } from "../../../shared/model/topics.ts"
import { type BatchOptimizer, makeBatchOptimizer } from "../resilience/batch-optimizer.ts"
import { type CircuitBreaker, type CircuitState, makeCircuitBreaker } from "../resilience/circuit-breaker.ts"
import { type ConnectionPause, isHealthy, makeConnectionPause } from "../resilience/connection-pause.ts"
import { type DeadlineSemaphore, makeDeadlineSemaphore } from "../resilience/deadline-semaphore.ts"
import { makeRateLimiter, type RateLimiter } from "../resilience/rate-limiter.ts"
import { type ConnectionCredential, makeConnectionCredential } from "./connection-credential.ts"
import type { DeliveryServices } from "./delivery-services.ts"
import { limitsOf, rateOf } from "./limits.ts"
import { type LogOnce, makeLogOnce } from "./log-once.ts"
import { type DeliveryMetrics, makeDeliveryMetrics } from "./metrics.ts"
import { makeProbeMode, type ProbeMode } from "./probe-mode.ts"
import type { RecipientKey } from "./recipient-key.ts"
import type { DeliverySettings } from "./settings.ts"
import { UncommittedResponses } from "./uncommitted-responses.ts"

export interface DeliveryContext {
  readonly connector: Connector
  readonly connection: Connection
  readonly settings: DeliverySettings
  readonly services: DeliveryServices
  readonly codecs: Codecs["Service"]
  readonly limits: Limits
  readonly breaker: CircuitBreaker
  readonly limiter: RateLimiter
  /** Questions for final outcomes: platforms count reads apart from writes (Google), by the same limits. */
  readonly pollLimiter: RateLimiter
  readonly pause: ConnectionPause
  readonly credential: ConnectionCredential
  readonly optimizer: BatchOptimizer
  /** Requests in flight; the next place goes to the earliest deadline among all partitions. */
  readonly slots: DeadlineSemaphore
  readonly metrics: DeliveryMetrics
  readonly logWarnings: LogOnce
  /** For requests that are not idempotent. */
  readonly probeMode: ProbeMode
  /** Answers that are not committed yet, of the same requests. */
  readonly uncommitted: UncommittedResponses
  /** Ends with the connection's processor. */
  readonly scope: Scope.Scope
  /** Asks the platform, with the credential read anew, whether it works. */
  readonly probe: Effect.Effect<EventVerdict>
}

export interface DeliveryOptions {
  readonly connector: Connector
  readonly connection: Connection
  readonly settings: DeliverySettings
  readonly services: DeliveryServices
}

/** A connection's delivery; its changes of state are published until the scope closes. */
export const makeDeliveryContext = Effect.fnUntraced(function* (options: DeliveryOptions) {
  const { connector, connection, settings, services } = options
  const codecs = yield* Codecs
  const limits = limitsOf(connector, connection)
  const metrics = makeDeliveryMetrics(connection.id, connection.platform)
  const breaker = yield* makeCircuitBreaker(settings.breaker)
  const limiter = yield* makeRateLimiter(rateOf(limits, settings))
  const questions = yield* makeRateLimiter(rateOf({ ...limits, eventsPerWindow: null }, settings))
  const access = makeConnectionCredential(connector, connection, services, settings)
  const probe = Effect.suspend(() => {
    const problem = services.recipientKey?.problem() ?? null
    return problem === null
      ? Effect.andThen(access.invalidate, probePlatform(connector, access, services))
      : Effect.succeed(problem)
  })
  const announce = announceState({ ...options, codecs })
  const catchUp = limiter.rampUp(settings.catchUpFrom, settings.catchUpOver)
  const gate = makeConnectionPause({
    probe,
    settings,
    refreshable: connector.refresh !== undefined,
    onChange: (reason) =>
      Effect.gen(function* () {
        if (reason === null) yield* catchUp
        yield* metrics.paused(reason !== null)
        yield* announce(yield* breaker.state, reason)
      })
  })
  const delivery: DeliveryContext = {
    connector,
    connection,
    settings,
    services: services,
    codecs,
    limits,
    breaker,
    limiter,
    pollLimiter: questions,
    pause: gate,
    credential: access,
    metrics,
    logWarnings: makeLogOnce(connection.id),
    probe,
    probeMode: makeProbeMode(),
    uncommitted: new UncommittedResponses(),
    scope: yield* Effect.scope,
    optimizer: makeBatchOptimizer({
      ...settings.optimizer,
      sizeMax: limits.eventsPerRequest,
      sizeMin: Math.min(limits.eventsPerRequest, settings.optimizer.sizeMin)
    }),
    slots: makeDeadlineSemaphore(limits.concurrency)
  }
  yield* Effect.forkScoped(watchCircuit(delivery, announce, catchUp))
  if (services.recipientKey !== undefined) yield* Effect.forkScoped(watchKey(gate, services.recipientKey))
  return delivery
}) as (options: DeliveryOptions) => Effect.Effect<DeliveryContext, never, Codecs | Scope.Scope>

/** Publishes each change of the circuit; none of what it does can fail. */
const watchCircuit = (delivery: DeliveryContext, announce: Announce, catchUp: Effect.Effect<void>) => {
  let before: CircuitState = "CLOSED"
  return Stream.runForEach(delivery.breaker.changes, (state) =>
    Effect.gen(function* () {
      if (state === "CLOSED" && before !== "CLOSED") yield* catchUp
      before = state
      yield* delivery.metrics.circuit(state)
      yield* announce(state, yield* delivery.pause.paused)
    })
  )
}

/** Pauses the connection as soon as its messages could not be opened, before the first one comes. */
const watchKey = (gate: ConnectionPause, key: RecipientKey) =>
  Stream.runForEach(key.changes, (problem) =>
    problem === null ? Effect.asVoid(Effect.forkScoped(gate.await)) : gate.pause(problem)
  )

type Announce = (circuit: CircuitState, paused: EventVerdict | null) => Effect.Effect<void>

/** Writes the connection's state to `connector-state`, at once, since a step that waits for hours commits nothing. */
const announceState =
  ({ connection, services, codecs }: DeliveryOptions & { readonly codecs: Codecs["Service"] }): Announce =>
  (circuit, paused) =>
    Effect.gen(function* () {
      const now = yield* Clock.currentTimeMillis
      const value = codecs.encode(topicNames.state, "connector-state", {
        connection_id: connection.id,
        platform: connection.platform,
        status: paused !== null ? "error" : statusOf[circuit],
        circuit_state: circuit,
        timestamp: now,
        cause: paused?.errorClass ?? (circuit === "CLOSED" ? null : "transient"),
        message: paused?.message ?? messageOf[circuit],
        paused: paused !== null || circuit === "OPEN"
      })
      yield* logState(connection, circuit, paused)
      yield* services.publish([{ topic: topicNames.state, key: connection.id, value }])
    }).pipe(
      Effect.retry(Schedule.max([Schedule.exponential("500 millis"), Schedule.recurs(4)])),
      Effect.catchCause((cause) => Effect.logWarning("A connection's state could not be published.", cause))
    )

const logState = (connection: Connection, circuit: CircuitState, paused: EventVerdict | null) => {
  const annotate = Effect.annotateLogs({ connection: connection.id, circuit, reason: paused?.reasonCode ?? null })
  if (paused !== null) return Effect.logError("The connection is paused: a person may have to act.").pipe(annotate)
  if (circuit === "OPEN") return Effect.logWarning("The circuit is open: the platform does not answer.").pipe(annotate)
  return Effect.logInfo("The connection's state changed.").pipe(annotate)
}

const probePlatform = (
  connector: Connector,
  access: ConnectionCredential,
  services: DeliveryServices
): Effect.Effect<EventVerdict> =>
  Effect.gen(function* () {
    const context = yield* access.context
    return connector.probeVerdict(yield* services.execute(connector.probe(context)))
  }).pipe(
    Effect.catchTags({
      AccessFailure: (failure) => Effect.succeed(failure.verdict),
      HttpFailure: (failure) => {
        const verdict = failureVerdict(failure)
        return Effect.succeed(verdict._tag === "All" ? verdict.verdict : unreachable)
      }
    })
  )

/** Whether the platform works, apart from the events at hand. */
export const platformWorks = (delivery: DeliveryContext): Effect.Effect<boolean> =>
  Effect.map(delivery.probe, isHealthy)

const unreachable: EventVerdict = { errorClass: "transient", reasonCode: null, message: null }
const statusOf = { CLOSED: "connected", HALF_OPEN: "pending", OPEN: "disconnected" } as const
const messageOf = {
  CLOSED: null,
  HALF_OPEN: "The platform is tried with few events.",
  OPEN: "The platform failed repeatedly; consumption waits until it recovers."
} as const
