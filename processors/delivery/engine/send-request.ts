/** One request: pause → deadline order → circuit breaker → rate limiter → credential → send intent → HTTP → verdict. */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Result from "effect/Result"
import type { BatchVerdict, Connector, EventVerdict, RequestContext } from "../../../shared/connectors/connector.ts"
import { failureVerdict } from "../../../shared/connectors/http/http-failure.ts"
import { uniformVerdict, verdictMeta } from "../../../shared/connectors/verdicts.ts"
import type { KafkaError } from "../../../shared/kafka/client.ts"
import type { RequestTracker } from "../../../shared/runtime/requests.ts"
import type { CallOutcome } from "../resilience/circuit-breaker.ts"
import type { DeliveryContextShape } from "./delivery-context.ts"
import {
  callOutcome,
  type Interpretable,
  isAmbiguous,
  isUndocumented,
  overallClass,
  takenOf
} from "./interpret-response.ts"
import type { DeliveryEvent, Outcome, RequestFacts } from "./outcome.ts"
import { traceRequest } from "./trace-outcomes.ts"
import { deadlineOf, separateUnsendable } from "./triage.ts"

export interface RequestResult extends Interpretable {
  /** Events that expired, or whose person was suppressed, while they waited. */
  readonly stopped: ReadonlyArray<Outcome>
  /** Not sent yet: a half-open circuit takes few events. */
  readonly held: ReadonlyArray<DeliveryEvent>
  /** How it counts for the circuit; `ignored` where the platform was not asked. */
  readonly callOutcome: CallOutcome
}

/** What a request led to. */
export type ResponseReading = Pick<RequestResult, "verdict" | "facts" | "ambiguous">

/** What guards requests against a second delivery, where the platform does not recognize a repeated one. */
export interface IdempotencyGuardShape {
  /** Waits while no request may begin. */
  readonly ready: Effect.Effect<void>
  /** Whether one may. */
  readonly isReady: () => boolean
  /** Makes durable that events are about to be sent. */
  readonly declare: (events: ReadonlyArray<DeliveryEvent>) => Effect.Effect<void, KafkaError>
  /** Sends a request for events and remembers what it led to, also if the caller is interrupted. */
  readonly track: (
    events: ReadonlyArray<DeliveryEvent>,
    send: Effect.Effect<ResponseReading>
  ) => Effect.Effect<ResponseReading>
  /** Takes note of outcomes that a response decided. @param at milliseconds since the epoch */
  readonly decided: (outcomes: ReadonlyArray<Outcome>, at: number) => void
}

/** The guard of a partition's requests. */
export class IdempotencyGuard extends Context.Service<IdempotencyGuard, IdempotencyGuardShape>()(
  "delivery/IdempotencyGuard"
) {}

/** Nothing to guard: the platform recognizes a repeated request by its events' ids. */
export const idempotent: IdempotencyGuardShape = {
  ready: Effect.void,
  isReady: () => true,
  declare: () => Effect.void,
  track: (_, send) => send,
  decided: () => undefined
}

/** A guard whose requests, once begun, are finished and committed before their partition moves to another instance. */
export const finishedBeforeMove = (
  guard: IdempotencyGuardShape,
  requests: RequestTracker,
  isIdempotent: boolean
): IdempotencyGuardShape => ({
  ...guard,
  ready: requests.ready,
  isReady: requests.isReady,
  declare: (events) => Effect.andThen(requests.begin, guard.declare(events)),
  track: (events, send) =>
    Effect.onExit(guard.track(events, send), (exit) =>
      Effect.sync(() => requests.end(Exit.isSuccess(exit) && hasEffect(exit.value, isIdempotent)))
    )
})

/** What failed as a whole goes again in any case, except where that may be a second delivery. */
const hasEffect = ({ ambiguous, verdict }: ResponseReading, isIdempotent: boolean): boolean =>
  callOutcome(verdict) === "success" || (ambiguous && !isIdempotent)

