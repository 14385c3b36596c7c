/**
 * Fetches again as soon as a partition is resumed. While all partitions of a broker are paused, kafkajs sleeps for a whole
 * `maxWaitTime` and hears nothing: a member that pauses often, to bound what is in flight, would stand still for most of it.
 */
import { repairClass } from "./patch-prototype.ts"

/** Changes the class of kafkajs's consumer groups. */
export const repairResume = (): void => repairClass("consumer/consumerGroup", wakeOnResume)

const wakeOnResume = (prototype: PatchedConsumerGroup): void => {
  const { fetch, resume } = prototype
  prototype.fetch = async function (nodeId) {
    // Nearly always; kafkajs then looks at the cluster itself.
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
  prototype.resume = function (topicPartitions) {
    resume.call(this, topicPartitions)
    waiting.get(this)?.wake()
  }
}

interface PatchedConsumerGroup {
  fetch: (this: PatchedConsumerGroup, nodeId: string) => Promise<ReadonlyArray<unknown>>
  resume: (this: PatchedConsumerGroup, topicPartitions: ReadonlyArray<TopicPartitions>) => void
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

/** Some partitions of the broker are the member's, and all of them are paused. */
const isPaused = (group: PatchedConsumerGroup, nodeId: string): boolean => {
  const paused = count(group.filterPartitionsByNode(nodeId, group.subscriptionState.paused()))
  return paused > 0 && paused === count(group.filterPartitionsByNode(nodeId, group.subscriptionState.assigned()))
}

const count = (topicPartitions: ReadonlyArray<TopicPartitions>): number =>
  topicPartitions.reduce((sum, { partitions }) => sum + partitions.length, 0)

interface Wait {
  readonly over: Promise<void>
  readonly wake: () => void
}

/** One for all fetchers of a group: a group that is paused for hours must not gather them. */
const waiting = new WeakMap<PatchedConsumerGroup, Wait>()

/** Until any partition is resumed, at most for the group's `maxWaitTime`. */
const resumed = (group: PatchedConsumerGroup): Promise<void> => {
  const known = waiting.get(group)
  if (known !== undefined) return known.over
  const { promise: over, resolve } = Promise.withResolvers<void>()
  const wake = () => {
    clearTimeout(timer)
    waiting.delete(group)
    resolve()
  }
  const timer = setTimeout(wake, group.maxWaitTime)
  waiting.set(group, { over, wake })
  return over
}
