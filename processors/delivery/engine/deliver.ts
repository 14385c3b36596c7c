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
import { type Exchange, type ExpectedFailures, exchange, type SendGuard } from "./exchange.ts"
import { type Item, verdictFate } from "./item.ts"
import { type Judgement, judge } from "./judge.ts"
import { type Lane, platformWorks } from "./lane.ts"
import { withoutExpired } from "./triage.ts"

/** Delivers events of one batch group; afterwards each has its fate. */
export const deliver = (lane: Lane, items: ReadonlyArray<Item>, guard: SendGuard): Effect.Effect<void, KafkaError> =>
  Effect.asVoid(
    Effect.flatMap(lane.breaker.succeeded, (succeeded) =>
      sendAndIsolate(items, (piece) =>
        attempt({ lane, guard }, piece, { succeeded, failures: 0, expected: { left: 0, max: 0 }, blamed: false })
      )
    )
  )

interface Tools {
  readonly lane: Lane
  readonly guard: SendGuard
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

const attempt = (tools: Tools, items: ReadonlyArray<Item>, start: Progress): Effect.Effect<Finding, KafkaError> =>
  Effect.gen(function* () {
    const { lane } = tools
    let { failures, succeeded } = start
    let stops = 0
    let pending = yield* unexpired(items)
    while (pending.length > 0) {
      const done = yield* exchange(lane, pending, tools.guard, start.expected)
      const judged = judge(done, lane.connector.repeatIsHarmless)
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
        if (failures === 0) succeeded = yield* lane.breaker.succeeded
        failures += 1
      }
      if (judged.cause === "stopped") stops += 1
      const giveUp = yield* isGivenUp(lane, judged, { ...start, succeeded, failures }, stops)
      if (giveUp) yield* setAside(tools, done, judged, { ...start, succeeded, failures })
      else yield* beforeNext(lane, done, judged, failures)
      // The failed ones go last, so that a half-open circuit tries others first.
      pending = yield* unexpired(giveUp ? done.held : [...done.held, ...judged.open])
    }
    return items.every(isTaken) ? "taken" : "undecided"
  })

/** Whether the open events should no longer hold up the others: their retries are used up and the platform is otherwise well. */
const isGivenUp = Effect.fnUntraced(function* (
  lane: Lane,
  judged: Judgement,
  { succeeded, failures, blamed }: Progress,
  stops: number
) {
  if (judged.cause === "stopped" && stops < stopsMax) return false
  if (judged.cause === "failed" && mayRetry(lane.settings.retry, failures)) return false
  if (judged.cause === "none" || judged.cause === "named") return false
  if (judged.verdict.errorClass === "unknown" && judged.verdict.unreadable !== true)
    return blamed || (yield* areEventsToBlame(lane))
  if ((yield* lane.breaker.state) === "CLOSED" && (yield* lane.breaker.succeeded) > succeeded) return true
  // Nothing else got through either. It may be these events all the same, if they are all there is.
  const patience = lane.settings.retry.delays.length + 1 + lane.settings.patience
  return judged.cause === "failed" && failures >= patience && (yield* platformWorks(lane))
})

/**
 * An undocumented code came back at each try: is it about these events, or about the account? The probe tells: where it
 * fails by a documented code the connection pauses, or its circuit counts the failure, and the events wait; else they are
 * set aside, since the platform does answer.
 */
const areEventsToBlame = Effect.fnUntraced(function* (lane: Lane) {
  const verdict = yield* lane.probe
  if (verdict.errorClass === "auth" || verdict.errorClass === "configuration") yield* lane.gate.pause(verdict)
  else if (verdict.errorClass === "transient" || verdict.unreadable === true)
    yield* lane.breaker.call(() => Effect.succeed(["failure", undefined] as const))
  else return verdict.errorClass !== "throttled"
  return false
})

/** A single event is put off; of several the bad ones are found by halves, each tried once more. */
const setAside = (
  tools: Tools,
  done: Exchange,
  judged: Judgement,
  progress: Progress
): Effect.Effect<void, KafkaError> => {
  const { open, verdict } = judged
  if (open.length === 1 || judged.individual || verdict.errorClass === "throttled")
    return Effect.sync(() => {
      for (const item of open) item.fate = verdictFate("retry_scheduled", verdict, done.facts)
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
const beforeNext = Effect.fnUntraced(function* (lane: Lane, done: Exchange, judged: Judgement, failures: number) {
  const wish = done.verdict.retryAfter
  if (judged.cause === "stopped") {
    yield* lane.gate.pause(judged.verdict)
    return
  }
  if (judged.cause === "none" || judged.cause === "named") {
    if (wish !== null) yield* lane.limiter.throttle(Duration.min(wish, lane.settings.retry.retryAfterMax))
    return
  }
  yield* lane.metrics.retry
  const delay = retryDelay(lane.settings.retry, failures, wish, yield* Random.next)
  // A throttled connection is slowed as a whole; a failed request waits for itself.
  if (judged.verdict.errorClass === "throttled" || wish !== null) yield* lane.limiter.throttle(delay)
  else yield* Effect.sleep(delay)
})

const unexpired = (items: ReadonlyArray<Item>): Effect.Effect<ReadonlyArray<Item>> =>
  Effect.map(Clock.currentTimeMillis, (now) => withoutExpired(items, now))

const isTaken = (item: Item): boolean => item.fate?.outcome === "delivered" || item.fate?.outcome === "accepted"

/** A connection that was stopped so often, though its probe succeeded and others got through, has an event of its own trouble. */
const stopsMax = 3
