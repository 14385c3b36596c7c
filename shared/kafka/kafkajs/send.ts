/**
 * Sends records so that a retry neither loses nor duplicates one. kafkajs's own retry does both if a request to several brokers
 * fails at one of them and leaders move meanwhile: it forgets which records each broker has. So each call of kafkajs carries the
 * records of one broker alone, it is retried here with the same sequence numbers, by which the broker recognizes them, and it is
 * divided again when leaders have moved.
 */
import { randomInt } from "node:crypto"
import type { ICustomPartitioner, Message, PartitionMetadata } from "kafkajs"
import type { ProducedRecord } from "../client.ts"
import { BatchTooLarge } from "../wire/batch-sizes.ts"
import { partitionOfKey } from "../wire/hashes.ts"
import { type ChunkLimits, chunkByBytes } from "../wire/produce-chunks.ts"
import { isRetriable, retryBudgetMillis } from "./errors.ts"

export interface TopicMessages {
  readonly topic: string
  readonly messages: Array<Message>
}

export interface Sender {
  /** For the producer that `post` writes with. */
  readonly partitioner: ICustomPartitioner
  /** Divides records into what one call of `send` should write, by the partitions that they will go to as far as these are known. */
  readonly chunks: (
    records: ReadonlyArray<ProducedRecord>,
    limits: ChunkLimits
  ) => ReadonlyArray<ReadonlyArray<Outgoing>>
  /**
   * Writes all records or rejects. `post` is one call of kafkajs without retries. After a rejection the producer must not be used
   * again: which records the brokers have is unknown, and so is the next sequence number.
   */
  readonly send: (chunk: ReadonlyArray<Outgoing>, post: Post) => Promise<void>
}

type Post = (topicMessages: Array<TopicMessages>) => Promise<unknown>

export const makeSender = (): Sender => {
  const topics: Topics = new Map()
  const sendGroup = async (group: ReadonlyArray<Outgoing>, post: Post, begun: number): Promise<void> => {
    for (let waitMillis = 10; ; waitMillis = Math.min(2 * waitMillis, 1_000)) {
      const failure = await post(topicMessages(group)).then(
        () => null,
        (error: unknown) => ({ error })
      )
      if (failure === null) return
      const waitedMillis = performance.now() - begun
      if (waitedMillis > retryBudgetMillis) return Promise.reject(failure.error)
      if (failure.error instanceof SpansLeaders) return sendAll(group, post, begun)
      if (failure.error instanceof BatchTooLarge) return sendDivided(group, failure.error.batchBytesMax, post, begun)
      if (!isRetriable(failure.error, waitedMillis)) return Promise.reject(failure.error)
      await new Promise((resolve) => setTimeout(resolve, waitMillis))
    }
  }
  const sendDivided = async (
    group: ReadonlyArray<Outgoing>,
    batchBytesMax: number,
    post: Post,
    begun: number
  ): Promise<void> => {
    const limits = { batchBytesMax: () => batchBytesMax, requestBytesMax: Number.POSITIVE_INFINITY }
    for (const part of divide(group, limits)) await sendGroup(part, post, begun)
  }
  const divide = (outgoing: ReadonlyArray<Outgoing>, limits: ChunkLimits) =>
    chunkByBytes(outgoing, limits, (record) => {
      const topic = topics.get(record.topic)
      return topic === undefined ? 0 : partitionOf(topic, record)
    })
  const sendAll = async (outgoing: ReadonlyArray<Outgoing>, post: Post, begun: number): Promise<void> => {
    const sent = await Promise.allSettled(groupByLeader(topics, outgoing).map((group) => sendGroup(group, post, begun)))
    const failed = sent.find((outcome) => outcome.status === "rejected")
    if (failed !== undefined) return Promise.reject(failed.reason)
  }
  return {
    partitioner: () => checkedPartition(topics),
    chunks: (records, limits) =>
      divide(
        records.map((record) => new Outgoing(record)),
        limits
      ),
    send: (chunk, post) => sendAll(chunk, post, performance.now())
  }
}

