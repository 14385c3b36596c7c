/**
 * The runtime's contract. A processor makes a step from a batch of records; the runtime owns everything else: it runs a fiber
 * for each assigned partition, restores its state before the first batch, commits a step's outputs and the batch's end offset
 * in one Kafka transaction, bounds what is in flight, and stops cleanly. So no processor knows an offset, a transaction or a
 * Kafka client.
 *
 * A processor reads as one pipe in one file, its stages by name and in order: one effect for each batch, plain functions for
 * each event, since an effect for each event would cost more than the event's work.
 *
 * ```ts
 * export const mapper = (…): Processor => ({
 *   name: "mapper",
 *   topics: ["normalized-events"],      // source: its batches come from the runtime
 *   …
 *   open: (assigned) => Effect.succeed({
 *     step: (batch) =>
 *       loadSchemas(batch).pipe(        // what the decision needs and only an effect can give
 *         Effect.map(decide),           // decode, decide, encode: pure, event by event
 *         Effect.tap(count),            // metrics, once for each batch
 *         Effect.map(toStep)            // sink: what the runtime writes and commits
 *       )
 *   })
 * })
 * ```
 */
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Latch from "effect/Latch"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import type { FetchedRecord, KafkaError } from "../kafka/client.ts"
import type { RequestTracker } from "./requests.ts"

/** A processor: a name, its inputs, and what it does with each partition that it is assigned. */
export interface Processor<E = never, R = never> {
  /** Names its consumer group (`<prefix><name>`), metrics and logs; such as `normalizer` or `delivery-meta.<connection>`. */
  readonly name: string
  readonly topics: ReadonlyArray<string>
  readonly batch: BatchLimits
  /** Steps of one partition in flight at a time. */
  readonly concurrency: number
  /** Bytes of one partition that are fetched and whose outputs are not written yet, where these are so many that the runtime's bound is too large. */
  readonly bytesInFlightMax?: number
  /**
   * For steps that never wait for long: one that takes longer counts as stuck, and the partition is opened again. Without it
   * a step may take any time.
   */
  readonly stepDeadline?: Duration.Duration
  /** False for a record that is not for this processor: it is skipped, cheaply, before batching, and its offset is committed. */
  readonly accept?: (record: Inbound) => boolean
  /**
   * True if nothing that outlives a step references the input records' buffers (outputs are encoded, what is remembered is
   * copied); the runtime then reuses them when the step is complete.
   */
  readonly releasesInputBuffers?: boolean
  /** `active-standby`: one member of the group owns all partitions, so that it sees the whole topic. */
  readonly assignment?: "balanced" | "active-standby"
  /**
   * Instead of one step for each of these batches, which are of different partitions: what it leads to for each, in their order. They are
   * committed by each partition alone. Where it fails each partition takes its step alone. Only where partitions are read for many
   * processors (`runShared`), with a concurrency of 1.
   */
  readonly stepTogether?: (batches: ReadonlyArray<Batch>) => Effect.Effect<ReadonlyArray<PartOfStep<E, R>>, E, R>
  /** Opened when a partition is assigned; its scope closes when the partition is revoked. */
  readonly open: (assigned: AssignedPartition) => Effect.Effect<PartitionTask<E, R>, E, R | Scope.Scope>
}

/** What a processor does with one assigned partition. */
export interface PartitionTask<E, R> {
  /** Read in order before the first batch, each time the partition is opened. */
  readonly restore?: ReadonlyArray<Restore<E, R>>
  /**
   * Decides a batch. May suspend as long as it likes (an open circuit breaker): heartbeats go on and offsets stay.
   * Up to `concurrency` steps of a partition run at a time; they are committed in order.
   * A failure closes the partition and opens it again from the committed offset, with growing delays.
   */
  readonly step: (batch: Batch) => Effect.Effect<Step, E, R>
  /**
   * Instead of a step, for a record that ended its process each time (`poison.ts`, `isolation.ts`): its dead letter, without reading
   * the record.
   * Without it the runtime takes no such record out.
   */
  readonly poison?: (record: Inbound) => Effect.Effect<Step, E, R>
  /** Output without input, such as a sliding window's state; committed in a separate transaction. */
  readonly tick?: Tick<E, R>
}

export interface Tick<E, R> {
  readonly every: Duration.Duration
  readonly step: Effect.Effect<Step, E, R>
  /** Closed while there is nothing to do: no timer runs then. */
  readonly due?: Latch.Latch
}

/** Consecutive records of one partition, in offset order; never empty. */
export interface Batch {
  readonly topic: string
  readonly partition: number
  readonly records: ReadonlyArray<Inbound>
  /** Where the step makes its requests to other systems known: they are finished before the partition moves. */
  readonly requests?: RequestTracker
}

/** The result of a batch. Its outputs and the batch's end offset are committed together or not at all. */
export interface Step {
  readonly outputs: ReadonlyArray<Outbound>
  /** Called once the broker has the outputs, committed or not: their buffers are not read any more. Not called where that failed. */
  readonly release?: () => void
  /**
   * When the last of its events was written to the log, in milliseconds since the epoch. What is seconds late is a backlog: its transactions
   * are made large, and may wait for that.
   */
  readonly writtenAt?: number
}

/** What a step of several partitions leads to for one of them: complete, or what this partition does alone from then on. */
export type PartOfStep<E, R> = Step | Effect.Effect<Step, E, R>

