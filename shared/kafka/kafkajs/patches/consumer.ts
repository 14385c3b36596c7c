/** Patches of kafkajs's `consumer`: what a group member receives, when it fetches and sends heartbeats, and how it ends. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import { FetchAbandoned, idleBeatMillis, LongFetches } from "../long-fetch.ts"
import { type AbortedTransaction, type FetchedMessage, visibleMessages } from "../records.ts"

interface ConsumerGroup {
  fetch: (this: ConsumerGroup, nodeId: string) => Promise<ReadonlyArray<unknown>>
  resume: (this: ConsumerGroup, topicPartitions: ReadonlyArray<TopicPartitions>) => void
  seek: (this: ConsumerGroup, to: object) => void
  heartbeat: (this: ConsumerGroup, options: { readonly interval: number }) => Promise<void>
  readonly cluster: ConstructorParameters<typeof LongFetches>[0] & {
    readonly refreshMetadataIfNecessary: () => Promise<void>
  }
  maxWaitTime: number
  readonly subscriptionState: {
    readonly assigned: () => ReadonlyArray<TopicPartitions>
    readonly paused: () => ReadonlyArray<TopicPartitions>
  }
  readonly checkForStaleAssignment: () => void
  readonly filterPartitionsByNode: (
    nodeId: string,
    topicPartitions: ReadonlyArray<TopicPartitions>
  ) => ReadonlyArray<TopicPartitions>
  readonly recoverFromFetch: (error: unknown) => Promise<void>
  joinAndSync: (this: ConsumerGroup) => Promise<void>
  /** As the member gave them; kafkajs passes on what it does not know. */
  readonly assigners: ReadonlyArray<{ readonly beforeJoining?: () => Promise<void> }>
  readonly coordinator: { readonly heartbeat: (member: object) => Promise<unknown> } | null
  readonly groupId: string
  readonly generationId: number | null
  readonly memberId: string | null
  readonly isLeader: () => boolean
  /** Of the whole group; only its leader knows them. */
  readonly members: ReadonlyArray<unknown> | null
  readonly sessionTimeout: number
}

interface TopicPartitions {
  readonly topic: string
  readonly partitions: ReadonlyArray<number>
}

interface ConsumerGroupClass {
  readonly prototype: ConsumerGroup
}

/**
 * While all partitions of a broker are paused, kafkajs sleeps for a whole `maxWaitTime`, whether one is resumed meanwhile or
 * not: a member that pauses often, to bound the bytes in flight, would be idle for most of the time.
 */
export const wakeOnResume = (group: ConsumerGroupClass) => {
  const { fetch, resume } = group.prototype
  group.prototype.fetch = async function (nodeId) {
    // Nearly always while records come; kafkajs then refreshes the metadata itself.
    if (this.subscriptionState.paused().length === 0 && !longFetches.get(this)?.isDue) return fetch.call(this, nodeId)
    try {
      await this.cluster.refreshMetadataIfNecessary()
      this.checkForStaleAssignment()
      if (!hasNothingToFetch(this, nodeId)) return fetch.call(this, nodeId)
      await resumed(this)
    } catch (error) {
      await this.recoverFromFetch(error)
    }
    return []
  }
  group.prototype.resume = function (topicPartitions) {
    resume.call(this, topicPartitions)
    waits.get(this)?.wake()
  }
  return group
}

/**
 * A fetch that finds nothing is answered after `maxWaitTime`, which is short, since a seek, a pause and a resume only take effect with the
 * next one. Where nothing has come for a while it waits for seconds: a program that has nothing to do asks the broker less often. Records
 * are answered with at once. What else cannot wait ends it: a seek, a resume, a rebalance, which heartbeats by a timer find out, and a stop.
 */
