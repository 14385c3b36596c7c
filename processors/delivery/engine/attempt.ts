/**
 * From a chunk of events to the outcome of each: sends it, retries what failed, drops the events that the platform names,
 * bisects what it refuses, and puts off what keeps failing while the platform is otherwise well. A work list of pieces, the
 * next one first: each request takes a piece, and gives outcomes and the pieces that are still to be sent.
 */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import type { KafkaError } from "../../../shared/kafka/client.ts"
import { mayRetry, retryDelay } from "../resilience/retry-policy.ts"
import { halvesOf, halvesOfRefused, nextToSend, type Piece } from "./chunk.ts"
import { type DeliveryContextShape, platformWorks } from "./delivery-context.ts"
import { type Disposition, interpretResponse } from "./interpret-response.ts"
import { type DeliveryEvent, decisionByVerdict, isTaken, type Outcome, outcomeOf } from "./outcome.ts"
import { type IdempotencyGuardShape, type RequestResult, sendRequest } from "./send-request.ts"
import { separateUnsendable } from "./triage.ts"

/** `attempt` for each chunk, so many at a time. Most batches are one chunk, which needs no further fiber. */
export const attemptAll = (
  delivery: DeliveryContextShape,
  guard: IdempotencyGuardShape,
  chunks: ReadonlyArray<ReadonlyArray<DeliveryEvent>>
): Effect.Effect<ReadonlyArray<Outcome>, KafkaError> =>
  chunks.length === 1
    ? attempt(delivery, guard, chunks[0]!)
    : Effect.map(
        Effect.forEach(chunks, (events) => attempt(delivery, guard, events), {
          concurrency: delivery.limits.concurrency
        }),
        (attempted) => attempted.flat()
      )

/** An outcome for each of these events of one batch group. Waits as long as it takes; fails if an intent can't be written. */
const attempt = (
  delivery: DeliveryContextShape,
  guard: IdempotencyGuardShape,
  events: ReadonlyArray<DeliveryEvent>
): Effect.Effect<ReadonlyArray<Outcome>, KafkaError> =>
  Effect.flatMap(delivery.breaker.succeeded, (succeededBefore) =>
    sendRest(delivery, guard, attemptsOf(events, succeededBefore))
  )

const attemptsOf = (events: ReadonlyArray<DeliveryEvent>, succeededBefore: number): Attempts => ({
  work: [{ events, progress: progressFrom(succeededBefore), firstHalfFrom: null }],
  outcomes: [],
  expectedFailures: noneExpected
})

const noneExpected: ExpectedFailures = { left: 0, max: 0 }

const progressFrom = (succeededBefore: number): Progress => ({
  failures: 0,
  succeededBefore,
  pauses: 0,
  isBlamed: false
})

const sendRest = (
  delivery: DeliveryContextShape,
  guard: IdempotencyGuardShape,
  attempts: Attempts
): Effect.Effect<ReadonlyArray<Outcome>, KafkaError> =>
  Effect.flatMap(sendNext(delivery, guard, attempts), (next) => finish(delivery, guard, next))

const finish = (delivery: DeliveryContextShape, guard: IdempotencyGuardShape, attempts: Attempts) =>
  attempts.work.length === 0 ? Effect.succeed(attempts.outcomes) : sendRest(delivery, guard, attempts)

/** The first request for events, which several partitions may share. */
export interface FirstRequest {
  /** Requests of the connection that had succeeded before. */
  readonly succeededBefore: number
  /** Null where none of the events could be sent any more. */
  readonly result: RequestResult | null
  /** Events that could not be sent any more. */
  readonly stopped: ReadonlyArray<Outcome>
}

export const sendFirst = (
  delivery: DeliveryContextShape,
  guard: IdempotencyGuardShape,
  events: ReadonlyArray<DeliveryEvent>
): Effect.Effect<FirstRequest, KafkaError> =>
  Effect.flatMap(delivery.breaker.succeeded, (succeededBefore) =>
    Effect.flatMap(Clock.currentTimeMillis, (now): Effect.Effect<FirstRequest, KafkaError> => {
      const { fresh, stopped } = separateUnsendable(events, now, delivery)
      return fresh.length === 0
        ? Effect.succeed({ succeededBefore, result: null, stopped })
        : Effect.map(sendRequest(delivery, guard, fresh, false), (result) => ({ succeededBefore, result, stopped }))
    })
  )

/** The outcomes of all events of a first request; an effect where it did not decide all of them. */
export const attemptAfter = (
  delivery: DeliveryContextShape,
  guard: IdempotencyGuardShape,
  { succeededBefore, result, stopped }: FirstRequest
): ReadonlyArray<Outcome> | Effect.Effect<ReadonlyArray<Outcome>, KafkaError> => {
  if (result === null) return stopped
  const before: Attempts = { work: [], outcomes: stopped, expectedFailures: noneExpected }
  const next = afterRequest(delivery, guard, before, progressFrom(succeededBefore), result)
  return Effect.isEffect(next) ? Effect.flatMap(next, (attempts) => finish(delivery, guard, attempts)) : next.outcomes
}

