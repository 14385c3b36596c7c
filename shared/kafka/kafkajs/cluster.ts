/**
 * A connection to the brokers for what kafkajs's clients do not offer: reading partitions outside a group, committing offsets
 * for a group without joining it, and the ends of topics' logs. kafkajs passes its cluster object to partition assigners, which is the one public way to it;
 * the consumer that is created here never runs.
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { Assigner, Cluster, Kafka, PartitionOffset } from "kafkajs"
import type { KafkaError, PartitionOffsets } from "../client.ts"
import { attempt, attemptBriefly, isConnectionLost, isRetriable, whileRetriable } from "./errors.ts"

export interface ClusterAccess {
  /** The shared connection; after a failure to connect, the next call tries again. */
  readonly connect: () => Promise<Cluster>
  /** Whether it ever was connected. */
  readonly wasConnected: () => boolean
  /** Closes it, and makes the next `connect` build a new one, unless another use has replaced it already. */
  readonly discard: (used: Cluster) => Promise<void>
}

/** @param beforeClosing ends what would hold up the end of a connection, which waits for the requests in flight */
export const openCluster = (
  kafka: Kafka,
  beforeClosing: (cluster: Cluster) => Promise<void> = async () => undefined
): Effect.Effect<ClusterAccess, never, Scope.Scope> =>
  Effect.gen(function* () {
    let connecting: Promise<Cluster> | null = null
    let current: Cluster | null = null
    let wasConnected = false
    const access: ClusterAccess = {
      connect: async () => {
        connecting ??= connectCluster(kafka).then(
          (cluster) => {
            wasConnected = true
            current = cluster
            return cluster
          },
          (error: unknown) => {
            connecting = null
            return Promise.reject(error)
          }
        )
        return connecting
      },
      wasConnected: () => wasConnected,
      discard: async (used) => {
        if (used !== current) return
        connecting = null
        current = null
        await beforeClosing(used)
        await used.disconnect()
      }
    }
    yield* Effect.addFinalizer(() =>
      attemptBriefly(5_000, async () => {
        const last = await connecting
        if (last !== null) await access.discard(last)
      })
    )
    return access
  })

/**
 * Uses the shared connection, and retries retriable errors. A connection that cannot reach its broker is replaced; others may be
 * using it, so after a moved leader only its metadata is refreshed.
 */
export const withCluster = <A>(
  access: ClusterAccess,
  operation: string,
  run: (cluster: Cluster) => Promise<A>
): Effect.Effect<A, KafkaError> =>
  Effect.suspend(() => {
    let used: Cluster | null = null
    return attempt(operation, async () => {
      used = await access.connect()
      return run(used)
    }).pipe(Effect.tapError(({ cause }) => (used === null ? Effect.void : recover(access, used, cause))))
  }).pipe(Effect.retry(whileRetriable(access.wasConnected)))

const recover = (access: ClusterAccess, used: Cluster, cause: unknown): Effect.Effect<void> =>
  attemptBriefly(5_000, () => {
    const moved = isRetriable(cause) && !isConnectionLost(cause)
    return moved ? used.refreshMetadata() : access.discard(used)
  })

/** The ends of a topic's log. What is asked for at the same time goes out in one request to each broker, however many topics it is. */
export const openTopicOffsets =
  (access: ClusterAccess) =>
  (topic: string): Effect.Effect<ReadonlyArray<PartitionOffsets>, KafkaError> =>
    withCluster(access, `read the offsets of ${topic}`, async (cluster) => {
      // Alone, so that a topic that does not exist fails no other.
      await cluster.addTargetTopic(topic)
      const found = (await askTogether(cluster, topic)).get(topic)
      // While brokers come and go, the metadata may lack a topic that exists: it is asked for again.
      if (found === undefined) throw new TopicWithoutMetadata(topic)
      return found
    })

class TopicWithoutMetadata extends Error {
  readonly type = "LEADER_NOT_AVAILABLE"
}

type Offsets = ReadonlyMap<string, ReadonlyArray<PartitionOffsets>>

/** What is about to be asked for. */
const batches = new WeakMap<Cluster, { readonly topics: Set<string>; readonly answer: Promise<Offsets> }>()

const askTogether = (cluster: Cluster, topic: string): Promise<Offsets> => {
  const known = batches.get(cluster)
  if (known !== undefined) {
    known.topics.add(topic)
    return known.answer
  }
  const topics = new Set([topic])
  const answer = new Promise<void>((resolve) => setImmediate(resolve)).then(() => {
    batches.delete(cluster)
    return offsetsOf(cluster, [...topics])
  })
  batches.set(cluster, { topics, answer })
  return answer
}

const offsetsOf = async (cluster: Cluster, topics: ReadonlyArray<string>): Promise<Offsets> => {
  await cluster.refreshMetadataIfNecessary()
  const asked = (fromBeginning: boolean) =>
    cluster.fetchTopicsOffset(
      topics.map((topic) => ({
        topic,
        fromBeginning,
        partitions: cluster.findTopicPartitionMetadata(topic).map(({ partitionId }) => ({ partition: partitionId }))
      }))
    )
  const [highs, lows] = await Promise.all([asked(false), asked(true)])
  const low = new Map(lows.map(({ topic, partitions }) => [topic, offsetsByPartition(partitions)]))
  return new Map(
    highs.map(({ topic, partitions }) => [
      topic,
      [...offsetsByPartition(partitions)]
        .map(([partition, high]) => ({ partition, low: low.get(topic)?.get(partition) ?? 0, high }))
        .sort((left, right) => left.partition - right.partition)
    ])
  )
}

const offsetsByPartition = (partitions: ReadonlyArray<PartitionOffset>) =>
  new Map(partitions.map(({ partition, offset }) => [partition, Number(offset)]))

const connectCluster = async (kafka: Kafka): Promise<Cluster> => {
  const cluster = captureCluster(kafka)
  await cluster.connect()
  return cluster
}

/** A new cluster object of kafkajs, not yet connected. */
const captureCluster = (kafka: Kafka): Cluster => {
  const captured: Array<Cluster> = []
  const capture = ({ cluster }: { readonly cluster: Cluster }): Assigner => {
    captured.push(cluster)
    return neverJoins
  }
  // Which end of a log is meant where offsets are asked for; fetches say themselves what they read.
  kafka.consumer({
    groupId: "none",
    partitionAssigners: [capture],
    allowAutoTopicCreation: false,
    readUncommitted: true
  })
  return captured[0]!
}

const neverJoins: Assigner = {
  name: "none",
  version: 0,
  assign: async () => [],
  protocol: () => ({ name: "none", metadata: Buffer.alloc(0) })
}
