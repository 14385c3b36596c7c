/**
 * Brings each event of a piece to its fate. It waits, retries, drops culprits and bisects; it ends when every event is
 * delivered, refused, expired, unknown, or put off to the delayed retry topic.
 */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import type { KafkaError } from "../../../shared/kafka/client.ts"
import { type Finding, isolate, sendAndIsolate } from "../resilience/bisect.ts"
import { mayRetry, retryDelay } from "../resilience/retry-policy.ts"
import { type DeliveryContext, platformWorks } from "./delivery-context.ts"
import { type Disposition, interpretResponse } from "./interpret-response.ts"
import { type DeliveryEvent, outcomeOfVerdict } from "./outcome.ts"
import { type ExpectedFailures, type IdempotencyGuard, type RequestResult, sendRequest } from "./send-request.ts"
import { withoutExpired } from "./triage.ts"

/** Delivers events of one batch group; afterwards each has its fate. */
export const deliver = (
  delivery: DeliveryContext,
  items: ReadonlyArray<DeliveryEvent>,
  guard: IdempotencyGuard
): Effect.Effect<void, KafkaError> =>
  Effect.asVoid(
    Effect.flatMap(delivery.breaker.succeeded, (succeeded) =>
      sendAndIsolate(items, (piece) =>
        attempt({ delivery, guard }, piece, { succeeded, failures: 0, expected: { left: 0, max: 0 }, blamed: false })
      )
    )
  )

interface Tools {
  readonly delivery: DeliveryContext
  readonly guard: IdempotencyGuard
}

/** Where a piece stands: how many requests of the connection had succeeded when it began to fail, and how often it failed since. */
interface Progress {
  readonly succeeded: number
  readonly failures: number
  /** While the events that fail are looked for: failures that are expected and so don't count for the circuit. */
  readonly expected: ExpectedFailures
  /** The platform's probe said that these events are to blame. */
  readonly blamed: boolean
}

const attempt = (
  tools: Tools,
  items: ReadonlyArray<DeliveryEvent>,
  start: Progress
): Effect.Effect<Finding, KafkaError> =>
  Effect.gen(function* () {
    const { delivery } = tools
    let { failures, succeeded } = start
    let stops = 0
    let pending = yield* unexpired(items)
    while (pending.length > 0) {
      const done = yield* sendRequest(delivery, pending, tools.guard, start.expected)
      const judged = interpretResponse(done, delivery.connector.idempotent)
      const answeredAt = done.facts.attemptedAt + done.facts.latencyMillis
      tools.guard.answered(
        done.sent.filter((item) => item.fate !== null),
        answeredAt
      )
      if (judged.cause === "refused") {
        // A conclusion is drawn only from the piece as it was given.
        if (done.sent.length === items.length) return "refused"
        yield* isolate(judged.open, (piece) => attempt(tools, piece, { ...start, failures: 0 }))
        pending = yield* unexpired(done.held)
        continue
      }
      if (judged.cause === "failed") {
        // What succeeds from now on shows that the platform is well.
        if (failures === 0) succeeded = yield* delivery.breaker.succeeded
        failures += 1
      }
      if (judged.cause === "stopped") stops += 1
      const giveUp = yield* isGivenUp(delivery, judged, { ...start, succeeded, failures }, stops)
      if (giveUp) yield* setAside(tools, done, judged, { ...start, succeeded, failures })
      else yield* beforeNext(delivery, done, judged, failures)
      // The failed ones go last, so that a half-open circuit tries others first.
      pending = yield* unexpired(giveUp ? done.held : [...done.held, ...judged.open])
    }
    return items.every(isTaken) ? "taken" : "undecided"
  })