export const waitLongerWhenIdle = (group: ConsumerGroupClass) => {
  const { fetch, resume, seek } = group.prototype
  group.prototype.fetch = async function (nodeId) {
    const long = longFetchesOf(this)
    const { isDue } = long
    this.maxWaitTime = long.waitMillis
    const fetching = fetch
      .call(this, nodeId)
      .catch((error: unknown) => (error instanceof FetchAbandoned ? [] : Promise.reject(error)))
    const isAlone = this.isLeader() && this.members?.length === 1
    const beatMillis = idleBeatMillis(this.sessionTimeout, isAlone)
    const beat = () =>
      this.heartbeat({ interval: beatMillis / 2 }).catch((error: unknown) => endLongFetches(this, error))
    const batches = await (isDue ? long.run(fetching, beatMillis, beat) : fetching)
    long.count(batches as Parameters<typeof long.count>[0])
    return batches
  }
  group.prototype.resume = function (topicPartitions) {
    resume.call(this, topicPartitions)
    endLongFetches(this)
  }
  group.prototype.seek = function (to) {
    seek.call(this, to)
    endLongFetches(this)
  }
  return group
}

const longFetches = new WeakMap<ConsumerGroup, LongFetches>()

const longFetchesOf = (group: ConsumerGroup): LongFetches => {
  let long = longFetches.get(group)
  if (long === undefined) {
    long = new LongFetches(group.cluster, group.maxWaitTime)
    longFetches.set(group, long)
  }
  return long
}

/** With an error they fail. */
const endLongFetches = (group: ConsumerGroup, error?: unknown): void => {
  longFetches.get(group)?.end(error)
  waits.get(group)?.wake()
}

/**
 * Each join waits for `beforeJoining` of the member's assigners. kafkajs joins again as soon as it hears of a rebalance, and a member that
 * has joined can no longer finish anything: its partitions may be another's at any time. Heartbeats go on; that they are answered by
 * "rebalance in progress" is known.
 */
export const finishBeforeJoining = (group: ConsumerGroupClass) => {
  const { joinAndSync } = group.prototype
  group.prototype.joinAndSync = async function () {
    endLongFetches(this)
    const beat = () => {
      const { coordinator, groupId, generationId, memberId } = this
      if (memberId !== null)
        coordinator?.heartbeat({ groupId, memberId, groupGenerationId: generationId }).catch(() => undefined)
    }
    const beats = setInterval(beat, Math.min(beatMillisMax, this.sessionTimeout / 10))
    try {
      await Promise.all(this.assigners.map(({ beforeJoining }) => beforeJoining?.()))
    } finally {
      clearInterval(beats)
    }
    return joinAndSync.call(this)
  }
  return group
}

const beatMillisMax = 1_000

/** All partitions of the broker are paused, or it has none of the group's. */
const hasNothingToFetch = (group: ConsumerGroup, nodeId: string): boolean =>
  count(group.filterPartitionsByNode(nodeId, group.subscriptionState.paused())) ===
  count(group.filterPartitionsByNode(nodeId, group.subscriptionState.assigned()))

const count = (topicPartitions: ReadonlyArray<TopicPartitions>): number =>
  topicPartitions.reduce((sum, { partitions }) => sum + partitions.length, 0)

interface Wait {
  readonly over: Promise<void>
  readonly wake: () => void
}

/** One for all fetchers of a group, so that a group that is paused for hours does not accumulate them. */
const waits = new WeakMap<ConsumerGroup, Wait>()

/** Until any partition is resumed, at most for the group's `maxWaitTime`. */
const resumed = (group: ConsumerGroup): Promise<void> => {
  const known = waits.get(group)
  if (known !== undefined) return known.over
  const { promise: over, resolve } = Promise.withResolvers<void>()
  const wake = () => {
    clearTimeout(timer)
    waits.delete(group)
    resolve()
  }
  const timer = setTimeout(wake, group.maxWaitTime)
  waits.set(group, { over, wake })
  return over
}

/**
 * kafkajs compares the wall clock with the time of the last heartbeat, so a member whose clock is set back by an hour sends none
 * for an hour: the group reassigns its partitions, while it fetches on and takes them back again and again.
 */
export const beatByMonotonicClock = (group: { readonly prototype: object }) => {
  const last = new WeakMap<object, number>()
  Object.defineProperty(group.prototype, "lastRequest", {
    set(this: object) {
      last.set(this, performance.now())
    },
    get(this: object): number {
      const elapsedMillis = performance.now() - (last.get(this) ?? 0)
      return Effect.runSync(Clock.currentTimeMillis) - elapsedMillis
    }
  })
  return group
}

interface PartitionData {
  readonly messages: ReadonlyArray<FetchedMessage>
  readonly abortedTransactions?: ReadonlyArray<AbortedTransaction> | null
}

