/**
 * Kafka in memory for unit tests of the runtime and of whole processors in virtual time: groups with rebalances,
 * transactions with fencing, and faults on command. It delivers synchronously and knows no control records.
 */
import * as Clock from "effect/Clock"
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import {
  KafkaClient,
  KafkaError,
  type MemberOptions,
  type OpenTransaction,
  type ProducedRecord,
  type TopicPartition
} from "../kafka/client.ts"
import { assignAllToOne, assignSticky, type PartitionsByTopic } from "../kafka/kafkajs/assignment.ts"
import { MemoryLog } from "./memory-log.ts"
import { MemoryMember, partitionName } from "./memory-member.ts"

type Client = Context.Service.Shape<typeof KafkaClient>

export class MemoryKafka {
  readonly log = new MemoryLog()
  /** The next so many commits fail, as if the broker were away; nothing of them is written. */
  failCommits = 0
  /** The next so many commits are written and fail all the same, as where the answer is lost. */
  lostAnswers = 0
  /** How long a commit takes. */
  commitMillis = 0
  /** A commit of more records fails with `timeout`, as one that the broker is too slow for. */
  commitRecordsMax = Number.POSITIVE_INFINITY
  /** How they fail. */
  failCode: KafkaError["code"] = "unreachable"
  /** Records of a partition that come with one fetch. */
  fetchRecordsMax = 500
  /** Members get no records while set, as when a client stops fetching without a word. */
  silent = false
  /** Every commit that went through, in order. */
  readonly commits: Array<{
    readonly transactionalId: string
    readonly next: number | null
    readonly records: number
  }> = []
  /** Writes in transactions that stayed open, and how many of these were aborted. */
  writes = 0
  aborts = 0
  /** A rebalance waits for what members finish first, however long; else it comes at once, as where their time is over. */
  rebalancesWait = false
  /** Offsets that a program commits outside of transactions fail while set; those that are set by hand do not. */
  failOffsetCommits = false
  /** How many requests committed offsets outside of transactions. */
  offsetCommits = 0
  private readonly offsets = new Map<string, number>()
  private readonly metadata = new Map<string, string>()
  private readonly epochs = new Map<string, number>()
  private readonly groups = new Map<string, Array<MemoryMember>>()

  readonly client: Client = KafkaClient.of({
    join: (options) =>
      Effect.acquireRelease(
        Effect.sync(() => this.join(options)),
        (member) => Effect.sync(() => this.leave(member))
      ),
    transactional: (transactionalId) =>
      Effect.sync(() => {
        const epoch = (this.epochs.get(transactionalId) ?? 0) + 1
        this.epochs.set(transactionalId, epoch)
        const begin = () => this.begin(transactionalId, epoch)
        return {
          commit: (step) => Effect.suspend(() => begin().commit(step)),
          begin: Effect.sync(begin)
        }
      }),
    produce: (records) => this.write(records),
    read: ({ topic, ranges, onRecords }) =>
      Effect.forEach(
        ranges,
        ({ partition, from, to }) => {
          const records = this.log.records({ topic, partition }).slice(from, to ?? undefined)
          const work = records.length === 0 ? undefined : onRecords(records)
          return Effect.isEffect(work) ? work : Effect.void
        },
        { discard: true }
      ),
    createTopics: (topics) =>
      Effect.sync(() =>
        topics.filter(({ name, partitions }) => this.log.create(name, partitions)).map(({ name }) => name)
      ),
    addPartitions: (topics, partitions) =>
      Effect.sync(() => {
        const grown = topics.filter((topic) => this.log.grow(topic, partitions))
        if (grown.length > 0) for (const groupId of this.groups.keys()) this.rebalance(groupId)
        return grown
      }),
    topicConfigs: (topics) =>
      Effect.sync(() =>
        topics
          .map((name) => ({ name, partitions: this.log.partitionsOf(name).length, config: {} }))
          .filter(({ partitions }) => partitions > 0)
      ),
    brokerCount: Effect.succeed({ answering: 1, all: 1 }),
    topicOperations: () => Effect.succeed(new Map()),
    listTopics: Effect.sync(() => this.log.names()),
    topicOffsets: (topic) =>
      Effect.sync(() =>
        this.log
          .partitionsOf(topic)
          .map((partition) => ({ partition, low: 0, high: this.log.records({ topic, partition }).length }))
      ),
    offsetsAt: (topic, timestamp) =>
      Effect.sync(() =>
        this.log.partitionsOf(topic).map((partition) => {
          const records = this.log.records({ topic, partition })
          const index = records.findIndex((record) => record.timestamp >= timestamp)
          return { partition, offset: index < 0 ? records.length : index }
        })
      ),
    committedOfGroups: (groupIds, topics) =>
      Effect.sync(() =>
        groupIds.flatMap((groupId) =>
          topics.flatMap((topic) =>
            this.log.partitionsOf(topic).map((partition) => ({
              groupId,
              topic,
              partition,
              offset: this.offsets.get(offsetName(groupId, { topic, partition })) ?? null,
              metadata: this.metadata.get(offsetName(groupId, { topic, partition })) ?? ""
            }))
          )
        )
      ),
    commitOffsets: (groupId, offsets, metadata = "") =>
      (this.groups.get(groupId) ?? []).length > 0 || (this.failOffsetCommits && metadata !== "")
        ? failure("other")
        : Effect.sync(() => {
            this.offsetCommits++
            for (const { next, ...at } of offsets) {
              this.offsets.set(offsetName(groupId, at), next)
              this.metadata.set(offsetName(groupId, at), metadata)
            }
          }),
    deleteRecords: () => Effect.die("The log in memory keeps all records."),
    groups: Effect.sync(() =>
      [...this.groups].map(([groupId, members]) => ({
        groupId,
        members: members.length,
        processors: members.flatMap(({ options }) => options.processors)
      }))
    )
  })