/** Whether the open events should no longer hold up the others: their retries are used up and the platform is otherwise well. */
const isGivenUp = Effect.fnUntraced(function* (
  delivery: DeliveryContext,
  judged: Disposition,
  { succeeded, failures, blamed }: Progress,
  stops: number
) {
  if (judged.cause === "stopped" && stops < stopsMax) return false
  if (judged.cause === "failed" && mayRetry(delivery.settings.retry, failures)) return false
  if (judged.cause === "none" || judged.cause === "named") return false
  if (judged.verdict.errorClass === "unknown" && judged.verdict.unreadable !== true)
    return blamed || (yield* areEventsToBlame(delivery))
  if ((yield* delivery.breaker.state) === "CLOSED" && (yield* delivery.breaker.succeeded) > succeeded) return true
  // Nothing else got through either. It may be these events all the same, if they are all there is.
  const patience = delivery.settings.retry.delays.length + 1 + delivery.settings.failuresBeforeProbe
  return judged.cause === "failed" && failures >= patience && (yield* platformWorks(delivery))
})

/**
 * An undocumented code came back at each try: is it about these events, or about the account? The probe tells: where it
 * fails by a documented code the connection pauses, or its circuit counts the failure, and the events wait; else they are
 * set aside, since the platform does answer.
 */
const areEventsToBlame = Effect.fnUntraced(function* (delivery: DeliveryContext) {
  const verdict = yield* delivery.probe
  if (verdict.errorClass === "auth" || verdict.errorClass === "configuration") yield* delivery.pause.pause(verdict)
  else if (verdict.errorClass === "transient" || verdict.unreadable === true)
    yield* delivery.breaker.call(() => Effect.succeed(["failure", undefined] as const))
  else return verdict.errorClass !== "throttled"
  return false
})

/** A single event is put off; of several the bad ones are found by halves, each tried once more. */
const setAside = (
  tools: Tools,
  done: RequestResult,
  judged: Disposition,
  progress: Progress
): Effect.Effect<void, KafkaError> => {
  const { open, verdict } = judged
  if (open.length === 1 || judged.individual || verdict.errorClass === "throttled")
    return Effect.sync(() => {
      for (const item of open) item.fate = outcomeOfVerdict("retry_scheduled", verdict, done.facts)
    })
  const middle = Math.floor(open.length / 2)
  // On the way down to one bad event each piece that holds it fails: that is no news of the platform.
  const { expected } = progress
  if (expected.max === 0) expected.left = expected.max = Math.ceil(Math.log2(open.length)) + 1
  const next = { ...progress, blamed: progress.blamed || verdict.errorClass === "unknown" }
  return Effect.andThen(
    sendAndIsolate(open.slice(0, middle), (piece) => attempt(tools, piece, next)),
    Effect.asVoid(sendAndIsolate(open.slice(middle), (piece) => attempt(tools, piece, next)))
  )
}

/** What must happen before the open events go again: pause, slow down or wait. */
const beforeNext = Effect.fnUntraced(function* (
  delivery: DeliveryContext,
  done: RequestResult,
  judged: Disposition,
  failures: number
) {
  const wish = done.verdict.retryAfter
  if (judged.cause === "stopped") {
    yield* delivery.pause.pause(judged.verdict)
    return
  }
  if (judged.cause === "none" || judged.cause === "named") {
    if (wish !== null) yield* delivery.limiter.throttle(Duration.min(wish, delivery.settings.retry.retryAfterMax))
    return
  }
  yield* delivery.metrics.retry
  const delay = retryDelay(delivery.settings.retry, failures, wish, yield* Random.next)
  // A throttled connection is slowed as a whole; a failed request waits for itself.
  if (judged.verdict.errorClass === "throttled" || wish !== null) yield* delivery.limiter.throttle(delay)
  else yield* Effect.sleep(delay)
})

const unexpired = (items: ReadonlyArray<DeliveryEvent>): Effect.Effect<ReadonlyArray<DeliveryEvent>> =>
  Effect.map(Clock.currentTimeMillis, (now) => withoutExpired(items, now))

const isTaken = (item: DeliveryEvent): boolean =>
  item.fate?.outcome === "delivered" || item.fate?.outcome === "accepted"

/** A connection that was stopped so often, though its probe succeeded and others got through, has an event of its own trouble. */
const stopsMax = 3
