/**
 * The Kafka port: what the runtime, the tools and the tests need of a client, and nothing more. Topics are the broker's
 * names here (with prefix). One file implements it (`kafkajs/adapter.ts`), so that another client can take its place.
 */
import * as Context from "effect/Context"
import * as Data from "effect/Data"
import type * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { BufferRef } from "./wire/buffer-pool.ts"

export interface TopicPartition {
  readonly topic: string
  readonly partition: number
}

export interface FetchedRecord extends TopicPartition {
  readonly offset: number
  readonly timestamp: number
  readonly key: Buffer | null
  readonly value: Buffer | null
  readonly headers: Readonly<Record<string, string>>
  /**
   * Of a record that is larger than what is kept of one: its bytes, 0 where they are not known, -1 where the batch is damaged. Its value is
   * empty then, and its key only the beginning of a long one, or null where it is not known.
   */
  readonly omittedBytes?: number
  /** Bytes of key and value, if they are known without creating either. */
  readonly bytes?: number
  /** Of each, if both are known; -1 stands for null. */
  readonly keyBytes?: number
  readonly valueBytes?: number
  /** Key and value as they are in memory, with the value's length between them: from the key's first byte to the last of the value. */
  readonly spanBytes?: number
  /** Copies the span, without creating key or value. */
  readonly copyTo?: (target: Buffer, at: number) => void
  /** The pooled buffer that key, value and headers are views of; null if it is not pooled. Released at most once. */
  readonly bufferRef?: Pick<BufferRef, "release"> | null
}

export interface ProducedRecord {
  readonly topic: string
  readonly partition?: number
  readonly key: string | Buffer | null
  readonly value: Buffer | null
  readonly headers?: Readonly<Record<string, string>>
  readonly timestamp?: number
}

/** A failure of the broker or the client; `code` is stable, `nextStep` is for people. */
export class KafkaError extends Data.TaggedError("KafkaError")<{
  readonly code:
    | "unreachable"
    | "fenced"
    | "too_large"
    | "unknown_topic"
    | "partitions_differ"
    | "unsupported_compression"
    | "damaged"
    | "timeout"
    | "unauthorized"
    | "other"
  readonly operation: string
  readonly message: string
  readonly nextStep: string
  readonly cause: unknown
}> {}

/**
 * What happens to a group member. The handlers must return at once: work happens elsewhere. Only `onRebalancing` is waited for.
 * A newly assigned partition delivers nothing until its owner has sought a position; from there its records come without
 * gaps and without repeats, also over rebalances that the membership survives.
 */
export interface MemberHandlers {
  /**
   * The group rebalances: partitions may move as soon as the promise has settled, or `rebalanceWaitMillis` are over. Records still
   * come meanwhile. `onAssigned` or `onCrashed` follows. Called before the first assignment, too.
   */
  readonly onRebalancing: () => Promise<unknown>
  /** A new generation: exactly these partitions are assigned. `continued` is false if the membership was lost before. */
  readonly onAssigned: (assigned: ReadonlyArray<TopicPartition>, continued: boolean) => void
  /**
   * Records in offset order, none if only control records or aborted ones were fetched. `endOffset` is the offset after
   * the last one fetched, control records included; `highWatermark` is the partition's end by the broker's response.
   */
  readonly onRecords: (
    from: TopicPartition,
    records: ReadonlyArray<FetchedRecord>,
    endOffset: number,
    highWatermark: number
  ) => void
  /**
   * The log goes on at `found`, not at `expected`: retention deleted the records between, or the log was truncated or
   * created again before. Silent until the owner seeks again. The group's committed offset stays as it is.
   */
  readonly onGap: (from: TopicPartition, expected: number, found: number) => void
  /** What comes next in the partition cannot be read. Silent until the owner seeks again. */
  readonly onUnreadable: (from: TopicPartition, error: KafkaError) => void
  /** The client gave up; the owner builds a new member. */
  readonly onCrashed: (error: KafkaError) => void
}

/** Commands to the member: they take effect at the next fetch, can be repeated, and do nothing for a lost partition. */
export interface Member {
  readonly pause: (partition: TopicPartition) => void
  readonly resume: (partition: TopicPartition) => void
  readonly seek: (partition: TopicPartition, offset: number) => void
}

