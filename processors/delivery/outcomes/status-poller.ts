/**
 * Polls the status of accepted requests (Google's requestStatus). A request that was accepted is written, in the
 * transaction of its results, to `pending-outcomes` on the partition's number; it is polled until it is final, by whoever
 * owns the partition, and its final results and the end of its record are one transaction again.
 */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Latch from "effect/Latch"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import type { PendingOutcome } from "../../../schemas/types.gen.ts"
import type { RegistryError } from "../../../shared/codec/codecs.ts"
import type { AsyncOutcomeReading, Connector, EventVerdict } from "../../../shared/connectors/connector.ts"
import { monotonicMillisUnsafe } from "../../../shared/model/monotonic.ts"
import { headerNames, topicNames } from "../../../shared/model/topics.ts"
import type { AssignedPartition, Inbound, PartitionTask, Restore } from "../../../shared/runtime/contract.ts"
import type { DeliveryContextShape } from "../engine/delivery-context.ts"
import { conclude, countConclusions, neverReported } from "./final-results.ts"
import { pendingRecord } from "./pending.ts"

export interface StatusPoller {
  readonly restore: Restore<RegistryError, never>
  /** Takes note of an accepted request, whose record the step commits. */
  readonly keep: (request: AcceptedRequest) => void
  readonly tick: NonNullable<PartitionTask<never, never>["tick"]>
}

export interface AcceptedRequest {
  readonly trackingId: string
  /** In milliseconds since the epoch. */
  readonly acceptedAt: number
  /** Its `PendingOutcome`. */
  readonly encoded: Buffer
}

/** Encoded until it is final: a platform that takes half a day for that has hundreds of thousands of events waiting, which would fill the heap. */
interface Pending extends AcceptedRequest {
  polls: number
  /** In monotonic milliseconds. */
  nextAt: number
}

export const makeStatusPoller = (
  delivery: DeliveryContextShape,
  assigned: AssignedPartition,
  asyncOutcome: NonNullable<Connector["asyncOutcome"]>,
  clock: Clock.Clock
): StatusPoller => {
  const pendings = new Map<string, Pending>()
  /** Open while something is polled. */
  const due = Latch.makeUnsafe(false)
  const add = ({ trackingId, acceptedAt, encoded }: AcceptedRequest, nextAt: number): void => {
    due.openUnsafe()
    // A copy, since the record's memory ends with the step.
    pendings.set(trackingId, { trackingId, acceptedAt, encoded: Buffer.from(encoded), polls: 0, nextAt })
  }
  const beside = { pricing: null, tracing: delivery.tracing }
  const pollOne = Effect.fnUntraced(function* (pending: Pending) {
    const reading = yield* poll(delivery, asyncOutcome, pending.trackingId)
    const now = yield* Clock.currentTimeMillis
    if (reading._tag === "Unreadable" && reading.verdict.errorClass === "throttled")
      yield* delivery.pollLimiter.throttle(reading.retryAfter ?? quotaWindow)
    const final = conclusion(reading, pending, now, delivery)
    const outcome = final === null ? null : yield* readOutcome(delivery, pending)
    if (final === null || outcome === null) {
      pending.polls += 1
      pending.nextAt = monotonicMillisUnsafe(clock) + Duration.toMillis(waitAfter(pending.polls, reading, delivery))
      return []
    }
    pendings.delete(pending.trackingId)
    return [{ trackingId: pending.trackingId, ...conclude(delivery.codecs, outcome, final, now, beside) }]
  })
  return {
    restore: {
      topic: topicNames.pending,
      since: "beginning",
      until: "end",
      apply: (records) =>
        Effect.gen(function* () {
          yield* delivery.codecs.loadSchemas(records.map((record) => record.value))
          const now = monotonicMillisUnsafe(clock)
          for (const record of records) {
            if (record.headers[headerNames.connection] !== delivery.connection.id) continue
            const trackingId = record.key?.toString("utf8").slice(delivery.connection.id.length + 1) ?? ""
            const encoded = record.value
            const decoded = encoded === null ? null : delivery.codecs.decode("pending-outcome", encoded)
            if (encoded === null || decoded?._tag !== "Decoded") pendings.delete(trackingId)
            else if (isSentHere(record, assigned, delivery))
              add({ trackingId, acceptedAt: decoded.value.accepted_at, encoded }, now)
          }
        })
    },
    keep: (request) => add(request, monotonicMillisUnsafe(clock) + Duration.toMillis(delivery.settings.pollFirst)),
    tick: {
      every: delivery.settings.pollFirst,
      due,
      step: Effect.gen(function* () {
        if (pendings.size === 0) due.closeUnsafe()
        const polled = longestDue(pendings.values(), monotonicMillisUnsafe(clock)).slice(0, delivery.settings.pollBatch)
        const concluded = (yield* Effect.forEach(yield* allowed(delivery, polled), pollOne, {
          concurrency: pollsAtATime
        })).flat()
        yield* countConclusions(delivery.metrics, concluded)
        const ends = concluded.map(({ trackingId }) => pendingRecord(delivery, assigned, trackingId, null))
        return { outputs: [...concluded.flatMap(({ outputs }) => outputs), ...ends] }
      })
    }
  }
}

