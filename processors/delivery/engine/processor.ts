/** The delivery processor of one connection: a batch of mapped events in, one fate an event out. */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { Codecs, RegistryError } from "../../../shared/codec/codecs.ts"
import { dueAt, futureToleranceMillis } from "../../../shared/connectors/mapping/event-time.ts"
import type { KafkaError } from "../../../shared/kafka/client.ts"
import { partitionOfKey } from "../../../shared/kafka/wire/murmur2.ts"
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
import { movedRecord } from "../../../shared/runtime/restore-state.ts"
import { acceptedRequests, pendingRecord } from "../outcomes/pending.ts"
import { makeStatusPoller, type StatusPoller } from "../outcomes/status-poller.ts"
import { deliver } from "./attempt.ts"
import { chunk } from "./chunk.ts"
import { type DeliveryContext, type DeliveryOptions, makeDeliveryContext } from "./delivery-context.ts"
import type { DeliveryEvent } from "./outcome.ts"
import { type RecordContext, recordsOf, unreadableRecord, writtenBack } from "./records.ts"
import { type Intents, makeIntents } from "./send-intents.ts"
import { idempotent } from "./send-request.ts"
import { triage } from "./triage.ts"

export type DeliveryError = KafkaError | RegistryError

/** Makes a connection's processor. What it publishes about its state ends with the scope. */
export const deliveryProcessor = (
  options: DeliveryOptions
): Effect.Effect<Processor<DeliveryError, never>, never, Codecs | Scope.Scope> =>
  Effect.map(makeDeliveryContext(options), (delivery) => {
    const { connection, settings, limits } = delivery
    const owned = countOwned(delivery)
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
        Effect.andThen(
          owned,
          Effect.sync(() => openPartition(delivery, assigned))
        )
    }
  })

/** The connection's rate is shared out by the partitions that this instance owns. */
const countOwned = (delivery: DeliveryContext): Effect.Effect<void, never, Scope.Scope> => {
  let owned = 0
  let total = 1
  const change = (by: number) =>
    Effect.suspend(() => {
      owned += by
      const share = owned / Math.max(1, total)
      return Effect.andThen(delivery.limiter.setShare(share), delivery.pollLimiter.setShare(share))
    })
  // Counted at each opening: topics may have got more partitions, which comes with a new assignment.
  const count = Effect.map(delivery.services.partitionsTotal, (counted) => {
    total = counted
  })
  return Effect.andThen(
    count,
    Effect.acquireRelease(change(1), () => change(-1))
  )
}

const openPartition = (delivery: DeliveryContext, assigned: AssignedPartition): PartitionTask<DeliveryError, never> => {
  const { append } = assigned
  const intents = delivery.connector.idempotent
    ? null
    : makeIntents({
        codecs: delivery.codecs,
        connectionId: delivery.connection.id,
        mappedTopic: topicNames.mapped(delivery.connection.platform),
        assigned,
        append: append ?? noAppend,
        settings: delivery.settings,
        answers: delivery.uncommitted,
        scope: delivery.scope
      })
  const later =
    delivery.connector.asyncOutcome === undefined
      ? null
      : makeStatusPoller(delivery, assigned, delivery.connector.asyncOutcome)
  const restore = [intents?.restore, later?.restore].filter((entry) => entry !== undefined)
  return {
    ...(restore.length > 0 ? { restore } : {}),
    ...(later === null ? {} : { tick: later.tick }),
    step: (batch) => step({ delivery, intents, later, partitions: assigned.partitions ?? 1 }, batch)
  }
}

/** Without durable intents nothing may be sent: a runtime that can't append is a bug, not a reason to take the risk. */
const noAppend = () => Effect.die("The runtime gives no append, which send intents need.")

interface Partition {
  readonly delivery: DeliveryContext
  readonly intents: Intents | null
  readonly later: StatusPoller | null
  /** Of the topic. */
  readonly partitions: number
}

