/**
 * Outcomes that the platform tells later (Google's requestStatus). A request that was accepted is written, in the
 * transaction of its results, to `pending-outcomes` on the partition's number; it is asked for until it is final, by whoever
 * owns the partition, and its final results and the end of its record are one transaction again.
 */
import { Clock, Duration, Effect, Result } from "effect"
import type { PendingEvent, PendingOutcome } from "../../schemas/types.gen.ts"
import type { Connector, EventVerdict, LaterReading } from "../platforms/connector.ts"
import type { AssignedPartition, Outbound, PartitionTask, Restore } from "../stream/contract.ts"
import type { Item } from "./item.ts"
import type { Lane } from "./lane.ts"
import { finalResult } from "./later-results.ts"
import { deliveryHeaders, deliveryTopics } from "./settings.ts"

export interface Later {
  readonly restore: Restore<never, never>
  /** Records for the step's transaction that keep the accepted requests of these events. */
  readonly keep: (items: ReadonlyArray<Item>, now: number) => ReadonlyArray<Outbound>
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
    const final = conclusion(reading, pending, now, lane)
    if (final === null) {
      pending.questions += 1
      pending.nextAt = now + Duration.toMillis(waitAfter(pending.questions, reading, lane))
      return []
    }
    pendings.delete(pending.outcome.later_id)
    return [
      ...pending.outcome.events.map((event) => finalResult(lane, pending.outcome, event, final, now)),
      pendingRecord(lane, assigned, pending.outcome.later_id, null)
    ]
  })
  return {
    restore: {
      topic: deliveryTopics.pending,
      since: "beginning",
      until: "end",
      apply: (records) =>
        Effect.map(Clock.currentTimeMillis, (now) => {
          for (const record of records) {
            if (record.headers[deliveryHeaders.connection] !== lane.connection.id) continue
            const laterId = record.key?.toString("utf8").slice(lane.connection.id.length + 1) ?? ""
            const decoded = record.value === null ? null : lane.codecs.decode("pending-outcome", record.value)
            if (decoded?._tag === "Decoded") add(decoded.value, now)
            else pendings.delete(laterId)
          }
        })
    },
    keep: (items, now) =>
      accepted(lane, items, now).map((outcome) => {
        add(outcome, now + Duration.toMillis(lane.settings.laterFirst))
        return pendingRecord(lane, assigned, outcome.later_id, outcome)
      }),
    tick: {
      every: lane.settings.laterFirst,
      step: Effect.gen(function* () {
        const now = yield* Clock.currentTimeMillis
        const due = [...pendings.values()].filter((pending) => pending.nextAt <= now).slice(0, lane.settings.laterBatch)
        const outputs = yield* Effect.forEach(due, ask, { concurrency: 4 })
        return { outputs: outputs.flat() }
      })
    }
  }
}

const question = (lane: Lane, later: NonNullable<Connector["later"]>, laterId: string): Effect.Effect<LaterReading> =>
  Effect.gen(function* () {
    const access = yield* Effect.result(lane.access.context)
    if (Result.isFailure(access)) return unreadable(access.failure.verdict)
    const response = yield* Effect.result(lane.outside.execute(later.request(laterId, access.success)))
    return Result.isSuccess(response) ? later.read(response.success) : unreadable(noAnswer)
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

/** What `warnings` holds where the platform never told the outcome. */
export const neverTold = "never_told"

const waitAfter = (questions: number, reading: LaterReading, { settings }: Lane): Duration.Duration => {
  const own = Duration.min(Duration.times(settings.laterFirst, 2 ** Math.min(questions, 20)), settings.laterMax)
  const wish = reading._tag === "Final" ? null : reading.retryAfter
  return wish === null ? own : Duration.max(own, wish)
}

/** The accepted requests among the events, each with its events. */
const accepted = (lane: Lane, items: ReadonlyArray<Item>, now: number): ReadonlyArray<PendingOutcome> => {
  const requests = new Map<string, { readonly first: Item; readonly events: Array<PendingEvent> }>()
  for (const item of items) {
    const laterId = item.fate?.outcome === "accepted" ? item.fate.request?.laterId : null
    if (laterId === null || laterId === undefined) continue
    const { event, requests: made } = item
    const entry = requests.get(laterId) ?? { first: item, events: [] }
    requests.set(laterId, entry)
    entry.events.push({
      event_id: event.event_id,
      event_name: event.event_name,
      event_time: event.event_time,
      platform_event: event.platform_event,
      mapping_version: event.mapping_version,
      retry_count: Math.max(0, event.attempts + made - 1),
      source: event.source
    })
  }
  return [...requests].map(([laterId, { first, events }]) => ({
    connection_id: lane.connection.id,
    platform: lane.connection.platform,
    later_id: laterId,
    accepted_at: now,
    latency_ms: first.fate?.request?.latencyMillis ?? 0,
    events
  }))
}

const pendingRecord = (
  lane: Lane,
  assigned: AssignedPartition,
  laterId: string,
  outcome: PendingOutcome | null
): Outbound => ({
  topic: deliveryTopics.pending,
  partition: assigned.partition,
  key: `${lane.connection.id}|${laterId}`,
  headers: { [deliveryHeaders.connection]: lane.connection.id },
  value: outcome === null ? null : lane.codecs.encode(deliveryTopics.pending, "pending-outcome", outcome)
})

const unreadable = (verdict: EventVerdict): LaterReading => ({ _tag: "Unreadable", verdict, retryAfter: null })
const noAnswer: EventVerdict = { errorClass: "transient", reasonCode: null, message: null }
