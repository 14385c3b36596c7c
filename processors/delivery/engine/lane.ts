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
import { deliveryTopics } from "../../../shared/model/delivery-topics.ts"
import { type BatchOptimizer, makeBatchOptimizer } from "../resilience/batch-optimizer.ts"
import { type CircuitBreaker, type CircuitState, makeCircuitBreaker } from "../resilience/circuit-breaker.ts"
import { makeRateLimiter, type RateLimiter } from "../resilience/rate-limiter.ts"
import { makeTurns, type Turns } from "../resilience/turns.ts"
import { type Access, makeAccess } from "./access.ts"
import { AnswerMemory } from "./answer-memory.ts"
import { type Caution, makeCaution } from "./caution.ts"
import { type Gate, makeGate, works } from "./gate.ts"
import { limitsOf, rateOf } from "./limits.ts"
import { type DeliveryMetrics, makeDeliveryMetrics } from "./metrics.ts"
import { makeNotices, type Notices } from "./notices.ts"
import type { Outside } from "./outside.ts"
import type { RecipientKey } from "./recipient-key.ts"
import type { DeliverySettings } from "./settings.ts"

export interface Lane {
  readonly connector: Connector
  readonly connection: Connection
  readonly settings: DeliverySettings
  readonly outside: Outside
  readonly codecs: Codecs["Service"]
  readonly limits: Limits
  readonly breaker: CircuitBreaker
  readonly limiter: RateLimiter
  /** Questions for final outcomes: platforms count reads apart from writes (Google), by the same limits. */
  readonly questions: RateLimiter
  readonly gate: Gate
  readonly access: Access
  readonly optimizer: BatchOptimizer
  /** Requests in flight; the next place goes to the earliest deadline among all partitions. */
  readonly turns: Turns
  readonly metrics: DeliveryMetrics
  readonly notices: Notices
  /** For requests whose repeat is not harmless. */
  readonly caution: Caution
  /** Answers that are not committed yet, of the same requests. */
  readonly answers: AnswerMemory
  /** Ends with the connection's processor. */
  readonly scope: Scope.Scope
  /** Asks the platform, with the credential read anew, whether it works. */
  readonly probe: Effect.Effect<EventVerdict>
}

export interface LaneOptions {
  readonly connector: Connector
  readonly connection: Connection
  readonly settings: DeliverySettings
  readonly outside: Outside
}

/** A connection's lane; its changes of state are published until the scope closes. */
export const makeLane = Effect.fnUntraced(function* (options: LaneOptions) {
  const { connector, connection, settings, outside } = options
  const codecs = yield* Codecs
  const limits = limitsOf(connector, connection)
  const metrics = makeDeliveryMetrics(connection.id, connection.platform)
  const breaker = yield* makeCircuitBreaker(settings.breaker)
  const limiter = yield* makeRateLimiter(rateOf(limits, settings))
  const questions = yield* makeRateLimiter(rateOf({ ...limits, eventsPerWindow: null }, settings))
  const access = makeAccess(connector, connection, outside, settings)
  const probe = Effect.suspend(() => {
    const problem = outside.recipientKey?.problem() ?? null
    return problem === null
      ? Effect.andThen(access.forget, askPlatform(connector, access, outside))
      : Effect.succeed(problem)
  })
  const announce = announceState({ ...options, codecs })
  const catchUp = limiter.rampUp(settings.catchUpFrom, settings.catchUpOver)
  const gate = makeGate({
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
  const lane: Lane = {
    connector,
    connection,
    settings,
    outside,
    codecs,
    limits,
    breaker,
    limiter,
    questions,
    gate,
    access,
    metrics,
    notices: makeNotices(connection.id),
    probe,
    caution: makeCaution(),
    answers: new AnswerMemory(),
    scope: yield* Effect.scope,
    optimizer: makeBatchOptimizer({
      ...settings.optimizer,
      sizeMax: limits.eventsPerRequest,
      sizeMin: Math.min(limits.eventsPerRequest, settings.optimizer.sizeMin)
    }),
    turns: makeTurns(limits.concurrency)
  }
  yield* Effect.forkScoped(watchCircuit(lane, announce, catchUp))
  if (outside.recipientKey !== undefined) yield* Effect.forkScoped(watchKey(gate, outside.recipientKey))
  return lane
}) as (options: LaneOptions) => Effect.Effect<Lane, never, Codecs | Scope.Scope>

/** Publishes each change of the circuit; none of what it does can fail. */
const watchCircuit = (lane: Lane, announce: Announce, catchUp: Effect.Effect<void>) => {
  let before: CircuitState = "CLOSED"
  return Stream.runForEach(lane.breaker.changes, (state) =>
    Effect.gen(function* () {
      if (state === "CLOSED" && before !== "CLOSED") yield* catchUp
      before = state
      yield* lane.metrics.circuit(state)
      yield* announce(state, yield* lane.gate.paused)
    })
  )
}

/** Pauses the connection as soon as its messages could not be opened, before the first one comes. */
const watchKey = (gate: Gate, key: RecipientKey) =>
  Stream.runForEach(key.changes, (problem) =>
    problem === null ? Effect.asVoid(Effect.forkScoped(gate.pass)) : gate.pause(problem)
  )

type Announce = (circuit: CircuitState, paused: EventVerdict | null) => Effect.Effect<void>

/** Writes the connection's state to `connector-state`, at once, since a step that waits for hours commits nothing. */
const announceState =
  ({ connection, outside, codecs }: LaneOptions & { readonly codecs: Codecs["Service"] }): Announce =>
  (circuit, paused) =>
    Effect.gen(function* () {
      const now = yield* Clock.currentTimeMillis
      const value = codecs.encode(deliveryTopics.state, "connector-state", {
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
      yield* outside.publish([{ topic: deliveryTopics.state, key: connection.id, value }])
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

const askPlatform = (connector: Connector, access: Access, outside: Outside): Effect.Effect<EventVerdict> =>
  Effect.gen(function* () {
    const context = yield* access.context
    return connector.probeVerdict(yield* outside.execute(connector.probe(context)))
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
export const platformWorks = (lane: Lane): Effect.Effect<boolean> => Effect.map(lane.probe, works)

const unreachable: EventVerdict = { errorClass: "transient", reasonCode: null, message: null }
const statusOf = { CLOSED: "connected", HALF_OPEN: "pending", OPEN: "disconnected" } as const
const messageOf = {
  CLOSED: null,
  HALF_OPEN: "The platform is tried with few events.",
  OPEN: "The platform failed repeatedly; consumption waits until it recovers."
} as const