/** What is sent from here, and what another partition sends, where a repeated request is not idempotent and partitions were added. */
const byHome = ({ intents, partitions }: Partition, batch: Batch) => {
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

const step = Effect.fnUntraced(function* (partition: Partition, batch: Batch) {
  const { delivery } = partition
  const { codecs, connection, connector, limits } = delivery
  const { records, moved } = byHome(partition, batch)
  yield* codecs.loadSchemas(records.map((record) => record.value))
  const read = (now: number) =>
    triage(records, { codecs, connection, connector, now, bytesPerRequest: limits.bytesPerRequest })
  let sorted = read(yield* Clock.currentTimeMillis)
  if (sorted.ready.length === 0 && sorted.early.length > 0) {
    yield* holdUntilDue(delivery, sorted.early)
    sorted = read(yield* Clock.currentTimeMillis)
  }
  const begun = yield* Clock.currentTimeMillis
  const handedOver = partition.intents?.deferred(sorted.ready, begun) ?? []
  const ready = handedOver.length === 0 ? sorted.ready : sorted.ready.filter((item) => !handedOver.includes(item))
  if (partition.intents !== null) yield* partition.intents.answersOf(ready)
  partition.intents?.screen(ready, yield* Clock.currentTimeMillis)
  yield* send(
    partition,
    ready.filter((item) => item.fate === null)
  )
  const context = yield* contextOf(delivery)
  const items = [...ready, ...sorted.settled]
  const outputs: Array<Outbound> = [...moved]
  for (const item of handedOver) outputs.push(writtenBack(item, topicNames.retry(connection.platform)))
  for (const item of items) outputs.push(...recordsOf(item, context))
  for (const { record, problem } of sorted.unreadable) outputs.push(unreadableRecord(record, problem, context))
  for (const item of sorted.early) outputs.push(writtenBack(item, item.record.topic))
  outputs.push(...(partition.intents?.settle(ready, context.now) ?? []))
  const pending = acceptedRequests(delivery, items, context.now)
  for (const outcome of pending) outputs.push(pendingRecord(delivery, batch, outcome.later_id, outcome))
  partition.later?.keep(pending, context.now)
  yield* count(delivery, items, sorted.unreadable.length)
  const { intents } = partition
  if (intents === null) return { outputs } satisfies Step
  const ids = sorted.ready.map((item) => item.event.event_id)
  return { outputs, release: () => intents.committed(ids) } satisfies Step
})

/**
 * A batch of delayed retries none of which is due waits for the first one; not for ever, as later records may be due
 * before, and not at all where so many wait that it took long to come round to these.
 */
const holdUntilDue = (
  { connection, connector, settings }: DeliveryContext,
  early: ReadonlyArray<DeliveryEvent>
): Effect.Effect<void> =>
  Effect.flatMap(Clock.currentTimeMillis, (now) => {
    const least = (numberOf: (item: DeliveryEvent) => number) =>
      early.reduce((lowest, item) => Math.min(lowest, numberOf(item)), Number.MAX_SAFE_INTEGER)
    const round = now - least(({ record }) => record.timestamp)
    if (round >= Duration.toMillis(settings.delayedRound)) return Effect.void
    const tolerance = futureToleranceMillis(connection, connector)
    const first = least(({ event }) => dueAt(event, tolerance))
    return Effect.sleep(Duration.min(Duration.millis(Math.max(0, first - now)), settings.delayedHold))
  })

const send = (
  { delivery, intents }: Partition,
  items: ReadonlyArray<DeliveryEvent>
): Effect.Effect<void, KafkaError> => {
  const pieces = chunk(items, { events: delivery.optimizer.size(), bytes: delivery.limits.bytesPerRequest })
  return Effect.forEach(pieces, (piece) => deliver(delivery, piece, intents ?? idempotent), {
    concurrency: delivery.limits.concurrency,
    discard: true
  })
}

const contextOf = (delivery: DeliveryContext): Effect.Effect<RecordContext> =>
  Effect.gen(function* () {
    const { codecs, connection, settings } = delivery
    const circuit = yield* delivery.breaker.state
    return { codecs, connection, settings, circuit, now: yield* Clock.currentTimeMillis }
  })

const count = (
  delivery: DeliveryContext,
  items: ReadonlyArray<DeliveryEvent>,
  unreadable: number
): Effect.Effect<void> => {
  const outcomes = new Map<string, number>()
  const reasons = new Map<string, number>()
  const add = (counts: Map<string, number>, name: string, by: number) => counts.set(name, (counts.get(name) ?? 0) + by)
  for (const { fate } of items) {
    add(outcomes, fate?.outcome ?? "undecided", 1)
    if (fate?.outcome === "rejected") add(reasons, fate.reasonCode ?? "unknown", 1)
  }
  if (unreadable > 0) add(outcomes, "dead_lettered", unreadable)
  return Effect.andThen(delivery.metrics.outcomes(outcomes), delivery.metrics.rejected(reasons))
}
