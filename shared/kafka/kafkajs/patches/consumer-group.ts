/** Two patches of kafkajs's group members: they fetch as soon as a partition is resumed, and their heartbeats follow the monotonic clock. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"

interface ConsumerGroup {
  fetch: (this: ConsumerGroup, nodeId: string) => Promise<ReadonlyArray<unknown>>
  resume: (this: ConsumerGroup, topicPartitions: ReadonlyArray<TopicPartitions>) => void
  readonly cluster: { readonly refreshMetadataIfNecessary: () => Promise<void> }
  readonly maxWaitTime: number
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
    // Nearly always; kafkajs then refreshes the metadata itself.
    if (this.subscriptionState.paused().length === 0) return fetch.call(this, nodeId)
    try {
      await this.cluster.refreshMetadataIfNecessary()
      this.checkForStaleAssignment()
      if (!isPaused(this, nodeId)) return fetch.call(this, nodeId)
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

/** The member has partitions at the broker, and all of them are paused. */
const isPaused = (group: ConsumerGroup, nodeId: string): boolean => {
  const paused = count(group.filterPartitionsByNode(nodeId, group.subscriptionState.paused()))
  return paused > 0 && paused === count(group.filterPartitionsByNode(nodeId, group.subscriptionState.assigned()))
}

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
