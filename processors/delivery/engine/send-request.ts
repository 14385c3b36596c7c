/** One request: pause → deadline order → circuit breaker → rate limiter → credential → send intent → HTTP → verdict. */
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Result from "effect/Result"
import type { BatchVerdict, Connector, EventVerdict, RequestContext } from "../../../shared/connectors/connector.ts"
import { failureVerdict } from "../../../shared/connectors/http/http-failure.ts"
import { readAnswer } from "../../../shared/connectors/read-answer.ts"
import { uniformVerdict, verdictMeta } from "../../../shared/connectors/verdicts.ts"
import type { KafkaError } from "../../../shared/kafka/client.ts"
import { monotonicMillis, monotonicMillisUnsafe } from "../../../shared/model/monotonic.ts"
import type { RequestTracker } from "../../../shared/runtime/requests.ts"
import type { CallOutcome } from "../resilience/circuit-breaker.ts"
import type { DeliveryContextShape } from "./delivery-context.ts"
import { callOutcome, type Interpretable, isAmbiguous, takenOf } from "./interpret-response.ts"
import { observeRequest } from "./observe-request.ts"
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
  isReady: () => requests.isReady(),
  declare: (events) => Effect.andThen(requests.begin, guard.declare(events)),
  track: (events, send) =>
    Effect.onExitPrimitive(guard.track(events, send), (exit) => {
      requests.end(Exit.isSuccess(exit) && hasEffect(exit.value, isIdempotent))
      return undefined
    })
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

/** Sends the first so many of the events. Plain functions where nothing is waited for: a request of one event costs little else. */
const sendSome = (
  delivery: DeliveryContextShape,
  guard: IdempotencyGuardShape,
  events: ReadonlyArray<DeliveryEvent>,
  count: number
): Effect.Effect<RequestResult, KafkaError> => {
  const { connector, credential, limiter, metrics } = delivery
  const offered = count < events.length ? events.slice(0, count) : events
  return Effect.flatMap(limiter.acquire({ requests: 1, events: offered.length }), (waited) =>
    Effect.flatMap(Effect.result(credential.context), (access) =>
      Effect.flatMap(bothTimes, ({ attemptedAt, begunAt }) => {
        // Not waited for here: a request that has to be finished may need the permit.
        if (!guard.isReady()) return Effect.as(metrics.limiterWait(waited), nothingSentOf(events))
        // Pause, circuit and limiter may have taken hours, and one event too old fails a whole request of Meta's.
        const { fresh: sent, stopped } = separateUnsendable(offered, attemptedAt, delivery)
        const parts: RequestParts = { sent, stopped, held: events.slice(count), attemptedAt, begunAt, waited }
        const unsent = (verdict: BatchVerdict, asked: boolean) =>
          Effect.as(metrics.limiterWait(waited), withoutResponse(parts, verdict, asked))
        if (sent.length === 0) return unsent(nothingSent, false)
        // The exchange for a token may have been a request.
        if (Result.isFailure(access)) return unsent(uniformVerdict(verdictMeta, access.failure.verdict), true)
        const unsendable = unsendableVerdict(connector, sent, access.success)
        if (unsendable !== null) return unsent(unsendable, false)
        return sendParts(delivery, guard, parts, access.success)
      })
    )
  )
}

const bothTimes = Effect.clockWith((clock) =>
  Effect.succeed({ attemptedAt: clock.currentTimeMillisUnsafe(), begunAt: monotonicMillisUnsafe(clock) })
)

/** What becomes of the events of a request. */
interface RequestParts extends Pick<RequestResult, "sent" | "stopped" | "held"> {
  readonly attemptedAt: number
  /** The same in monotonic milliseconds. */
  readonly begunAt: number
  /** For the rate limiter. */
  readonly waited: Duration.Duration
}

const sendParts = (
  delivery: DeliveryContextShape,
  guard: IdempotencyGuardShape,
  parts: RequestParts,
  context: RequestContext
): Effect.Effect<RequestResult, KafkaError> => {
  const { connector, services } = delivery
  const { sent, stopped, held } = parts
  const payloads = sent.map(({ event }) => event)
  const request = connector.request(payloads, context)
  const answered = Effect.flatMap(Effect.result(services.execute(request)), (response) =>
    Effect.map(monotonicMillis, (now): ResponseReading => {
      const verdict = Result.isSuccess(response)
        ? readAnswer(connector, delivery.connection, response.success, payloads)
        : failureVerdict(response.failure)
      const ended = { request, events: sent, facts: factsOf(parts, verdict, now - parts.begunAt), verdict, response }
      const ambiguous = Result.isSuccess(response)
        ? isAmbiguous(response.success.status, verdict)
        : response.failure.mayHaveArrived
      return { verdict, facts: traceRequest(delivery, ended), ambiguous }
    })
  )
  return Effect.flatMap(Effect.andThen(guard.declare(sent), guard.track(sent, answered)), (reading) =>
    Effect.as(observeRequest(delivery, parts, reading), {
      sent,
      stopped,
      held,
      verdict: reading.verdict,
      facts: reading.facts,
      ambiguous: reading.ambiguous,
      carried: true,
      callOutcome: callOutcome(reading.verdict)
    })
  )
}

const factsOf = ({ sent, attemptedAt }: RequestParts, verdict: BatchVerdict, latencyMillis: number): RequestFacts => ({
  requestId: verdict.requestId,
  trackingId: verdict.trackingId,
  latencyMillis,
  attemptedAt,
  batchSize: sent.length,
  eventsReceived: verdict.eventsReceived,
  eventsTaken: takenOf(verdict, sent.length)
})

const withoutResponse = (parts: RequestParts, verdict: BatchVerdict, asked: boolean): RequestResult => ({
  sent: parts.sent,
  stopped: parts.stopped,
  held: parts.held,
  verdict,
  facts: factsOf(parts, verdict, 0),
  ambiguous: false,
  carried: false,
  callOutcome: asked ? callOutcome(verdict) : "ignored"
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
