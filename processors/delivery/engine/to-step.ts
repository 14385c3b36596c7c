/** What the outcomes of a batch lead to: the step's records, and the metrics of its outcomes. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import { topicNames } from "../../../shared/model/topics.ts"
import type { Batch, Outbound, Step } from "../../../shared/runtime/contract.ts"
import { acceptedRequests, pendingRecord } from "../outcomes/pending.ts"
import type { StatusPoller } from "../outcomes/status-poller.ts"
import type { DeliveryContextShape } from "./delivery-context.ts"
import type { Outcome } from "./outcome.ts"
import { type RecordContext, settle, writtenBack } from "./records.ts"
import type { Screened, SendIntents } from "./send-intents.ts"
import { countOutcomes } from "./telemetry.ts"
import { addTracedRecords } from "./trace-outcomes.ts"
import type { Triaged } from "./triage-when-due.ts"

/** An open partition of a connection. */
export interface Partition {
  readonly delivery: DeliveryContextShape
  readonly intents: SendIntents | null
  readonly poller: StatusPoller | null
  /** Of the topic. */
  readonly partitions: number
}

export interface ScreenedBatch {
  readonly triaged: Triaged
  readonly screened: Screened
}

export interface AttemptedBatch extends ScreenedBatch {
  /** Of the events that were ready after the triage. */
  readonly outcomes: ReadonlyArray<Outcome>
}

/** A step, and what is counted of it. */
export interface MadeStep {
  readonly step: Step
  readonly outcomes: ReadonlyArray<Outcome>
  readonly unreadable: number
}

/** Everything that the batch leads to as records, and the metrics of its outcomes. */
export const toStep = (partition: Partition, batch: Batch, attempted: AttemptedBatch): Effect.Effect<Step> =>
  Effect.flatMap(recordContext(partition.delivery), (context) => {
    const made = makeStep(partition, batch, attempted, context)
    return Effect.as(countSteps(partition.delivery, [made]), made.step)
  })

/** What the records of a connection's outcomes are made with now. */
export const recordContext = (delivery: DeliveryContextShape): Effect.Effect<RecordContext> => {
  const { breaker, codecs, connection, services, settings } = delivery
  return Effect.flatMap(Clock.currentTimeMillis, (now) =>
    Effect.map(breaker.state, (circuit) => ({ codecs, connection, settings, circuit, sealer: services.sealer, now }))
  )
}

/** Counts the outcomes of steps of a connection. */
export const countSteps = ({ metrics }: DeliveryContextShape, steps: ReadonlyArray<MadeStep>): Effect.Effect<void> => {
  const [first, ...others] = steps
  return first === undefined
    ? Effect.void
    : countOutcomes(
        metrics,
        others.length === 0 ? first.outcomes : steps.flatMap(({ outcomes }) => outcomes),
        steps.reduce((sum, { unreadable }) => sum + unreadable, 0)
      )
}

/** The records that a batch leads to. */
export const makeStep = (
  { delivery, intents, poller }: Partition,
  batch: Batch,
  { triaged, screened, outcomes }: AttemptedBatch,
  context: RecordContext
): MadeStep => {
  const { codecs, connection } = delivery
  const { now } = context
  const attempted = outcomes.map((outcome) => settle(outcome, context))
  const all =
    triaged.decided.length === 0
      ? attempted
      : [...attempted, ...triaged.decided.map((outcome) => settle(outcome, context))]
  const { value: outputs, release } = codecs.encodePooled(() => {
    const made: Array<Outbound> = [...triaged.moved]
    for (const event of screened.handedOver) made.push(writtenBack(event, topicNames.retry(connection.platform)))
    addTracedRecords(made, triaged, all, context)
    for (const event of triaged.early) made.push(writtenBack(event, event.record.topic))
    return made
  })
  if (intents !== null) outputs.push(...intents.settle(attempted, now))
  for (const request of acceptedRequests(connection, attempted, now)) {
    const { later_id: trackingId, accepted_at: acceptedAt } = request
    const record = pendingRecord(delivery, batch, trackingId, request)
    outputs.push(record)
    if (record.value !== null) poller?.keep({ trackingId, acceptedAt, encoded: record.value })
  }
  const counted = { outcomes: all, unreadable: triaged.unreadable.length }
  if (intents === null) return { step: { outputs, release }, ...counted }
  const ids = triaged.ready.map(({ event }) => event.event_id)
  const committed = () => {
    release()
    intents.committed(ids)
  }
  return { step: { outputs, release: committed }, ...counted }
}
