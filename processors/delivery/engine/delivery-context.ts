/** The state of one connection at run time, so that its trouble delays no other: limiter, breaker, pause, token, batch size. */

import * as Effect from "effect/Effect"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { Codecs } from "../../../shared/codec/codecs.ts"
import type { Connection } from "../../../shared/connections/connection.ts"
import type { Connector, EventVerdict, Limits } from "../../../shared/connectors/connector.ts"
import { failureVerdict } from "../../../shared/connectors/http/http-failure.ts"
import type { Suppressions } from "../../../shared/suppression/suppressions.ts"
import { CurrentTracing, type Tracing } from "../../../shared/telemetry/tracing.ts"
import { type BatchOptimizer, makeBatchOptimizer } from "../resilience/batch-optimizer.ts"
import { type CircuitBreaker, type CircuitState, makeCircuitBreaker } from "../resilience/circuit-breaker.ts"
import {
  type ConnectionPause,
  isHealthy,
  makeConnectionPause,
  makeProbeMode,
  type ProbeMode
} from "../resilience/connection-pause.ts"
import { type DeadlineSemaphore, makeDeadlineSemaphore } from "../resilience/deadline-semaphore.ts"
import { makeRateLimiter, type RateLimiter } from "../resilience/rate-limiter.ts"
import {
  type ConnectionCredential,
  type CredentialTimes,
  makeConnectionCredential,
  unknownTimes,
  watchCredentialExpiry
} from "./connection-credential.ts"
import { Confirmation, logState, writeState } from "./connection-state.ts"
import { DeliveryServices, type DeliveryServicesShape } from "./delivery-services.ts"
import { handledInOrder } from "./handled-in-order.ts"
import type { RecipientKey } from "./recipient-key.ts"
import { type DeliverySettings, limitsOf, rateOf } from "./settings.ts"
import { type DeliveryMetrics, type LogOnce, makeDeliveryMetrics, makeLogOnce } from "./telemetry.ts"
import { UncommittedResponses } from "./uncommitted-responses.ts"

export interface DeliveryContextShape {
  readonly connector: Connector
  readonly connection: Connection
  readonly settings: DeliverySettings
  readonly services: DeliveryServicesShape
  readonly codecs: Codecs["Service"]
  readonly suppressions: Suppressions
  readonly limits: Limits
  readonly breaker: CircuitBreaker
  readonly limiter: RateLimiter
  /** For polls of final outcomes: platforms count reads apart from writes (Google), by the same limits. `limiter` where nothing is polled. */
  readonly pollLimiter: RateLimiter
  readonly pause: ConnectionPause
  readonly confirmation: Confirmation
  readonly credential: ConnectionCredential
  readonly optimizer: BatchOptimizer
  /** Bounds requests in flight; the next permit goes to the earliest deadline among all partitions. */
  readonly slots: DeadlineSemaphore
  readonly metrics: DeliveryMetrics
  readonly logWarnings: LogOnce
  /** Null where traces are not exported. */
  readonly tracing: Tracing | null
  /** For requests that are not idempotent. */
  readonly probeMode: ProbeMode
  /** Of the same requests: responses that are not committed yet. */
  readonly uncommitted: UncommittedResponses
  /** Ends with the connection's processor. */
  readonly scope: Scope.Scope
  /** Asks the platform, with the credential read again, whether it works. */
  readonly probe: Effect.Effect<EventVerdict>
}

export interface DeliveryOptions {
  readonly connector: Connector
  readonly connection: Connection
  readonly settings: DeliverySettings
}