export interface MemberOptions {
  readonly groupId: string
  readonly topics: ReadonlyArray<string>
  readonly assignment: "balanced" | "active-standby"
  /** For whom the member reads, for others to see (`groups`). */
  readonly processors: ReadonlyArray<string>
  /** How long a rebalance waits for `onRebalancing`; the client may bound it further, since the group waits for each member. */
  readonly rebalanceWaitMillis: number
  readonly handlers: MemberHandlers
}

/** A transactional producer; creating it fences every older one of the same id and ends their open transactions. */
export interface TransactionalProducer {
  /**
   * Writes the records and commits offsets of consumer groups, none or several, in one transaction; chunked by bytes. Calls
   * wait for one another. After a failure every further call fails too: only a new producer can know what the broker has.
   */
  readonly commit: (step: CommittedTogether) => Effect.Effect<void, KafkaError>
  /**
   * Begins a transaction that stays open over several writes. Until it has ended, every `commit` and every other `begin` waits, so that no
   * offset and no record of another call gets into it. Its caller must end it: where it is interrupted, by `abort`.
   */
  readonly begin: Effect.Effect<OpenTransaction, KafkaError>
}

interface CommittedTogether {
  readonly records: ReadonlyArray<ProducedRecord>
  readonly offsets: ReadonlyArray<GroupOffset>
}

/** Its records are at the broker, and no reader of committed records sees them, nor what others write behind them, before it has ended. */
export interface OpenTransaction {
  /** Ends when the broker has the records, whose memory is free then. After a failure only `abort` is left. */
  readonly write: (records: ReadonlyArray<ProducedRecord>) => Effect.Effect<void, KafkaError>
  /** The producer's `commit`, of what was written before as well. */
  readonly commit: TransactionalProducer["commit"]
  /** Discards what was written; nothing after `commit`. Where the broker does not answer, the next producer of the id does it. */
  readonly abort: Effect.Effect<void>
}

/** The next offset that a group reads from a partition. */
export interface GroupOffset extends TopicPartition {
  readonly groupId: string
  readonly next: number
  /** Stored with it (`committedOfGroups`); none by default. */
  readonly metadata?: string
}

export interface TopicDeclaration {
  readonly name: string
  readonly partitions: number
  readonly replication: number
  readonly config: Readonly<Record<string, string>>
}

/** An operation of Kafka's ACLs. */
export type TopicOperation = "Read" | "Write" | "Describe"

export interface PartitionOffsets {
  readonly partition: number
  readonly low: number
  /** The end of the log, records of open transactions included: what was committed before is before it. */
  readonly high: number
}

export interface ConsumerGroup {
  readonly groupId: string
  readonly members: number
  /** What its members said at joining that they read for; see `MemberOptions`. */
  readonly processors: ReadonlyArray<string>
}

