/** One request: through gate, circuit, slot and limiter to the platform, and its answer as verdicts. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import type { BatchVerdict, Connector, EventVerdict, RequestContext } from "../../../shared/connectors/connector.ts"
import { failureVerdict } from "../../../shared/connectors/http/http-failure.ts"
import { uniformVerdict, verdictMeta } from "../../../shared/connectors/verdicts.ts"
import type { KafkaError } from "../../../shared/kafka/client.ts"
import type { BatchOptimizationResult } from "../resilience/batch-optimizer.ts"
import type { CallOutcome } from "../resilience/circuit-breaker.ts"
import type { DeliveryContext } from "./delivery-context.ts"
import type { DeliveryEvent, RequestFacts } from "./outcome.ts"
import { probeFirst, waitForNextProbe } from "./probe-mode.ts"
import { callOutcome, isAmbiguous, isUndocumented, takenOf, worstClass } from "./response-health.ts"
import { deadlineOf, withoutExpired } from "./triage.ts"

export interface RequestResult {
  /** Empty where the events expired while they waited: nothing was sent then. */
  readonly sent: ReadonlyArray<DeliveryEvent>
  /** Not sent yet: a half-open circuit takes few events. */
  readonly held: ReadonlyArray<DeliveryEvent>
  readonly verdict: BatchVerdict
  readonly facts: RequestFacts
  /** The platform may or may not have acted on it: no answer, or one that does not tell. */
  readonly ambiguous: boolean
  /** False where the verdict was reached without asking the platform. */
  readonly requested: boolean
}

/** What a request led to. */
export type ResponseReading = Pick<RequestResult, "verdict" | "facts" | "ambiguous">

/** What guards requests that are not idempotent. */
export interface IdempotencyGuard {
  /** Makes durable that events are about to be sent. */
  readonly declare: (items: ReadonlyArray<DeliveryEvent>) => Effect.Effect<void, KafkaError>
  /** Sends a request for events and remembers what it led to, also where nobody waits for it any more. */
  readonly track: (
    items: ReadonlyArray<DeliveryEvent>,
    send: Effect.Effect<ResponseReading>
  ) => Effect.Effect<ResponseReading>
  /** Takes note of events that got their fate by an answer. */
  readonly answered: (items: ReadonlyArray<DeliveryEvent>, now: number) => void
}

/** Nothing to guard: the platform knows a repeat by its event id. */
export const idempotent: IdempotencyGuard = {
  declare: () => Effect.void,
  track: (_, send) => send,
  answered: () => undefined
}

/** So many failures more do not count for the circuit; a success allows the whole number again. */
export interface ExpectedFailures {
  left: number
  max: number
}

/** Sends events of one batch group, waiting as long as the connection's state and rate demand. */
export const sendRequest = (
  delivery: DeliveryContext,
  items: ReadonlyArray<DeliveryEvent>,
  guard: IdempotencyGuard,
  expected: ExpectedFailures
): Effect.Effect<RequestResult, KafkaError> =>
  Effect.andThen(
    delivery.pause.await,
    delivery.slots.withPermit(
      deadlineOf(items),
      delivery.connector.idempotent
        ? delivery.breaker.call((probing) =>
            some(delivery, items, probing ? delivery.settings.probeEvents : items.length, guard, expected)
          )
        : cautiously(delivery, items, guard, expected)
    )
  )

/** The first so many of the events in a request, and how it counts for the circuit. */
const some = (
  delivery: DeliveryContext,
  items: ReadonlyArray<DeliveryEvent>,
  count: number,
  guard: IdempotencyGuard,
  expected: ExpectedFailures
): Effect.Effect<readonly [CallOutcome, RequestResult], KafkaError> =>
  Effect.map(request(delivery, items.slice(0, count), guard), (done) => {
    const outcome = done.requested ? forgiving(callOutcome(done.verdict), expected) : "ignored"
    return [outcome, { ...done, held: items.slice(count) }] as const
  })

const cautiously = (
  delivery: DeliveryContext,
  items: ReadonlyArray<DeliveryEvent>,
  guard: IdempotencyGuard,
  expected: ExpectedFailures
) => {
  const { breaker, probeMode: caution } = delivery
  const send = breaker.call((probing) =>
    Effect.gen(function* () {
      const careful = probing || caution.isNeeded()
      const trouble = careful ? yield* probeFirst(delivery) : null
      if (trouble !== null) return [trouble, nothingOf(items)] as const
      const [outcome, done] = yield* some(delivery, items, careful ? 1 : items.length, guard, expected)
      if (done.requested) caution.note(outcome, done.ambiguous)
      return [outcome, done] as const
    })
  )
  return Effect.suspend(() =>
    caution.isNeeded()
      ? caution.one.withPermits(1)(
          Effect.tap(send, ({ sent }) => (sent.length > 0 ? Effect.void : waitForNextProbe(delivery)))
        )
      : send
  )
}

/** An exchange that sent none of the events. */
const nothingOf = (held: ReadonlyArray<DeliveryEvent>): RequestResult => ({
  sent: [],
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
  requested: false
})

const forgiving = (outcome: CallOutcome, expected: ExpectedFailures): CallOutcome => {
  if (outcome === "success") expected.left = expected.max
  if (outcome !== "failure" || expected.left === 0) return outcome
  expected.left -= 1
  return "ignored"
}

