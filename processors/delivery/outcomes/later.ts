/**
 * Outcomes that the platform tells later (Google's requestStatus). A request that was accepted is written, in the
 * transaction of its results, to `pending-outcomes` on the partition's number; it is asked for until it is final, by whoever
 * owns the partition, and its final results and the end of its record are one transaction again.
 */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import type { PendingOutcome } from "../../../schemas/types.gen.ts"
import type { RegistryError } from "../../../shared/codec/codecs.ts"
import type { Connector, EventVerdict, LaterReading } from "../../../shared/connectors/connector.ts"
import { deliveryHeaders, deliveryTopics } from "../../../shared/model/delivery-topics.ts"
import type { AssignedPartition, Inbound, PartitionTask, Restore } from "../../../shared/runtime/contract.ts"
import type { Lane } from "../engine/lane.ts"
import { conclude, countConclusions, neverTold } from "./later-results.ts"
import { pendingRecord } from "./pending.ts"

export interface Later {
  readonly restore: Restore<RegistryError, never>
  /** Takes note of accepted requests, whose records the step commits. */
  readonly keep: (outcomes: ReadonlyArray<PendingOutcome>, now: number) => void
  readonly tick: NonNullable<PartitionTask<never, never>["tick"]>
}

interface Pending {
  readonly outcome: PendingOutcome
  questions: number
  /** `Clock`, in milliseconds. */
  nextAt: number
}

export const makeLater = (lane: Lane, assigned: AssignedPartition, later: NonNullable<Connector["later"]>): Later => {
  const pendings = new Map<string, Pending>()
  const add = (outcome: PendingOutcome, nextAt: number): void => {
    pendings.set(outcome.later_id, { outcome, questions: 0, nextAt })
  }
  const ask = Effect.fnUntraced(function* (pending: Pending) {
    const reading = yield* question(lane, later, pending.outcome.later_id)
    const now = yield* Clock.currentTimeMillis
    if (reading._tag === "Unreadable" && reading.verdict.errorClass === "throttled")
      yield* lane.questions.throttle(reading.retryAfter ?? quotaWindow)
    const final = conclusion(reading, pending, now, lane)
    if (final === null) {
      pending.questions += 1
      pending.nextAt = now + Duration.toMillis(waitAfter(pending.questions, reading, lane))
      return []
    }
    pendings.delete(pending.outcome.later_id)
    return [{ laterId: pending.outcome.later_id, ...conclude(lane.codecs, pending.outcome, final, now) }]
  })
  return {
    restore: {
      topic: deliveryTopics.pending,
      since: "beginning",
      until: "end",
      apply: (records) =>
        Effect.gen(function* () {
          yield* lane.codecs.loadSchemas(records.map((record) => record.value))
          const now = yield* Clock.currentTimeMillis
          for (const record of records) {
            if (record.headers[deliveryHeaders.connection] !== lane.connection.id) continue
            const laterId = record.key?.toString("utf8").slice(lane.connection.id.length + 1) ?? ""
            const decoded = record.value === null ? null : lane.codecs.decode("pending-outcome", record.value)
            if (decoded?._tag !== "Decoded") pendings.delete(laterId)
            else if (isOwn(record, assigned, lane)) add(decoded.value, now)
          }
        })
    },
    keep: (outcomes, now) => {
      for (const outcome of outcomes) add(outcome, now + Duration.toMillis(lane.settings.laterFirst))
    },
    tick: {
      every: lane.settings.laterFirst,
      step: Effect.gen(function* () {
        const now = yield* Clock.currentTimeMillis
        const due = yield* allowed(lane, longestDue(pendings.values(), now).slice(0, lane.settings.laterBatch))
        const concluded = (yield* Effect.forEach(due, ask, { concurrency: questionsAtATime })).flat()
        yield* countConclusions(lane.metrics, concluded)
        const ends = concluded.map(({ laterId }) => pendingRecord(lane, assigned, laterId, null))
        return { outputs: [...concluded.flatMap(({ outputs }) => outputs), ...ends] }
      })
    }
  }
}

/** Where questions are limited, those that wait longest are asked first, and are the likeliest to be final. */
const longestDue = (pendings: Iterable<Pending>, now: number): ReadonlyArray<Pending> =>
  [...pendings].filter((pending) => pending.nextAt <= now).sort((left, right) => left.nextAt - right.nextAt)

/** As many as the rate allows now; the others wait for the next tick. */
const allowed = Effect.fnUntraced(function* (lane: Lane, due: ReadonlyArray<Pending>) {
  for (let count = 0; count < due.length; count++)
    if (!(yield* lane.questions.tryAcquire({ requests: 1, events: 0 }))) return due.slice(0, count)
  return due
})

/** The partitions of equal number of both inputs restore from the same one: each asks only for what it sent itself. */
const isOwn = ({ headers }: Inbound, { topic }: AssignedPartition, { connection }: Lane): boolean =>
  (headers[deliveryHeaders.input] ?? deliveryTopics.mapped(connection.platform)) === topic

const question = (lane: Lane, later: NonNullable<Connector["later"]>, laterId: string): Effect.Effect<LaterReading> =>
  Effect.gen(function* () {
    const access = yield* Effect.result(lane.access.context)
    if (Result.isFailure(access)) return unreadable(access.failure.verdict)
    const response = yield* lane.outside.execute(later.request(laterId, access.success)).pipe(
      // A tick holds up the partition's commits: a slow answer is asked for again later.
      Effect.timeoutOption(questionTimeout),
      Effect.result
    )
    return Result.isSuccess(response) && Option.isSome(response.success)
      ? later.read(response.success.value)
      : unreadable(noAnswer)
  })

/** The final outcome of a request: what the platform says, or that it will not say any more; null to ask again. */
const conclusion = (
  reading: LaterReading,
  pending: Pending,
  now: number,
  lane: Lane
): Extract<LaterReading, { _tag: "Final" }> | null => {
  if (reading._tag === "Final") return reading
  const permanent = reading._tag === "Unreadable" && reading.verdict.errorClass === "invalid_event"
  const tooOld = now - pending.outcome.accepted_at > Duration.toMillis(lane.settings.laterLife)
  return permanent || tooOld ? { _tag: "Final", processed: null, rejected: [], warnings: [neverTold] } : null
}

const waitAfter = (questions: number, reading: LaterReading, { settings }: Lane): Duration.Duration => {
  const own = Duration.min(Duration.times(settings.laterFirst, 2 ** Math.min(questions, 20)), settings.laterMax)
  const wish = reading._tag === "Final" ? null : reading.retryAfter
  return wish === null ? own : Duration.max(own, wish)
}

const unreadable = (verdict: EventVerdict): LaterReading => ({ _tag: "Unreadable", verdict, retryAfter: null })
const noAnswer: EventVerdict = { errorClass: "transient", reasonCode: null, message: null }

/** Google's quotas of reads are a minute's. */
const quotaWindow = Duration.minutes(1)
const questionTimeout = Duration.seconds(3)
const questionsAtATime = 10
