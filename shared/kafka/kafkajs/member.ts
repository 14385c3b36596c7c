/**
 * A group member on kafkajs. kafkajs fetches the partitions of a broker in lockstep and reads committed offsets again at each
 * rebalance; the member hides both: it delivers records at once, keeps each partition's position itself, and keeps a newly
 * assigned partition paused until its owner's first seek.
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { Batch, Consumer, Kafka } from "kafkajs"
import { KafkaError, type Member, type MemberHandlers, type MemberOptions, type TopicPartition } from "../client.ts"
import type { ResolvedKafkaOptions } from "../options.ts"
import { type PartitionsByTopic, partitionAssigner } from "./assignment.ts"
import { failureOf } from "./damaged.ts"
import { attempt, attemptBriefly, kafkaError, retryPolicy, settledWithin } from "./errors.ts"
import kafkajs from "./patches/index.ts"
import { fetchedRecords } from "./records.ts"

export const joinGroup = (
  kafka: Kafka,
  options: ResolvedKafkaOptions,
  { groupId, topics, assignment, processors, rebalanceWaitMillis, handlers }: MemberOptions
): Effect.Effect<Member, KafkaError, Scope.Scope> =>
  Effect.gen(function* () {
    const positions = new MemberPositions()
    const assigner = partitionAssigner(kafkajs.AssignerProtocol, assignment, () => positions.owned(), processors)
    const beforeJoining = () => {
      const waitMillis = Math.min(rebalanceWaitMillis, rebalanceTimeoutMillis(options) / 2)
      return settledWithin(waitMillis, handlers.onRebalancing()).then(ignore, ignore)
    }
    const part = topics.every(options.compressedTopics) ? compressedToPart : 1
    const consumer = kafka.consumer({
      groupId,
      partitionAssigners: [(cluster) => ({ ...assigner(cluster), beforeJoining })],
      allowAutoTopicCreation: false,
      sessionTimeout: options.sessionTimeoutMillis,
      rebalanceTimeout: rebalanceTimeoutMillis(options),
      heartbeatInterval: Math.min(heartbeatMillisMax, Math.floor(options.sessionTimeoutMillis / 10)),
      maxWaitTimeInMs: options.fetchWaitMillis,
      maxBytesPerPartition: Math.ceil(options.fetchBytesPerPartition / part),
      maxBytes: Math.ceil(options.fetchBytesMax / part),
      retry: { ...retryPolicy, retries: memberRetries, restartOnFailure: async () => false }
    })
    const state: MemberState = {
      options,
      handlers,
      positions,
      consumer,
      memberId: null,
      crash: null,
      joined: false,
      closed: false,
      alive: true
    }
    yield* Effect.addFinalizer(() => leave(state))
    listen(state)
    yield* attempt(`join the group ${groupId}`, async () => {
      await consumer.connect()
      await consumer.subscribe({ topics: [...topics], fromBeginning: true })
      await consumer.run({
        autoCommit: false,
        eachBatchAutoResolve: true,
        eachBatch: async ({ batch, isStale }) => {
          if (!isStale()) deliver(state, batch)
        }
      })
      state.joined = true
      if (state.crash !== null) return Promise.reject(state.crash)
    })
    yield* Effect.forkScoped(crashWhenSilent(state, rebalanceTimeoutMillis(options) + options.sessionTimeoutMillis))
    return commandsOf(state)
  })

/**
 * What is fetched compressed takes some five times as much memory; but what one transaction wrote to a partition should fit, so that a fetch
 * has that of all partitions. A whole batch comes in any case, of one partition.
 */
const compressedToPart = 2

/**
 * Retries over a broker's restart, about 30 s of waits: a member that gives up joins again as a new one, and the group then waits
 * for the session timeout of the old one. The limit is `crashWhenSilent`.
 */
const memberRetries = 20

interface MemberState {
  readonly options: ResolvedKafkaOptions
  readonly handlers: MemberHandlers
  readonly positions: MemberPositions
  readonly consumer: Consumer
  memberId: string | null
  crash: KafkaError | null
  /** Until then a crash fails the join instead of calling `onCrashed`. */
  joined: boolean
  closed: boolean
  /** Set by each event of kafkajs, cleared by each check of `crashWhenSilent`. */
  alive: boolean
}