  readonly layer = Layer.succeed(KafkaClient, this.client)

  /** The named member's client gives up, as after a long network failure. */
  crash(groupId: string): void {
    const member = this.groups.get(groupId)?.[0]
    if (member === undefined) return
    this.leave(member)
    member.options.handlers.onCrashed(unreachable)
  }

  /** What comes next in partition 0 of the named member's topic cannot be read. */
  damage(groupId: string, topic: string): void {
    const at = { topic, partition: 0 }
    this.groups.get(groupId)?.[0]?.options.handlers.onUnreadable(at, errorOf("damaged"))
  }

  /** What is written in it is nowhere before the commit. */
  private begin(transactionalId: string, epoch: number): OpenTransaction {
    const written: Array<ProducedRecord> = []
    const add = (records: ReadonlyArray<ProducedRecord>) =>
      Effect.suspend(() => {
        if (this.epochs.get(transactionalId) !== epoch) return failure("fenced")
        if (this.failCommits > 0) {
          this.failCommits--
          return failure(this.failCode)
        }
        written.push(...records)
        return written.length > this.commitRecordsMax ? failure("timeout") : Effect.void
      })
    return {
      write: (records) =>
        Effect.andThen(
          add(records),
          Effect.sync(() => void this.writes++)
        ),
      commit: ({ records, offsets }) =>
        Effect.gen({ self: this }, function* () {
          if (this.commitMillis > 0) yield* Effect.sleep(this.commitMillis)
          yield* add(records)
          yield* this.write(written)
          for (const offset of offsets) {
            this.offsets.set(offsetName(offset.groupId, offset), offset.next)
            this.metadata.set(offsetName(offset.groupId, offset), offset.metadata ?? "")
          }
          this.commits.push({ transactionalId, next: offsets[0]?.next ?? null, records: written.length })
          if (this.lostAnswers === 0) return
          this.lostAnswers--
          return yield* failure(this.failCode)
        }),
      abort: Effect.sync(() => {
        if (written.length > 0) this.aborts++
        written.length = 0
      })
    }
  }

  private write(records: Parameters<Client["produce"]>[0]) {
    return Effect.gen({ self: this }, function* () {
      const unknown = this.log.append(records, yield* Clock.currentTimeMillis)
      if (unknown !== null) return yield* failure("unknown_topic")
      for (const members of this.groups.values()) for (const member of members) member.deliver()
    })
  }

  private join(options: MemberOptions): MemoryMember {
    const members = this.groups.get(options.groupId) ?? []
    const member = new MemoryMember(options, this)
    this.groups.set(options.groupId, [...members, member])
    this.rebalance(options.groupId)
    return member
  }

  private leave(member: MemoryMember): void {
    const { groupId } = member.options
    this.groups.set(
      groupId,
      (this.groups.get(groupId) ?? []).filter((other) => other !== member)
    )
    this.rebalance(groupId)
  }

  private rebalance(groupId: string): void {
    const assign = () => this.assign(groupId)
    const members = this.rebalancesWait ? (this.groups.get(groupId) ?? []) : []
    if (members.length === 0) assign()
    else void Promise.all(members.map(({ options }) => options.handlers.onRebalancing())).then(assign)
  }

  private assign(groupId: string): void {
    const members = this.groups.get(groupId) ?? []
    const first = members[0]
    if (first === undefined) return
    const partitions: PartitionsByTopic = Object.fromEntries(
      first.options.topics.map((topic) => [topic, this.log.partitionsOf(topic)])
    )
    const claims = members.map((member, index) => ({ memberId: String(index), owned: member.positions.owned() }))
    const decide = first.options.assignment === "balanced" ? assignSticky : assignAllToOne
    for (const [memberId, assigned] of decide(claims, partitions)) members[Number(memberId)]!.assign(assigned)
  }
}

const offsetName = (groupId: string, at: TopicPartition) => `${groupId} ${partitionName(at)}`

const errorOf = (code: KafkaError["code"]) =>
  new KafkaError({ code, operation: "work in memory", message: `In memory: ${code}.`, nextStep: "None.", cause: null })

const failure = (code: KafkaError["code"]) => Effect.fail(errorOf(code))

const unreachable = errorOf("unreachable")