/**
 * Sends events of one batch group, waiting as long as the connection's state and rate demand.
 *
 * @param isFailureExpected a failure does not count for the circuit
 */
export const sendRequest = (
  delivery: DeliveryContextShape,
  guard: IdempotencyGuardShape,
  events: ReadonlyArray<DeliveryEvent>,
  isFailureExpected: boolean
): Effect.Effect<RequestResult, KafkaError> => {
  const { breaker, connector, pause, settings, slots } = delivery
  const send = (count: number) => sendSome(delivery, guard, events, count)
  const counted = (result: RequestResult) =>
    [isFailureExpected && result.callOutcome === "failure" ? "ignored" : result.callOutcome, result] as const
  const call = connector.idempotent
    ? breaker.call((isHalfOpen) => Effect.map(send(isHalfOpen ? settings.probeEvents : events.length), counted))
    : probingFirst(delivery, events, (count) => Effect.map(send(count), counted))
  const waited = Effect.andThen(pause.await, guard.ready)
  return Effect.andThen(waited, slots.withPermit(deadlineOf(events), call))
}

/** Sends all of the events; in probe mode, one of them after a probe. */
const probingFirst = (
  { breaker, probeMode }: DeliveryContextShape,
  events: ReadonlyArray<DeliveryEvent>,
  send: (count: number) => Effect.Effect<readonly [CallOutcome, RequestResult], KafkaError>
): Effect.Effect<RequestResult, KafkaError> => {
  const call = breaker.call((isHalfOpen) =>
    Effect.gen(function* () {
      const isProbing = isHalfOpen || probeMode.isNeeded()
      const trouble = isProbing ? yield* probeMode.probe : null
      if (trouble !== null) return [trouble, nothingSentOf(events)] as const
      const [outcome, result] = yield* send(isProbing ? 1 : events.length)
      probeMode.note(outcome, result.ambiguous)
      return [outcome, result] as const
    })
  )
  return probeMode.oneAtATime(call, ({ sent }) => sent.length > 0)
}

/** Sends the first so many of the events. */
const sendSome = Effect.fnUntraced(function* (
  delivery: DeliveryContextShape,
  guard: IdempotencyGuardShape,
  events: ReadonlyArray<DeliveryEvent>,
  count: number
) {
  const { connector, credential, limiter, metrics, services } = delivery
  const offered = count < events.length ? events.slice(0, count) : events
  const held = events.slice(count)
  yield* metrics.limiterWait(yield* limiter.acquire({ requests: 1, events: offered.length }))
  const access = yield* Effect.result(credential.context)
  // Not waited for here: a request that has to be finished may need the permit.
  if (!guard.isReady()) return nothingSentOf(events)
  const attemptedAt = yield* Clock.currentTimeMillis
  // Pause, circuit and limiter may have taken hours, and one event too old fails a whole request of Meta's.
  const { fresh: sent, stopped } = separateUnsendable(offered, attemptedAt, delivery)
  const factsOf = (verdict: BatchVerdict, now: number): RequestFacts => ({
    requestId: verdict.requestId,
    trackingId: verdict.trackingId,
    latencyMillis: now - attemptedAt,
    attemptedAt,
    batchSize: sent.length,
    eventsReceived: verdict.eventsReceived,
    eventsTaken: takenOf(verdict, sent.length)
  })
  const withoutResponse = (verdict: BatchVerdict, asked: boolean): RequestResult => ({
    sent,
    stopped,
    held,
    verdict,
    facts: factsOf(verdict, attemptedAt),
    ambiguous: false,
    carried: false,
    callOutcome: asked ? callOutcome(verdict) : "ignored"
  })
  if (sent.length === 0) return withoutResponse(nothingSent, false)
  // The exchange for a token may have been a request.
  if (Result.isFailure(access)) return withoutResponse(uniformVerdict(verdictMeta, access.failure.verdict), true)
  const unsendable = unsendableVerdict(connector, sent, access.success)
  if (unsendable !== null) return withoutResponse(unsendable, false)
  const payloads = sent.map(({ event }) => event)
  const request = connector.request(payloads, access.success)
  yield* guard.declare(sent)
  const reading = yield* guard.track(
    sent,
    Effect.gen(function* () {
      const response = yield* Effect.result(services.execute(request))
      const verdict = Result.isSuccess(response)
        ? connector.verdict(response.success, payloads)
        : failureVerdict(response.failure)
      const answered = factsOf(verdict, yield* Clock.currentTimeMillis)
      const facts = traceRequest(delivery, { request, events: sent, facts: answered, verdict, response })
      const ambiguous = Result.isSuccess(response)
        ? isAmbiguous(response.success.status, verdict)
        : response.failure.mayHaveArrived
      return { verdict, facts, ambiguous }
    })
  )
  yield* observe(delivery, sent.length, reading)
  return { sent, stopped, held, ...reading, carried: true, callOutcome: callOutcome(reading.verdict) }
})

