/**
 * The delivery processor of one connection, as one pipe for each partition:
 *
 * source → decode → triage → screen → chunk → attempt → settle → records → sink
 *
 * Partitions whose batches are ready together take one step up to the first request (`step-together.ts`).
 * `attempt` is one request after the other, each: pause → deadline order → circuit breaker → rate limiter → credential →
 * send intent → HTTP request → interpret the response (`attempt.ts`, `send-request.ts`, `interpret-response.ts`).
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Scope from "effect/Scope"
import type { Codecs, RegistryError } from "../../../shared/codec/codecs.ts"
import type { KafkaError } from "../../../shared/kafka/client.ts"
import { partitionOfKey } from "../../../shared/kafka/wire/hashes.ts"
import { headerNames, topicNames } from "../../../shared/model/topics.ts"
import type {
  AssignedPartition,
  Batch,
  Inbound,
  Outbound,
  PartitionTask,
  Processor,
  Step
} from "../../../shared/runtime/contract.ts"
import { untracked } from "../../../shared/runtime/requests.ts"
import { movedRecord } from "../../../shared/runtime/restore-state.ts"
import { makeStatusPoller } from "../outcomes/status-poller.ts"
import { attemptAll } from "./attempt.ts"
import { chunk } from "./chunk.ts"
import { type DeliveryContextShape, type DeliveryOptions, makeDeliveryContext } from "./delivery-context.ts"
import type { DeliveryServices } from "./delivery-services.ts"
import { poisonedRecords, withUndecided } from "./records.ts"
import { makeSendIntents, type SendIntents } from "./send-intents.ts"
import { finishedBeforeMove, idempotent } from "./send-request.ts"
import { stepTogether } from "./step-together.ts"
import { type AttemptedBatch, type Partition, type ScreenedBatch, toStep } from "./to-step.ts"
import { failedRecords } from "./trace-outcomes.ts"
import { type BatchRecords, type Triaged, triageWhenDue } from "./triage-when-due.ts"

export type DeliveryError = KafkaError | RegistryError

/** A connection's processor. What it publishes about its state ends with the scope. */
export const deliveryProcessor = (
  options: DeliveryOptions
): Effect.Effect<Processor<DeliveryError, never>, never, Codecs | DeliveryServices | Scope.Scope> =>
  Effect.map(makeDeliveryContext(options), (delivery) => {
    const { connection, settings, limits } = delivery
    const owned = countOwned(delivery)
    /** For steps of several; what others know of sent events would be kept when they are lost. */
    const partitions = new Map<string, Partition>()
    return {
      name: `delivery-${connection.platform}.${connection.id}`,
      topics: [topicNames.mapped(connection.platform), topicNames.retry(connection.platform)],
      batch: {
        // Where a request carries one event, a batch keeps all its slots busy for a while.
        recordsMax: Math.max(limits.eventsPerRequest, limits.concurrency * 4),
        bytesMax: limits.bytesPerRequest,
        linger: connection.limits.linger ?? settings.linger
      },
      concurrency: 1,
      releasesInputBuffers: true,
      accept: (record) => record.headers[headerNames.connection] === connection.id,
      open: (assigned) =>
        Effect.gen(function* () {
          yield* owned
          const task = taskOf(delivery, assigned, yield* Clock.Clock)
          if (delivery.connector.idempotent) partitions.set(nameOf(assigned), task)
          return task
        }),
      ...(delivery.connector.idempotent
        ? {
            stepTogether: (batches) =>
              stepTogether(
                delivery,
                batches.map((batch) => ({ partition: partitions.get(nameOf(batch))!, batch })),
                ({ partition, batch }) => stepAlone(partition, batch)
              )
          }
        : {})
    }
  })

const nameOf = ({ topic, partition }: Pick<AssignedPartition, "topic" | "partition">): string => `${topic}/${partition}`

/** What the connection does in one partition. */
class DeliveryTask implements Partition, PartitionTask<DeliveryError, never> {
  readonly delivery: DeliveryContextShape
  readonly intents: SendIntents | null
  readonly poller: Partition["poller"]
  readonly partitions: number

  constructor({ delivery, intents, poller, partitions }: Partition) {
    this.delivery = delivery
    this.intents = intents
    this.poller = poller
    this.partitions = partitions
  }

  step(batch: Batch): Effect.Effect<Step, DeliveryError> {
    return stepAlone(this, batch)
  }

  poison(record: Inbound): Effect.Effect<Step> {
    return poisonStep(this, record)
  }
}

const taskOf = (delivery: DeliveryContextShape, assigned: AssignedPartition, clock: Clock.Clock): DeliveryTask => {
  const { asyncOutcome, idempotent: isIdempotent } = delivery.connector
  const intents = isIdempotent ? null : intentsOf(delivery, assigned)
  const poller = asyncOutcome === undefined ? null : makeStatusPoller(delivery, assigned, asyncOutcome, clock)
  const task = new DeliveryTask({ delivery, intents, poller, partitions: assigned.partitions ?? 1 })
  if (intents === null && poller === null) return task
  const restore = [intents?.restore, poller?.restore].filter((entry) => entry !== undefined)
  return Object.assign(task, { restore, ...(poller === null ? {} : { tick: poller.tick }) })
}