const request = Effect.fnUntraced(function* (
  delivery: DeliveryContext,
  offered: ReadonlyArray<DeliveryEvent>,
  guard: IdempotencyGuard
) {
  yield* delivery.metrics.limiterWait(yield* delivery.limiter.acquire({ requests: 1, events: offered.length }))
  const access = yield* Effect.result(delivery.credential.context)
  const attemptedAt = yield* Clock.currentTimeMillis
  // Gate, circuit and limiter may have taken hours, and one event too old fails a whole request of Meta's.
  const sent = withoutExpired(offered, attemptedAt)
  const factsOf = (verdict: BatchVerdict, now: number): RequestFacts => ({
    requestId: verdict.requestId,
    trackingId: verdict.trackingId,
    latencyMillis: now - attemptedAt,
    attemptedAt,
    batchSize: sent.length,
    eventsReceived: verdict.eventsReceived,
    eventsTaken: takenOf(verdict, sent.length)
  })
  if (sent.length === 0)
    return { sent, verdict: nothingSent, facts: factsOf(nothingSent, attemptedAt), ambiguous: false, requested: false }
  if (Result.isFailure(access)) {
    const verdict = uniformVerdict(verdictMeta, access.failure.verdict)
    // Its exchange for a token may have been a request.
    return { sent, verdict, facts: factsOf(verdict, attemptedAt), ambiguous: false, requested: true }
  }
  const unsendable = unsendableVerdict(delivery.connector, sent, access.success)
  if (unsendable !== null)
    return { sent, verdict: unsendable, facts: factsOf(unsendable, attemptedAt), ambiguous: false, requested: false }
  const events = sent.map((item) => item.event)
  const spec = delivery.connector.request(events, access.success)
  yield* guard.declare(sent)
  const heard = yield* guard.track(
    sent,
    Effect.gen(function* () {
      const response = yield* Effect.result(delivery.services.execute(spec))
      const verdict = Result.isSuccess(response)
        ? delivery.connector.verdict(response.success, events)
        : failureVerdict(response.failure)
      const facts = factsOf(verdict, yield* Clock.currentTimeMillis)
      const ambiguous = Result.isSuccess(response)
        ? isAmbiguous(response.success.status, verdict)
        : response.failure.mayHaveArrived
      return { verdict, facts, ambiguous }
    })
  )
  for (const item of sent) item.requests += 1
  yield* observe(delivery, sent.length, heard.verdict, heard.facts)
  return { sent, ...heard, requested: true }
})

/** What the connector tells of events that it can't put into a request; null where it can send all of them. */
const unsendableVerdict = (
  { unsendable }: Connector,
  items: ReadonlyArray<DeliveryEvent>,
  context: RequestContext
): BatchVerdict | null => {
  if (unsendable === undefined) return null
  const verdicts = items.map(({ event }) => unsendable(event, context))
  const culprits = new Map<number, EventVerdict>()
  for (const [index, verdict] of verdicts.entries()) {
    if (verdict === null) continue
    // Not this event alone: the whole connection lacks something.
    if (verdict.errorClass !== "invalid_event") return uniformVerdict(verdictMeta, verdict)
    culprits.set(index, verdict)
  }
  return culprits.size === 0 ? null : { ...verdictMeta, _tag: "Culprits", culprits }
}

const nothingSent = uniformVerdict(verdictMeta, { errorClass: "unknown", reasonCode: null, message: null })

const observe = Effect.fnUntraced(function* (
  delivery: DeliveryContext,
  events: number,
  verdict: BatchVerdict,
  facts: RequestFacts
) {
  const errorClass = worstClass(verdict)
  // An outage says nothing about batch sizes; a timeout does.
  const timedOut = verdict._tag === "All" && verdict.verdict.reasonCode === "http_timeout"
  if ((errorClass !== "transient" && !isUndocumented(verdict)) || timedOut) {
    const success = callOutcome(verdict) === "success"
    const before = delivery.optimizer.result()
    delivery.optimizer.record({ size: events, latencyMillis: facts.latencyMillis, success })
    yield* tellOptimization(delivery, before)
  }
  if (verdict.usagePercent !== null) yield* delivery.limiter.reportUsage(verdict.usagePercent)
  if (callOutcome(verdict) === "success") yield* delivery.pause.resetDelay
  yield* delivery.metrics.batchSize(
    delivery.optimizer.size(),
    delivery.optimizer.result().estimated_throughput_improvement
  )
  yield* delivery.metrics.request({
    errorClass,
    latencyMillis: facts.latencyMillis,
    events,
    eventsMax: delivery.limits.eventsPerRequest,
    eventsTaken: facts.eventsTaken,
    eventsReceived: facts.eventsReceived
  })
  yield* delivery.logWarnings(verdict.warnings, facts.requestId)
})

/** Says which batch size is used from now on, and why, when it changes. */
const tellOptimization = (
  { connection, optimizer }: DeliveryContext,
  before: BatchOptimizationResult
): Effect.Effect<void> => {
  const result = optimizer.result()
  return result.optimized_size === before.optimized_size
    ? Effect.void
    : Effect.logInfo("Another batch size is used.").pipe(Effect.annotateLogs({ connection: connection.id, ...result }))
}