interface Attempts {
  readonly work: ReadonlyArray<Piece<DeliveryEvent, Progress>>
  readonly outcomes: ReadonlyArray<Outcome>
  readonly expectedFailures: ExpectedFailures
}

/** What is known of the requests of a piece. */
interface Progress {
  /** Requests that failed. */
  readonly failures: number
  /** Requests of the connection that had succeeded when this piece began to fail. */
  readonly succeededBefore: number
  /** How often a request of it paused the connection. */
  readonly pauses: number
  /** The platform's probe said that these events are to blame. */
  readonly isBlamed: boolean
}

/**
 * While a failing event is looked for by halves, each piece that holds it fails: that says nothing new of the platform. So
 * many failures more do not count for the circuit; a success allows all of them again.
 */
interface ExpectedFailures {
  readonly left: number
  readonly max: number
}

/** Sends the next piece: one request, and what follows from its response. */
const sendNext = (
  delivery: DeliveryContextShape,
  guard: IdempotencyGuardShape,
  attempts: Attempts
): Effect.Effect<Attempts, KafkaError> =>
  Effect.flatMap(Clock.currentTimeMillis, (now) => {
    const { outcomes, expectedFailures } = attempts
    const isTakenFrom = (from: number) => outcomes.slice(from).every(isTaken)
    const [piece, ...work] = nextToSend(attempts.work, outcomes.length, isTakenFrom)
    if (piece === undefined) return Effect.succeed(attempts)
    const { fresh, stopped } = separateUnsendable(piece.events, now, delivery)
    const rest: Attempts = { work, outcomes: [...outcomes, ...stopped], expectedFailures }
    if (fresh.length === 0) return Effect.succeed(rest)
    return Effect.flatMap(sendRequest(delivery, guard, fresh, expectedFailures.left > 0), (result) => {
      const next = afterRequest(delivery, guard, rest, piece.progress, result)
      return Effect.isEffect(next) ? next : Effect.succeed(next)
    })
  })

/** What the response to a piece leads to: an effect where its events are not all decided, or the platform asks to wait. */
const afterRequest = (
  delivery: DeliveryContextShape,
  guard: IdempotencyGuardShape,
  { work, outcomes, ...before }: Attempts,
  progress: Progress,
  result: RequestResult
): Attempts | Effect.Effect<Attempts> => {
  const disposition = interpretResponse(result, delivery.connector.idempotent)
  guard.decided(disposition.outcomes, result.facts.attemptedAt + result.facts.latencyMillis)
  const decided = [...outcomes, ...result.stopped, ...disposition.outcomes]
  const expectedFailures = expectedAfter(before.expectedFailures, result)
  if (disposition.open.length === 0 && result.held.length === 0 && result.verdict.retryAfter === null)
    return { work, outcomes: decided, expectedFailures }
  return Effect.map(
    followUp(delivery, progress, result, disposition, decided.length),
    ({ failuresToCome, pieces, putOff }): Attempts => ({
      work: [...pieces.filter((one) => one.events.length > 0), ...work],
      outcomes: [...decided, ...putOff],
      expectedFailures: expectedFailures.max === 0 ? { left: failuresToCome, max: failuresToCome } : expectedFailures
    })
  )
}

const expectedAfter = ({ left, max }: ExpectedFailures, { callOutcome }: RequestResult): ExpectedFailures => {
  if (callOutcome === "success") return { left: max, max }
  return { left: callOutcome === "failure" ? Math.max(0, left - 1) : left, max }
}

/** What follows a request: pieces to be sent, in the place of the one that was, and outcomes of events that are put off. */
interface FollowUp {
  readonly pieces: Attempts["work"]
  readonly putOff: ReadonlyArray<Outcome>
  /** Failures that the search for a failing event will meet. */
  readonly failuresToCome: number
}