/** A record as it came from Kafka. `topic` is the logical name (no prefix); `timestamp` in milliseconds since the epoch. */
export interface Inbound {
  readonly topic: string
  readonly partition: number
  readonly offset: number
  readonly timestamp: number
  readonly key: Buffer | null
  readonly value: Buffer | null
  readonly headers: Readonly<Record<string, string>>
  /** Of a record whose value is not kept, since it is too large: see `FetchedRecord`. */
  readonly omittedBytes?: number
  /** Bytes of key and value, where they are known without making either. */
  readonly bytes?: number
  /** Of the pooled buffer that key, value and headers are views of. */
  readonly bufferRef?: FetchedRecord["bufferRef"]
}

/** A record to write. `topic` is the logical name; without `partition` the key decides (murmur2, as Java's client). */
export interface Outbound {
  readonly topic: string
  readonly key: string | null
  readonly value: Buffer | null
  readonly headers?: Readonly<Record<string, string>>
  readonly partition?: number
}

/** How records are gathered into a batch: it closes at the first limit reached. */
export interface BatchLimits {
  readonly recordsMax: number
  readonly bytesMax: number
  readonly linger: Duration.Duration
  /** Records linger only while the outputs of an earlier batch of the partition are not written yet: alone, they would wait for nothing. */
  readonly lingersWhileBusy?: boolean
}

export interface AssignedPartition {
  readonly topic: string
  readonly partition: number
  /** How many partitions the topic has; the partition is opened again when that changes. 1 where it is not given. */
  readonly partitions?: number
  /** The offset of the first record that it will be given. */
  readonly position?: number
  /**
   * Writes records now, in a separate transaction on the partition's producer, serialised with its commits; so it fails (and
   * closes the partition) where another member owns the partition by now. For what must be durable before an effect
   * that is not Kafka's: a send intent.
   */
  readonly append?: (records: ReadonlyArray<Outbound>) => Effect.Effect<void, KafkaError>
}

/** State that a partition needs before its first batch, read from a topic's partition of the same number. */
export interface Restore<E, R> {
  readonly topic: string
  /** Read from this long before now, or the whole topic. */
  readonly since: Duration.Duration | "beginning"
  /** Up to the partition's committed input offset (`topic` is then the input itself), or to the topic's end. */
  readonly until: "committed" | "end"
  /**
   * State by key: what other partitions hold from before partitions were added is read as well, recognized by
   * `partitionsHeader`, and the task keeps the keys whose home is here (`restore-state.ts`). The partition does not open
   * while the topic has another number of partitions than the input.
   */
  readonly byKey?: boolean
  readonly apply: (records: ReadonlyArray<Inbound>) => Effect.Effect<void, E, R>
}

/** Options of the runtime that are the same for every processor of a program. */
export interface RuntimeOptionsShape {
  /** Put before every topic's, group's and transaction's name. */
  readonly prefix: string
  /** Where a group begins that has committed nothing yet. */
  readonly startAt: "earliest" | "latest"
  /** Bytes of one partition that are fetched and whose outputs are not written yet; fetching pauses above. */
  readonly bytesInFlightMax: number
  /** Complete steps are committed together up to so many bytes of outputs. */
  readonly commitBytesMax: number
  /**
   * No transaction stays open before so many bytes are committed since the partition was opened: more than one that stays open holds. So a
   * record that ends its process is soon close behind the committed offset, where it is recognized (`poison.ts`).
   */
  readonly commitSoonBytes: number
  /** How long a stop waits for the steps in flight. */
  readonly drainTimeout: Duration.Duration
  /** How long the first join may take before `run` fails; null tries for ever. Later losses are always retried. */
  readonly joinDeadline: Duration.Duration | null
  readonly reopenDelayMin: Duration.Duration
  readonly reopenDelayMax: Duration.Duration
  /** Offsets of records that were only skipped are committed this often. */
  readonly idleCommitEvery: Duration.Duration
  /** A partition that receives no records for twice this long, though the broker has some, makes the member join again. */
  readonly stallCheckEvery: Duration.Duration
}

export const defaultRuntimeOptions: RuntimeOptionsShape = {
  prefix: "",
  startAt: "earliest",
  bytesInFlightMax: 4 * 1_048_576,
  commitBytesMax: 4 * 1_048_576,
  commitSoonBytes: 16 * 1_048_576,
  drainTimeout: Duration.seconds(20),
  joinDeadline: Duration.seconds(60),
  reopenDelayMin: Duration.millis(250),
  reopenDelayMax: Duration.seconds(30),
  idleCommitEvery: Duration.seconds(1),
  stallCheckEvery: Duration.seconds(45)
}

export const RuntimeOptions = Context.Reference<RuntimeOptionsShape>("shared/runtime/RuntimeOptions", {
  defaultValue: () => defaultRuntimeOptions
})

/**
 * Ends the program cleanly, with this failure as its reason: for what follows something in the background and can't go on. Without a
 * program around it the fiber fails.
 */
export const EndProgram = Context.Reference<(failure: unknown) => Effect.Effect<void>>("shared/runtime/EndProgram", {
  defaultValue: () => (failure) => Effect.die(failure)
})

/** The given options; the others have their defaults. */
export const layerRuntimeOptions = (options: Partial<RuntimeOptionsShape>): Layer.Layer<never> =>
  Layer.succeed(RuntimeOptions, { ...defaultRuntimeOptions, ...options })

/**
 * A fetched record under its topic's logical name: the record itself where the names are the same. Else a copy, field by field: a
 * client's records may make key, value and headers when they are read, which a spread leaves out.
 */
export const inboundOf = (record: FetchedRecord, topic: string): FetchedRecord => {
  if (record.topic === topic) return record
  const { partition, offset, timestamp, key, value, headers, bufferRef } = record
  const copied = { topic, partition, offset, timestamp, key, value, headers, bufferRef: bufferRef ?? null }
  return record.omittedBytes === undefined ? copied : { ...copied, omittedBytes: record.omittedBytes }
}