/** What the connector says of events that it can't put into a request; null where it can send all of them. */
const unsendableVerdict = (
  { unsendable }: Connector,
  events: ReadonlyArray<DeliveryEvent>,
  context: RequestContext
): BatchVerdict | null => {
  if (unsendable === undefined) return null
  const invalidEvents = new Map<number, EventVerdict>()
  for (const [index, { event }] of events.entries()) {
    const verdict = unsendable(event, context)
    if (verdict === null) continue
    // Not this event alone: the whole connection lacks something.
    if (verdict.errorClass !== "invalid_event") return uniformVerdict(verdictMeta, verdict)
    invalidEvents.set(index, verdict)
  }
  return invalidEvents.size === 0 ? null : { ...verdictMeta, _tag: "InvalidEvents", invalidEvents }
}

const nothingSent = uniformVerdict(verdictMeta, { errorClass: "unknown", reasonCode: null, message: null })

const nothingSentOf = (held: ReadonlyArray<DeliveryEvent>): RequestResult => ({
  sent: [],
  stopped: [],
  held,
  verdict: nothingSent,
  facts: {
    requestId: null,
    trackingId: null,
    latencyMillis: 0,
    attemptedAt: 0,
    batchSize: 0,
    eventsReceived: null,
    eventsTaken: 0
  },
  ambiguous: false,
  carried: false,
  callOutcome: "ignored"
})

/** What a response changes for the connection: batch size, rate, delay of the next pause, metrics, log. */
const observe = Effect.fnUntraced(function* (
  delivery: DeliveryContextShape,
  events: number,
  { verdict, facts }: ResponseReading
) {
  const { connection, limiter, limits, logWarnings, metrics, optimizer, pause } = delivery
  const errorClass = overallClass(verdict)
  const isSuccess = callOutcome(verdict) === "success"
  // An outage says nothing about batch sizes; a timeout does.
  const timedOut = verdict._tag === "All" && verdict.verdict.reasonCode === "http_timeout"
  if ((errorClass !== "transient" && !isUndocumented(verdict)) || timedOut) {
    const before = optimizer.result().optimized_size
    optimizer.record({ size: events, latencyMillis: facts.latencyMillis, success: isSuccess })
    const result = optimizer.result()
    if (result.optimized_size !== before)
      yield* Effect.logInfo("Another batch size is used.").pipe(
        Effect.annotateLogs({ connection: connection.id, ...result })
      )
  }
  if (verdict.usagePercent !== null) yield* limiter.reportUsage(verdict.usagePercent)
  if (isSuccess) yield* pause.resetDelay
  yield* metrics.batchSize(optimizer.size(), optimizer.result().estimated_throughput_improvement)
  yield* metrics.request({
    errorClass,
    latencyMillis: facts.latencyMillis,
    events,
    eventsMax: limits.eventsPerRequest,
    eventsTaken: facts.eventsTaken,
    eventsReceived: facts.eventsReceived
  })
  yield* logWarnings(verdict.warnings, facts.requestId)
})