interface Batch {
  readonly fetchedOffset: string | number
  isEmpty(): boolean
  firstOffset(): string | number | null
  lastOffset(): string | number
}

export type BatchClass = new (topic: string, fetchedOffset: string, data: PartitionData) => Batch

/**
 * What was fetched of a partition, without control records and records of aborted transactions. kafkajs compares each offset as
 * a 64-bit object, though offsets are far below 2^53. And it assumes that the broker lists aborted transactions by their first
 * offsets and begins at most one at a record; the broker lists them by their ends, so that of transactions that overlap in a
 * partition, as those of several producers do, some records would be delivered. For its users the offsets of kafkajs's class are strings, as before.
 */
export const visibleBatch = (Original: BatchClass): BatchClass =>
  class Batch extends Original {
    /** Where nothing is to be delivered, all is passed from the offset on that was asked for: compaction may have removed what was before the rest. */
    override firstOffset(): string | null {
      const offset = this.isEmpty() ? this.fetchedOffset : super.firstOffset()
      return offset === null ? null : String(offset)
    }

    override lastOffset(): string {
      return String(super.lastOffset())
    }

    constructor(topic: string, fetchedOffset: string, data: PartitionData) {
      super(topic, fetchedOffset, { ...data, messages: [], abortedTransactions: null })
      const from = Number(fetchedOffset)
      // A compressed batch comes whole, with records before the offset that was asked for.
      const isWhole = data.messages.length === 0 || Number(data.messages[0]!.offset) >= from
      const within = (messages: ReadonlyArray<FetchedMessage>) =>
        isWhole ? messages : messages.filter(({ offset }) => Number(offset) >= from)
      Object.assign(this, {
        rawMessages: data.messages,
        messagesWithinOffset: within(data.messages),
        messages: within(visibleMessages(data.messages, data.abortedTransactions ?? []))
      })
    }
  }

interface OffsetManager {
  setDefaultOffset: (this: OffsetManager, at: { readonly topic: string; readonly partition: number }) => Promise<void>
  readonly cluster: {
    readonly fetchTopicsOffset: (
      topics: ReadonlyArray<object>
    ) => Promise<ReadonlyArray<{ readonly partitions: ReadonlyArray<{ readonly offset: string }> }>>
  }
  readonly resolvedOffsets: Record<string, Record<number, string>>
}

/**
 * What a group member does if its offset is out of range. kafkajs commits a placeholder (-2, "the earliest") in place of the
 * group's offset, which is lost then, and with it the number of missed records. Here the member continues at the start of the
 * log, so that its owner learns of the gap, and the committed offset stays.
 */
export const keepCommittedOffset = (manager: { readonly prototype: OffsetManager }) => {
  manager.prototype.setDefaultOffset = async function ({ topic, partition }) {
    const earliest = { topic, partitions: [{ partition }], fromBeginning: true }
    const [found] = await this.cluster.fetchTopicsOffset([earliest])
    const offset = found?.partitions[0]?.offset
    if (offset !== undefined) this.resolvedOffsets[topic]![partition] = offset
  }
  return manager
}

interface Runner {
  fetch: (this: Runner, nodeId: string) => Promise<ReadonlyArray<unknown>>
  stop: (this: Runner) => Promise<void>
  readonly running: boolean
  readonly fetchManager: { readonly stop: () => Promise<void> }
  readonly consumerGroup: ConsumerGroup
}

/**
 * Ends the fetchers of a member that was stopped, and a fetch that waits for long. kafkajs stops the fetchers that exist at that time; if a broker was just added
 * or removed, it starts new ones afterwards, which ask the stopped runner in a loop that blocks the event loop.
 */
export const endFetchers = (runner: { readonly prototype: Runner }) => {
  const { fetch, stop } = runner.prototype
  runner.prototype.stop = function () {
    const stopped = stop.call(this)
    endLongFetches(this.consumerGroup)
    return stopped
  }
  runner.prototype.fetch = async function (nodeId) {
    // Not awaited: the fetcher that asks is one of those that end.
    if (!this.running) void this.fetchManager.stop()
    return fetch.call(this, nodeId)
  }
  return runner
}