const ignore = () => undefined

const rebalanceTimeoutMillis = (options: ResolvedKafkaOptions) => 2 * options.sessionTimeoutMillis

/** A rebalance is noticed by the next heartbeat, so they are frequent. */
const heartbeatMillisMax = 1_000

const listen = (state: MemberState) => {
  const { consumer, positions, handlers } = state
  consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => {
    state.alive = true
    if (state.closed) return
    const continued = state.memberId === payload.memberId
    state.memberId = payload.memberId
    const { assigned, waiting, retained } = positions.assign(payload.memberAssignment, continued)
    for (const partition of waiting) consumer.pause([{ topic: partition.topic, partitions: [partition.partition] }])
    for (const { offset, ...partition } of retained) consumer.seek({ ...partition, offset: String(offset) })
    handlers.onAssigned(assigned, continued)
  })
  // Batches of control records, of aborted records or of none don't reach eachBatch; this event is the only sign of them.
  consumer.on(consumer.events.END_BATCH_PROCESS, ({ payload }) => {
    if (state.closed || payload.batchSize > 0) return
    const from = { topic: payload.topic, partition: payload.partition }
    const endOffset = Number(payload.lastOffset) + 1
    if (!positions.pass(from, Number(payload.firstOffset), endOffset)) return
    handlers.onRecords(from, [], endOffset, Number(payload.highWatermark))
  })
  consumer.on(consumer.events.HEARTBEAT, () => {
    state.alive = true
  })
  consumer.on(consumer.events.FETCH, () => {
    state.alive = true
  })
  consumer.on(consumer.events.CRASH, ({ payload }) => crash(state, kafkaError("stay in the group", payload.error)))
}

const crash = (state: MemberState, error: KafkaError) => {
  if (state.closed || state.crash !== null) return
  state.crash = error
  state.closed = true
  if (state.joined) state.handlers.onCrashed(error)
}

const deliver = (state: MemberState, batch: Batch) => {
  if (state.closed || batch.messages.length === 0) return
  const from: TopicPartition = { topic: batch.topic, partition: batch.partition }
  const endOffset = Number(batch.lastOffset()) + 1
  const step = state.positions.advance(from, Number((batch as FetchedBatch).fetchedOffset), endOffset)
  if (step === null) return
  if (step.gap) {
    state.consumer.pause([{ topic: from.topic, partitions: [from.partition] }])
    state.handlers.onGap(from, step.position, Number((batch as FetchedBatch).fetchedOffset))
    return
  }
  const failure = failureOf(batch.messages, from, state.options)
  if (failure !== null) {
    state.positions.forget(from)
    state.consumer.pause([{ topic: from.topic, partitions: [from.partition] }])
    state.handlers.onUnreadable(from, failure)
    return
  }
  const records = fetchedRecords(batch.topic, batch.partition, batch.messages, step.position)
  state.handlers.onRecords(from, records, endOffset, Number(batch.highWatermark))
}

/** kafkajs's type lacks the offset of the fetch; its class has it. */
type FetchedBatch = Batch & { readonly fetchedOffset: string }

const commandsOf = (state: MemberState): Member => {
  const { consumer, positions } = state
  const owned = (partition: TopicPartition) => !state.closed && positions.has(partition)
  return {
    pause: ({ topic, partition }) => {
      if (owned({ topic, partition })) consumer.pause([{ topic, partitions: [partition] }])
    },
    resume: ({ topic, partition }) => {
      if (owned({ topic, partition }) && positions.isSought({ topic, partition }))
        consumer.resume([{ topic, partitions: [partition] }])
    },
    seek: ({ topic, partition }, offset) => {
      if (!owned({ topic, partition })) return
      positions.seek({ topic, partition }, offset)
      consumer.seek({ topic, partition, offset: String(offset) })
      consumer.resume([{ topic, partitions: [partition] }])
    }
  }
}