const followUp = Effect.fnUntraced(function* (
  delivery: DeliveryContextShape,
  before: Progress,
  { held, facts, verdict: { retryAfter } }: RequestResult,
  disposition: Disposition,
  decided: number
) {
  const { cause, open } = disposition
  const piece = (events: ReadonlyArray<DeliveryEvent>, progress: Progress) => ({
    events,
    progress,
    firstHalfFrom: null
  })
  if (cause === "refused") {
    const halves = halvesOfRefused({ events: open, progress: { ...before, failures: 0, pauses: 0 } }, decided)
    return { pieces: [...halves, piece(held, before)], putOff: [], failuresToCome: 0 } satisfies FollowUp
  }
  const progress = yield* progressAfter(delivery, before, cause)
  if (!(yield* isGivenUp(delivery, disposition, progress))) {
    yield* waitBeforeNext(delivery, disposition, retryAfter, progress.failures)
    // The failed ones go last, so that a half-open circuit tries others first.
    return { pieces: [piece([...held, ...open], progress)], putOff: [], failuresToCome: 0 } satisfies FollowUp
  }
  const rest = piece(held, progress)
  const { errorClass } = disposition.verdict
  if (open.length === 1 || disposition.individual || errorClass === "throttled") {
    const decision = decisionByVerdict("retry_scheduled", disposition.verdict, facts)
    return {
      pieces: [rest],
      putOff: open.map((event) => outcomeOf(event, decision)),
      failuresToCome: 0
    } satisfies FollowUp
  }
  // The failing ones are found by halves, each sent again once.
  const [first, second] = halvesOf(open)
  const each: Progress = { ...progress, pauses: 0, isBlamed: progress.isBlamed || errorClass === "unknown" }
  return {
    pieces: [piece(first, each), piece(second, each), rest],
    putOff: [],
    failuresToCome: Math.ceil(Math.log2(open.length)) + 1
  } satisfies FollowUp
})

const progressAfter = (
  { breaker }: DeliveryContextShape,
  progress: Progress,
  cause: Disposition["cause"]
): Effect.Effect<Progress> => {
  if (cause === "stopped") return Effect.succeed({ ...progress, pauses: progress.pauses + 1 })
  if (cause !== "failed") return Effect.succeed(progress)
  if (progress.failures > 0) return Effect.succeed({ ...progress, failures: progress.failures + 1 })
  // What succeeds from now on shows that the platform is well.
  return Effect.map(breaker.succeeded, (succeededBefore) => ({ ...progress, succeededBefore, failures: 1 }))
}

/** Whether the open events should no longer hold up the others: their retries are used up and the platform is otherwise well. */
const isGivenUp = Effect.fnUntraced(function* (
  delivery: DeliveryContextShape,
  { cause, verdict }: Disposition,
  { failures, isBlamed, pauses, succeededBefore }: Progress
) {
  const { breaker, settings } = delivery
  if (cause === "none" || cause === "named") return false
  if (cause === "stopped" && pauses < pausesMax) return false
  if (cause === "failed" && mayRetry(settings.retry, failures)) return false
  if (verdict.errorClass === "unknown" && verdict.unreadable !== true)
    return isBlamed || (yield* areEventsToBlame(delivery))
  if ((yield* breaker.state) === "CLOSED" && (yield* breaker.succeeded) > succeededBefore) return true
  // Nothing else got through either. It may be these events all the same, if they are all there is.
  const failuresMax = settings.retry.delays.length + 1 + settings.failuresBeforeProbe
  return cause === "failed" && failures >= failuresMax && (yield* platformWorks(delivery))
})

/**
 * An undocumented code came back at each try: is it about these events, or about the account? The probe decides: if it
 * fails by a documented code the connection pauses, or its circuit counts the failure, and the events wait; else they are
 * put off, since the platform does respond.
 */
const areEventsToBlame = Effect.fnUntraced(function* ({ breaker, pause, probe }: DeliveryContextShape) {
  const verdict = yield* probe
  if (verdict.errorClass === "auth" || verdict.errorClass === "configuration") yield* pause.pause(verdict)
  else if (verdict.errorClass === "transient" || verdict.unreadable === true)
    yield* breaker.call(() => Effect.succeed(["failure", undefined] as const))
  else return verdict.errorClass !== "throttled"
  return false
})

/** What must happen before the open events go again: pause, slow down or wait. `retryAfter` is the platform's. */
const waitBeforeNext = Effect.fnUntraced(function* (
  { limiter, metrics, pause, settings }: DeliveryContextShape,
  { cause, verdict }: Disposition,
  retryAfter: Duration.Duration | null,
  failures: number
) {
  if (cause === "stopped") {
    yield* pause.pause(verdict)
    return
  }
  if (cause !== "failed") {
    if (retryAfter !== null) yield* limiter.throttle(Duration.min(retryAfter, settings.retry.retryAfterMax))
    return
  }
  yield* metrics.retry
  const delay = retryDelay(settings.retry, failures, retryAfter, yield* Random.next)
  // A throttled connection is slowed as a whole; a failed request waits for itself.
  if (verdict.errorClass === "throttled" || retryAfter !== null) yield* limiter.throttle(delay)
  else yield* Effect.sleep(delay)
})

/** A connection that was paused so often, though its probe succeeded and others got through, has an event that causes it. */
const pausesMax = 3