const stepAlone = (partition: Partition, batch: Batch): Effect.Effect<Step, DeliveryError> =>
  readBatch(partition, batch).pipe(
    // decode, triage: ready, decided without a request, early, unreadable
    Effect.flatMap((records) => triageWhenDue(partition.delivery, records)),
    // what may have been sent before is not sent again
    Effect.flatMap((triaged) => screen(partition, triaged)),
    // chunk, attempt: an outcome for each event
    Effect.flatMap((screened) => attemptChunks(partition, batch, screened)),
    // settle, records: what the runtime writes and commits
    Effect.flatMap((attempted) => toStep(partition, batch, attempted))
  )

/** The records that are sent from this partition, their schemas loaded. */
const readBatch = (partition: Partition, batch: Batch): Effect.Effect<BatchRecords, RegistryError> =>
  Effect.suspend(() => {
    const { codecs } = partition.delivery
    const read = atHome(partition, batch)
    return Effect.as(codecs.loadSchemas(read.records.map((record) => record.value)), read)
  })

/** Where requests are not idempotent and partitions were added, only the home partition of an event sends it. */
const atHome = ({ intents, partitions }: Partition, batch: Batch): BatchRecords => {
  if (intents === null || partitions === 1) return { records: batch.records, moved: [] }
  const records: Array<Inbound> = []
  const moved: Array<Outbound> = []
  for (const record of batch.records) {
    const home = record.key === null ? batch.partition : partitionOfKey(record.key, partitions)
    if (home === batch.partition) records.push(record)
    else moved.push(movedRecord(record, String(record.key), home))
  }
  return { records, moved }
}

/** Separates what must not be sent (again) where requests are not idempotent. */
const screen = ({ intents }: Partition, triaged: Triaged): Effect.Effect<ScreenedBatch> =>
  intents === null
    ? Effect.succeed({ triaged, screened: { ready: triaged.ready, decided: [], handedOver: [] } })
    : Effect.map(intents.screen(triaged.ready), (screened) => ({ triaged, screened }))

/** Sends what is ready, in chunks that go out at the same time. */
const attemptChunks = (
  { delivery, intents }: Partition,
  { requests = untracked }: Batch,
  { triaged, screened }: ScreenedBatch
): Effect.Effect<AttemptedBatch, KafkaError> => {
  const { connector, limits, optimizer } = delivery
  const guard = finishedBeforeMove(intents ?? idempotent, requests, connector.idempotent)
  const chunks = chunk(screened.ready, { events: optimizer.size(), bytes: limits.bytesPerRequest })
  return Effect.map(attemptAll(delivery, guard, chunks), (attempted): AttemptedBatch => {
    const outcomes = withUndecided(screened.ready, attempted)
    return {
      triaged,
      screened,
      outcomes: screened.decided.length === 0 ? outcomes : [...outcomes, ...screened.decided]
    }
  })
}

/** The record may have been sent in an earlier process: where that must not happen twice, the dead letter says so. */
const poisonStep = (partition: Partition, record: Inbound): Effect.Effect<Step> =>
  Effect.map(Clock.currentTimeMillis, (now) => {
    const { delivery, intents } = partition
    const { moved } = atHome(partition, { topic: record.topic, partition: record.partition, records: [record] })
    if (moved.length > 0) return { outputs: moved }
    const { sent, mark } = intents?.unread(String(record.key), now) ?? { sent: null, mark: [] }
    const { codecs, connection, services } = delivery
    const context = { codecs, connection, sealer: services.sealer, now }
    return { outputs: [...failedRecords(delivery, record, poisonedRecords(record, sent, context)), ...mark] }
  })

const intentsOf = (delivery: DeliveryContextShape, assigned: AssignedPartition): SendIntents =>
  makeSendIntents({
    codecs: delivery.codecs,
    connectionId: delivery.connection.id,
    mappedTopic: topicNames.mapped(delivery.connection.platform),
    assigned,
    append: assigned.append ?? noAppend,
    settings: delivery.settings,
    uncommitted: delivery.uncommitted,
    scope: delivery.scope
  })

/** Without durable intents nothing may be sent: a runtime that can't append is a bug, not a reason to take the risk. */
const noAppend = () => Effect.die("The runtime gives no append, which send intents need.")

/** The connection's rate is shared out by the partitions that this instance owns. */
const countOwned = ({
  breaker,
  confirmation,
  limiter,
  metrics,
  pause,
  pollLimiter,
  services
}: DeliveryContextShape): Effect.Effect<void, never, Scope.Scope> => {
  let owned = 0
  let total = 1
  const change = (by: number) =>
    Effect.suspend(() => {
      owned += by
      const share = owned / Math.max(1, total)
      const shared = Effect.andThen(limiter.setShare(share), pollLimiter.setShare(share))
      if (by > 0) confirmation.opened()
      return owned === Math.max(0, by) ? Effect.andThen(showState, shared) : shared
    })
  // An instance without its partitions does not try the connection any more: its gauges would show old trouble for ever.
  const showState = Effect.suspend(() =>
    owned === 0
      ? Effect.andThen(metrics.circuit("CLOSED"), metrics.paused(false))
      : Effect.flatMap(Effect.all([breaker.state, pause.paused]), ([circuit, paused]) =>
          Effect.andThen(metrics.circuit(circuit), metrics.paused(paused !== null))
        )
  )
  // Counted at each opening: topics may have got more partitions, which comes with a new assignment.
  const count = Effect.map(services.partitionsTotal, (counted) => {
    total = counted
  })
  const begin = change(1)
  // The same for all partitions: `acquireRelease` would keep the context of each.
  const end = () => change(-1)
  const own = Effect.flatMap(Effect.scope, (scope) =>
    Effect.uninterruptible(Effect.andThen(begin, Scope.addFinalizerExit(scope, end)))
  )
  return Effect.andThen(count, own)
}
