/**
 * Sends records so that a repetition neither loses nor doubles one. kafkajs's own repetition does both when a request that
 * went to several brokers fails at one of them and leaders move meanwhile: it forgets which records each broker has taken.
 * So each call of kafkajs carries the records of one broker alone, it is repeated here with the same sequence numbers, which
 * the broker knows them by, and it is divided anew when the leaders have moved.
 */
import type { ICustomPartitioner, Message, PartitionMetadata } from "kafkajs"
import type { ProducedRecord } from "../client.ts"
import { isRetriable, retryBudgetMillis } from "./errors.ts"
import kafkajs from "./kafkajs.ts"

export interface TopicMessages {
  readonly topic: string
  readonly messages: Array<Message>
}

export interface Sender {
  /** Give it to the producer that `post` writes with. */
  readonly partitioner: ICustomPartitioner
  /**
   * Writes all records or rejects. `post` is one call of kafkajs that doesn't repeat by itself. After a rejection the producer
   * must not be used again: nobody knows which records the brokers have, and so which sequence number comes next.
   */
  readonly send: (records: ReadonlyArray<ProducedRecord>, post: Post) => Promise<void>
}

type Post = (topicMessages: Array<TopicMessages>) => Promise<unknown>

export const makeSender = (): Sender => {
  const leaders = new Map<string, Leaders>()
  const sendGroup = async (group: ReadonlyArray<Outgoing>, post: Post, begun: number): Promise<void> => {
    for (let waitMillis = 10; ; waitMillis = Math.min(2 * waitMillis, 1_000)) {
      const failure = await post(topicMessages(group)).then(
        () => null,
        (error: unknown) => ({ error })
      )
      if (failure === null) return
      const waitedMillis = performance.now() - begun
      if (waitedMillis > retryBudgetMillis) return Promise.reject(failure.error)
      if (isSpanning(failure.error)) return sendAll(group, post, begun)
      if (!isRetriable(failure.error, waitedMillis)) return Promise.reject(failure.error)
      await new Promise((resolve) => setTimeout(resolve, waitMillis))
    }
  }
  const sendAll = async (outgoing: ReadonlyArray<Outgoing>, post: Post, begun: number): Promise<void> => {
    const sent = await Promise.allSettled(
      groupByLeader(leaders, outgoing).map((group) => sendGroup(group, post, begun))
    )
    const failed = sent.find((outcome) => outcome.status === "rejected")
    if (failed !== undefined) return Promise.reject(failed.reason)
  }
  return {
    partitioner: () => partition(leaders),
    send: (records, post) =>
      sendAll(
        records.map((record) => new Outgoing(record)),
        post,
        performance.now()
      )
  }
}

/**
 * A record on its way, and the message that kafkajs gets of it: kafkajs hands it to the partitioner as it was given, with what
 * else it holds. One object for both, since every record of the system passes here.
 */
class Outgoing implements Message {
  readonly topic: string
  readonly key: Buffer | string | null
  readonly value: Buffer | null
  declare readonly headers?: Record<string, string>
  declare readonly timestamp?: string
  declare partition?: number
  call: Call | null = null

  constructor(record: ProducedRecord) {
    this.topic = record.topic
    this.key = record.key
    this.value = record.value
    if (record.partition !== undefined) this.partition = record.partition
    if (record.headers !== undefined) this.headers = record.headers
    if (record.timestamp !== undefined) this.timestamp = String(record.timestamp)
  }
}

/** One call of kafkajs; the leader is null before the first message has found its partition. */
interface Call {
  leader: number | null
}

/** What kafkajs last knew of a topic: the leader of each partition, and the one of all if there is only one. */
interface Leaders {
  readonly metadata: ReadonlyArray<PartitionMetadata>
  readonly byPartition: ReadonlyArray<number>
  readonly only: number | null
}

class SpansLeaders extends Error {
  override readonly name = "SpansLeaders"
}

class NoSuchPartition extends Error {
  readonly type = "UNKNOWN_TOPIC_OR_PARTITION"
}

const isSpanning = (error: unknown) => error instanceof SpansLeaders

/** Decides as Java's client does, once for each record, and refuses a call whose records have different leaders. */
const partition =
  (known: Map<string, Leaders>) =>
  ({ topic, partitionMetadata, message }: Parameters<ReturnType<ICustomPartitioner>>[0]): number => {
    const tracked = message as Outgoing
    const leaders = leadersOf(known, topic, partitionMetadata)
    // Kept, so that a repetition goes to the same partition.
    tracked.partition ??= decide({ topic, partitionMetadata, message })
    const leader = leaders.byPartition[tracked.partition]
    // kafkajs would drop the record without a word.
    if (leader === undefined) throw new NoSuchPartition(`the topic ${topic} has no partition ${tracked.partition}`)
    const { call } = tracked
    if (call !== null && call.leader !== leader) {
      if (call.leader !== null) throw new SpansLeaders("the records of a call have different leaders")
      call.leader = leader
    }
    return tracked.partition
  }

const decide = kafkajs.Partitioners.DefaultPartitioner()

const leadersOf = (known: Map<string, Leaders>, topic: string, metadata: ReadonlyArray<PartitionMetadata>): Leaders => {
  const before = known.get(topic)
  if (before !== undefined && before.metadata === metadata) return before
  const byPartition: Array<number> = []
  for (const { partitionId, leader } of metadata) byPartition[partitionId] = leader
  const first = byPartition[0] ?? null
  const leaders = { metadata, byPartition, only: byPartition.every((leader) => leader === first) ? first : null }
  known.set(topic, leaders)
  return leaders
}

/** One group for each leader, as far as leaders are known; the partitioner refuses what is not grouped well enough. */
const groupByLeader = (
  known: ReadonlyMap<string, Leaders>,
  outgoing: ReadonlyArray<Outgoing>
): ReadonlyArray<ReadonlyArray<Outgoing>> => {
  const groups = new Map<number | string, Array<Outgoing>>()
  for (const record of outgoing) {
    const leaders = known.get(record.topic)
    const name = leaders?.only ?? leaderOf(leaders, record) ?? unknownLeader
    const group = groups.get(name)
    if (group === undefined) groups.set(name, [record])
    else group.push(record)
  }
  return [...groups.values()]
}

const unknownLeader = "?"

const leaderOf = (leaders: Leaders | undefined, message: Outgoing): number | string | null => {
  const { topic } = message
  if (leaders === undefined) return topic
  message.partition ??= decide({ topic, partitionMetadata: [...leaders.metadata], message })
  return leaders.byPartition[message.partition] ?? null
}

const topicMessages = (group: ReadonlyArray<Outgoing>): Array<TopicMessages> => {
  const call: Call = { leader: null }
  const byTopic = new Map<string, TopicMessages>()
  for (const message of group) {
    const { topic } = message
    message.call = call
    let found = byTopic.get(topic)
    if (found === undefined) {
      found = { topic, messages: [] }
      byTopic.set(topic, found)
    }
    found.messages.push(message)
  }
  return [...byTopic.values()]
}