/** The outcome; null while the registry does not answer for its schema, so that it is polled again. */
const readOutcome = ({ codecs }: DeliveryContextShape, { encoded }: Pending): Effect.Effect<PendingOutcome | null> =>
  Effect.map(Effect.ignore(codecs.loadSchemas([encoded])), () => {
    const decoded = codecs.decode("pending-outcome", encoded)
    return decoded._tag === "Decoded" ? decoded.value : null
  })

/** Where polls are limited, those that wait longest go first, and are the likeliest to be final. */
const longestDue = (pendings: Iterable<Pending>, now: number): ReadonlyArray<Pending> =>
  [...pendings].filter((pending) => pending.nextAt <= now).sort((left, right) => left.nextAt - right.nextAt)

/** As many as the rate allows now; the others wait for the next tick. */
const allowed = Effect.fnUntraced(function* (delivery: DeliveryContextShape, due: ReadonlyArray<Pending>) {
  for (let count = 0; count < due.length; count++)
    if (!(yield* delivery.pollLimiter.tryAcquire({ requests: 1, events: 0 }))) return due.slice(0, count)
  return due
})

/** The partitions of equal number of both inputs restore from the same one: each polls only what it sent itself. */
const isSentHere = (
  { headers }: Inbound,
  { topic }: AssignedPartition,
  { connection }: DeliveryContextShape
): boolean => (headers[headerNames.input] ?? topicNames.mapped(connection.platform)) === topic

const poll = (
  delivery: DeliveryContextShape,
  asyncOutcome: NonNullable<Connector["asyncOutcome"]>,
  trackingId: string
): Effect.Effect<AsyncOutcomeReading> =>
  Effect.gen(function* () {
    const access = yield* Effect.result(delivery.credential.context)
    if (Result.isFailure(access)) return unreadable(access.failure.verdict)
    const response = yield* delivery.services.execute(asyncOutcome.request(trackingId, access.success)).pipe(
      // A tick holds up the partition's commits: after a slow response it is polled again later.
      Effect.timeoutOption(pollTimeout),
      Effect.result
    )
    return Result.isSuccess(response) && Option.isSome(response.success)
      ? asyncOutcome.read(response.success.value)
      : unreadable(noResponse)
  })

/** The final outcome of a request: what the platform says, or that it will not say any more; null to poll again. */
const conclusion = (
  reading: AsyncOutcomeReading,
  pending: Pending,
  now: number,
  delivery: DeliveryContextShape
): Extract<AsyncOutcomeReading, { _tag: "Final" }> | null => {
  if (reading._tag === "Final") return reading
  const permanent = reading._tag === "Unreadable" && reading.verdict.errorClass === "invalid_event"
  const tooOld = now - pending.acceptedAt > Duration.toMillis(delivery.settings.asyncOutcomeLife)
  return permanent || tooOld ? { _tag: "Final", processed: null, rejected: [], warnings: [neverReported] } : null
}

const waitAfter = (
  polls: number,
  reading: AsyncOutcomeReading,
  { settings }: DeliveryContextShape
): Duration.Duration => {
  const usual = Duration.min(Duration.times(settings.pollFirst, 2 ** Math.min(polls, 20)), settings.pollMax)
  const retryAfter = reading._tag === "Final" ? null : reading.retryAfter
  return retryAfter === null ? usual : Duration.max(usual, retryAfter)
}

const unreadable = (verdict: EventVerdict): AsyncOutcomeReading => ({ _tag: "Unreadable", verdict, retryAfter: null })
const noResponse: EventVerdict = { errorClass: "transient", reasonCode: null, message: null }

/** The longest that a platform's quota of reads counts: Google's. */
const quotaWindow = Duration.minutes(1)
const pollTimeout = Duration.seconds(3)
const pollsAtATime = 10