/**
 * A record that is being sent, and the message that kafkajs gets for it: kafkajs passes the same object on to the partitioner.
 * One object for both, since every record of the system passes here.
 */
export class Outgoing implements Message {
  readonly topic: string
  readonly key: Buffer | string | null
  readonly value: Buffer | null
  declare readonly headers?: Record<string, string>
  declare readonly timestamp?: string
  /** Decided once, when the topic's partitions are known: a retry goes to the same one. */
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

/** One call of kafkajs; its leader is null until the first message has its partition. */
interface Call {
  leader: number | null
}

/** What kafkajs last knew of each topic. */
type Topics = Map<string, Topic>

interface Topic {
  readonly metadata: ReadonlyArray<PartitionMetadata>
  readonly leaders: ReadonlyArray<number>
  /** The leader of all partitions, if there is only one. */
  readonly onlyLeader: number | null
  /** The partitions that have a leader. */
  readonly available: ReadonlyArray<number>
  /** Counts records without a key. */
  keyless: number
}

const topicOf = (topics: Topics, name: string, metadata: ReadonlyArray<PartitionMetadata>): Topic => {
  const known = topics.get(name)
  if (known !== undefined && known.metadata === metadata) return known
  const leaders: Array<number> = []
  for (const { partitionId, leader } of metadata) leaders[partitionId] = leader
  const first = leaders[0] ?? null
  const topic: Topic = {
    metadata,
    leaders,
    onlyLeader: leaders.every((leader) => leader === first) ? first : null,
    available: metadata.filter(({ leader }) => leader >= 0).map(({ partitionId }) => partitionId),
    keyless: known?.keyless ?? randomInt(2 ** 31)
  }
  topics.set(name, topic)
  return topic
}

/** The given partition; else by the key's hash, as for Java's client; else one after the other. */
const partitionOf = (topic: Topic, record: Outgoing): number => {
  record.partition ??= record.key === null ? keylessPartition(topic) : partitionOfKey(record.key, topic.metadata.length)
  return record.partition
}

const keylessPartition = (topic: Topic): number => {
  const next = topic.keyless++
  const { available, metadata } = topic
  return available.length === 0 ? next % metadata.length : available[next % available.length]!
}

class SpansLeaders extends Error {
  override readonly name = "SpansLeaders"
}

class NoSuchPartition extends Error {
  readonly type = "UNKNOWN_TOPIC_OR_PARTITION"
}

/** Refuses a call whose records have different leaders, and a partition that does not exist: kafkajs would drop the record. */
const checkedPartition =
  (topics: Topics) =>
  ({ topic: name, partitionMetadata, message }: Parameters<ReturnType<ICustomPartitioner>>[0]): number => {
    const record = message as Outgoing
    const topic = topicOf(topics, name, partitionMetadata)
    const partition = partitionOf(topic, record)
    const leader = topic.leaders[partition]
    if (leader === undefined) throw new NoSuchPartition(`the topic ${name} has no partition ${partition}`)
    const { call } = record
    if (call !== null && call.leader !== leader) {
      if (call.leader !== null) throw new SpansLeaders("the records of a call have different leaders")
      call.leader = leader
    }
    return partition
  }

/** One group for each leader, as far as leaders are known; the partitioner refuses what is not grouped well enough. */
const groupByLeader = (topics: Topics, outgoing: ReadonlyArray<Outgoing>): ReadonlyArray<ReadonlyArray<Outgoing>> => {
  const groups = new Map<number | string, Array<Outgoing>>()
  for (const record of outgoing) {
    const topic = topics.get(record.topic)
    const leader =
      topic === undefined
        ? record.topic
        : (topic.onlyLeader ?? topic.leaders[partitionOf(topic, record)] ?? unknownLeader)
    const group = groups.get(leader)
    if (group === undefined) groups.set(leader, [record])
    else group.push(record)
  }
  return [...groups.values()]
}

const unknownLeader = "?"

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