export class KafkaClient extends Context.Service<
  KafkaClient,
  {
    /** Joins a group; leaves it when the scope closes. */
    readonly join: (options: MemberOptions) => Effect.Effect<Member, KafkaError, Scope.Scope>
    readonly transactional: (transactionalId: string) => Effect.Effect<TransactionalProducer, KafkaError, Scope.Scope>
    /** Idempotent producer, acks all; chunked by bytes. */
    readonly produce: (records: ReadonlyArray<ProducedRecord>) => Effect.Effect<void, KafkaError>
    /**
     * Reads partitions from and to offsets (to is exclusive; null follows for ever), read committed, outside any group.
     * Ends at `to` even where the log has a hole or control records before it. The next fetch waits for `onRecords`.
     */
    readonly read: <E = never, R = never>(options: {
      readonly topic: string
      readonly ranges: ReadonlyArray<{ readonly partition: number; readonly from: number; readonly to: number | null }>
      /** Bytes of a partition that a fetch asks for, for who wants few records: a whole batch comes in any case. Many by default. */
      readonly fetchBytes?: number
      readonly onRecords: (records: ReadonlyArray<FetchedRecord>) => void | Effect.Effect<void, E, R>
    }) => Effect.Effect<void, KafkaError | E, R>
    readonly createTopics: (topics: ReadonlyArray<TopicDeclaration>) => Effect.Effect<ReadonlyArray<string>, KafkaError>
    /** Gives existing topics more partitions; those that have as many or more stay as they are. Returns the changed ones. */
    readonly addPartitions: (
      topics: ReadonlyArray<string>,
      partitions: number
    ) => Effect.Effect<ReadonlyArray<string>, KafkaError>
    /** The current configuration of topics: `config` holds only the given names. Topics that do not exist are left out. */
    readonly topicConfigs: (
      topics: ReadonlyArray<string>,
      names: ReadonlyArray<string>
    ) => Effect.Effect<ReadonlyArray<Pick<TopicDeclaration, "name" | "partitions" | "config">>, KafkaError>
    /** Brokers that answer now; and all, with those that are away and hold copies of topics that this user may see. */
    readonly brokerCount: Effect.Effect<{ readonly answering: number; readonly all: number }, KafkaError>
    /**
     * Which operations the broker allows this user on topics (all of them, where it has no ACLs). A topic that the user may not even
     * see has none; one that does not exist is left out.
     */
    readonly topicOperations: (
      topics: ReadonlyArray<string>
    ) => Effect.Effect<ReadonlyMap<string, ReadonlySet<TopicOperation>>, KafkaError>
    readonly listTopics: Effect.Effect<ReadonlyArray<string>, KafkaError>
    /** What is asked for at the same time costs one request to each broker. */
    readonly topicOffsets: (topic: string) => Effect.Effect<ReadonlyArray<PartitionOffsets>, KafkaError>
    /** The first offset at or after a time (milliseconds since the epoch) in each partition; the end if there is no such offset. */
    readonly offsetsAt: (
      topic: string,
      timestamp: number
    ) => Effect.Effect<ReadonlyArray<{ readonly partition: number; readonly offset: number }>, KafkaError>
    /**
     * In few requests for each group. The offset is null for a partition of which a group has committed none; `metadata` is what was
     * committed with it.
     */
    readonly committedOfGroups: (
      groupIds: ReadonlyArray<string>,
      topics: ReadonlyArray<string>
    ) => Effect.Effect<
      ReadonlyArray<
        TopicPartition & { readonly groupId: string; readonly offset: number | null; readonly metadata: string }
      >,
      KafkaError
    >
    /** Sets offsets of a group without members, in one request; fails while the group has any. No metadata by default. */
    readonly commitOffsets: (
      groupId: string,
      offsets: ReadonlyArray<TopicPartition & { readonly next: number }>,
      metadata?: string
    ) => Effect.Effect<void, KafkaError>
    /** Deletes the records of a topic that lie before the offsets; the broker frees their space a while later. */
    readonly deleteRecords: (
      topic: string,
      offsets: ReadonlyArray<{ readonly partition: number; readonly offset: number }>
    ) => Effect.Effect<void, KafkaError>
    readonly groups: Effect.Effect<ReadonlyArray<ConsumerGroup>, KafkaError>
  }
>()("shared/kafka/KafkaClient") {}

/** A broker under the address that it advertises to clients. */
export interface AdvertisedBroker {
  readonly id: number
  readonly host: string
  readonly port: number
}

export interface BrokerAbilities {
  /** Kafka's release, such as `4.1`, as far as the broker's newest metadata version shows it; null where it shows none. */
  readonly release: string | null
  /** The newest version of each request (by its key in the protocol) that the broker takes. */
  readonly newestVersions: ReadonlyMap<number, number>
}

export interface TopicCopies {
  readonly partitions: number
  /** Of the partition with the fewest. */
  readonly replicas: number
  /** Of the partition with the fewest. */
  readonly inSync: number
  /** Partitions without a leader: they can be neither read nor written. */
  readonly leaderless: number
}

/**
 * What a check of a cluster asks for beside the port that programs work with: its brokers as they advertise themselves, what they can
 * do, where the copies of topics are, and what this user may do. Names are the broker's (with prefix).
 */
export class ClusterInspection extends Context.Service<
  ClusterInspection,
  {
    /** By the bootstrap server that answers first; no advertised address is used. */
    readonly brokers: Effect.Effect<ReadonlyArray<AdvertisedBroker>, KafkaError>
    /** Of the bootstrap server. */
    readonly abilities: Effect.Effect<BrokerAbilities, KafkaError>
    /** Topics that do not exist, or that this user may not see, are left out. */
    readonly copies: (topics: ReadonlyArray<string>) => Effect.Effect<ReadonlyMap<string, TopicCopies>, KafkaError>
    /** What this user may do with groups, whether they exist or not. */
    readonly groupOperations: (
      groups: ReadonlyArray<string>
    ) => Effect.Effect<ReadonlyMap<string, ReadonlySet<TopicOperation>>, KafkaError>
    /** Fails with `unauthorized` where this user may not even see the transactional id. */
    readonly seeTransactionalId: (id: string) => Effect.Effect<void, KafkaError>
  }
>()("shared/kafka/ClusterInspection") {}