/** A connection's context; its changes of state are published until the scope closes. */
export const makeDeliveryContext = (
  options: DeliveryOptions
): Effect.Effect<DeliveryContextShape, never, Codecs | DeliveryServices | Scope.Scope> =>
  Effect.gen(function* () {
    const { connector, connection, settings } = options
    const codecs = yield* Codecs
    const services = yield* DeliveryServices
    const limits = limitsOf(connector, connection)
    const metrics = yield* makeDeliveryMetrics(connection.id, connection.platform)
    yield* Effect.addFinalizer(() => metrics.removeGauges)
    const breaker = yield* makeCircuitBreaker(settings.breaker)
    const limiter = yield* makeRateLimiter(rateOf(limits, settings))
    const credential = makeConnectionCredential(connector, connection, services, settings)
    let times = unknownTimes
    const write = writeState({ connection, codecs, services, times: () => times })
    const publish = (circuit: CircuitState, paused: EventVerdict | null) => {
      confirmation.said()
      return Effect.andThen(logState(connection, circuit, paused), write(circuit, paused))
    }
    const publishAgain = Effect.flatMap(breaker.state, (circuit) =>
      Effect.flatMap(
        Effect.suspend(() => pause.paused),
        (paused) => write(circuit, paused)
      )
    )
    const confirmation = new Confirmation(() => publishLater(publishAgain))
    const catchUp = limiter.rampUp(settings.catchUpFrom, settings.catchUpOver)
    const probe = Effect.suspend(() => {
      const problem = services.recipientKey?.problem() ?? null
      return problem === null
        ? Effect.andThen(credential.invalidate, probePlatform(connector, credential, services))
        : Effect.succeed(problem)
    })
    // Not by the steps that notice the changes: these may end meanwhile, with their partition. Nothing waits for the broker here.
    const publishLater = yield* handledInOrder((published: Effect.Effect<void>) => published)
    const pause = makeConnectionPause({
      probe,
      settings,
      refreshable: connector.refresh !== undefined,
      onChange: (reason) =>
        Effect.gen(function* () {
          if (reason === null) yield* catchUp
          yield* metrics.paused(reason !== null)
          const circuit = yield* breaker.state
          publishLater(publish(circuit, reason))
        }),
      // Another instance may have said since that all is well, as each does at its start.
      onRefused: Effect.sync(() => publishLater(publishAgain))
    })
    const onCircuit = (state: CircuitState, before: CircuitState) =>
      Effect.gen(function* () {
        if (state === "CLOSED" && before !== "CLOSED") yield* catchUp
        yield* metrics.circuit(state)
        publishLater(publish(state, yield* pause.paused))
      })
    let circuit: CircuitState = "CLOSED"
    const changed = yield* handledInOrder((state: CircuitState) => {
      const before = circuit
      circuit = state
      return onCircuit(state, before)
    })
    breaker.observe(changed)
    changed("CLOSED")
    const onTimes = (changed: CredentialTimes) =>
      Effect.gen(function* () {
        times = changed
        yield* metrics.credentialExpiry(times.expiresAt)
        yield* publish(yield* breaker.state, yield* pause.paused)
      })
    yield* Effect.forkScoped(watchCredentialExpiry(connector, credential, services, onTimes))
    if (services.recipientKey !== undefined) yield* Effect.forkScoped(watchKey(pause, services.recipientKey))
    return {
      connector,
      connection,
      settings,
      services,
      codecs,
      suppressions: services.suppressions,
      limits,
      breaker,
      limiter,
      pollLimiter:
        connector.asyncOutcome === undefined
          ? limiter
          : yield* makeRateLimiter(rateOf({ ...limits, eventsPerWindow: null }, settings)),
      pause,
      confirmation,
      credential,
      optimizer: makeBatchOptimizer({
        ...settings.optimizer,
        sizeMax: limits.eventsPerRequest,
        sizeMin: Math.min(limits.eventsPerRequest, settings.optimizer.sizeMin)
      }),
      slots: makeDeadlineSemaphore(limits.concurrency),
      metrics,
      logWarnings: makeLogOnce(connection.id),
      tracing: yield* CurrentTracing,
      probeMode: makeProbeMode({ probe, breaker, limiter, pause, retry: settings.retry }),
      uncommitted: new UncommittedResponses(),
      scope: yield* Scope.Scope,
      probe
    }
  })

/** Pauses the connection as soon as its messages could not be opened, before the first one comes. */
const watchKey = (pause: ConnectionPause, key: RecipientKey) =>
  Stream.runForEach(key.changes, (problem) =>
    problem === null ? Effect.asVoid(Effect.forkScoped(pause.await)) : pause.pause(problem)
  )

const probePlatform = (
  connector: Connector,
  credential: ConnectionCredential,
  services: DeliveryServicesShape
): Effect.Effect<EventVerdict> =>
  Effect.gen(function* () {
    const context = yield* credential.context
    return connector.probeVerdict(yield* services.execute(connector.probe(context)))
  }).pipe(
    Effect.catchTags({
      CredentialFailure: (failure) => Effect.succeed(failure.verdict),
      HttpFailure: (failure) => {
        const verdict = failureVerdict(failure)
        return Effect.succeed(verdict._tag === "All" ? verdict.verdict : unreachable)
      }
    })
  )

/** Whether the platform works, apart from the events at hand. */
export const platformWorks = ({ probe }: DeliveryContextShape): Effect.Effect<boolean> => Effect.map(probe, isHealthy)

const unreachable: EventVerdict = { errorClass: "transient", reasonCode: null, message: null }