/** kafkajs can hang for ever after some network failures: silence for longer than any rebalance takes counts as a crash. */
const crashWhenSilent = (state: MemberState, silenceMillisMax: number): Effect.Effect<void> =>
  Effect.gen(function* () {
    while (!state.closed) {
      state.alive = false
      yield* Effect.sleep(silenceMillisMax)
      if (!state.alive) {
        const silent = new KafkaError({
          code: "timeout",
          operation: "stay in the group",
          message: `The group member gave no sign of life for ${silenceMillisMax} ms.`,
          nextStep: "It joins again by itself; look at the network if this repeats.",
          cause: null
        })
        crash(state, silent)
      }
    }
  })

/** Leaving may wait for a broker that is away; the coordinator then evicts the member by its session timeout. */
const leave = (state: MemberState): Effect.Effect<void> =>
  Effect.suspend(() => {
    state.closed = true
    return attemptBriefly(leaveTimeoutMillis, () => state.consumer.disconnect())
  })

const leaveTimeoutMillis = 10_000

interface Entry extends TopicPartition {
  /** The next offset to deliver; null until the owner's first seek, and after a gap. */
  position: number | null
}

/** Which partitions a member owns and from which offset each goes on; plain bookkeeping without a client. */
export class MemberPositions {
  private entries = new Map<string, Entry>()

  /** Applies a new assignment. `waiting` need a seek before they deliver; `retained` continue where they were. */
  assign(assignment: PartitionsByTopic, continued: boolean) {
    const previous = continued ? this.entries : new Map<string, Entry>()
    this.entries = new Map()
    const assigned: Array<TopicPartition> = []
    const waiting: Array<TopicPartition> = []
    const retained: Array<TopicPartition & { readonly offset: number }> = []
    for (const [topic, partitions] of Object.entries(assignment)) {
      for (const partition of [...partitions].sort((left, right) => left - right)) {
        const entry = previous.get(nameOf({ topic, partition })) ?? { topic, partition, position: null }
        this.entries.set(nameOf(entry), entry)
        assigned.push({ topic, partition })
        if (entry.position === null) waiting.push({ topic, partition })
        else retained.push({ topic, partition, offset: entry.position })
      }
    }
    return { assigned, waiting, retained }
  }

  seek(partition: TopicPartition, offset: number): void {
    const entry = this.entries.get(nameOf(partition))
    if (entry !== undefined) entry.position = offset
  }

  has(partition: TopicPartition): boolean {
    return this.entries.has(nameOf(partition))
  }

  /** Null if the partition isn't owned or waits for a seek. */
  positionOf(partition: TopicPartition): number | null {
    return this.entries.get(nameOf(partition))?.position ?? null
  }

  isSought(partition: TopicPartition): boolean {
    return this.positionOf(partition) !== null
  }

  /**
   * Moves over a batch that was fetched at `fetchedOffset`. Null if none of it is to be delivered; otherwise the position
   * from which on it is. A `gap` is a fetch at any other offset than the position: behind it records are missing, and before
   * it the log was truncated or created again, so that what has the offsets up to the position now was never delivered.
   */
  advance(partition: TopicPartition, fetchedOffset: number, endOffset: number) {
    const entry = this.entries.get(nameOf(partition))
    if (entry === undefined || entry.position === null) return null
    const { position } = entry
    const gap = fetchedOffset !== position
    entry.position = gap ? null : endOffset
    return { position, gap }
  }

  /** Nothing is delivered until the next seek. */
  forget(partition: TopicPartition): void {
    const entry = this.entries.get(nameOf(partition))
    if (entry !== undefined) entry.position = null
  }

  /** Moves over offsets without deliverable records if they follow the position directly. */
  pass(partition: TopicPartition, firstOffset: number, endOffset: number): boolean {
    const entry = this.entries.get(nameOf(partition))
    if (entry === undefined || entry.position === null) return false
    if (firstOffset > entry.position || endOffset <= entry.position) return false
    entry.position = endOffset
    return true
  }

  owned(): PartitionsByTopic {
    const owned: Record<string, Array<number>> = {}
    for (const { topic, partition } of this.entries.values()) {
      owned[topic] = [...(owned[topic] ?? []), partition]
    }
    return owned
  }
}

const nameOf = ({ topic, partition }: TopicPartition) => `${topic}/${partition}`
