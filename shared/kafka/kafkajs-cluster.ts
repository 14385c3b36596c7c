/**
 * A connection to the brokers below kafkajs's consumer, for what that doesn't offer: reading partitions outside a group
 * and committing offsets for a group without joining it. kafkajs hands its cluster to partition assigners, which is the
 * one public way to it; the consumer made here never runs.
 */
import { Effect, type Scope } from "effect"
import type { Assigner, Cluster, Kafka } from "kafkajs"
import { attempt, attemptBriefly } from "./kafkajs-errors.ts"
import { isConnectionLost, isPassing, whilePassing } from "./kafkajs-passing.ts"
import type { KafkaError } from "./port.ts"

export interface ClusterAccess {
  readonly connect: () => Promise<Cluster>
  /** Whether it ever was. */
  readonly wasConnected: () => boolean
  /** Makes the next `connect` build a new one. */
  readonly discard: () => Promise<void>
}

export const openCluster = (kafka: Kafka): Effect.Effect<ClusterAccess, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.sync((): ClusterAccess => {
      let current: Promise<Cluster> | null = null
      let wasConnected = false
      return {
        connect: async () => {
          current ??= connectCluster(kafka)
          const cluster = await current
          wasConnected = true
          return cluster
        },
        wasConnected: () => wasConnected,
        discard: async () => {
          const connecting = current
          current = null
          if (connecting !== null) await (await connecting).disconnect()
        }
      }
    }),
    (access) => attemptBriefly(5_000, () => access.discard())
  )

/**
 * Uses the shared connection, again and again while the trouble looks passing. One that can't reach its broker is
 * replaced; others may be at work on it, so a leader that moved only makes it ask for the leaders again.
 */
export const withCluster = <A>(
  access: ClusterAccess,
  operation: string,
  run: (cluster: Cluster) => Promise<A>
): Effect.Effect<A, KafkaError> =>
  attempt(operation, async () => run(await access.connect())).pipe(
    Effect.tapError(({ cause }) =>
      attemptBriefly(5_000, async () => {
        const moved = isPassing(cause) && !isConnectionLost(cause)
        await (moved ? access.connect().then((cluster) => cluster.refreshMetadata()) : access.discard())
      })
    ),
    Effect.retry(whilePassing(access.wasConnected))
  )

const connectCluster = async (kafka: Kafka): Promise<Cluster> => {
  const cluster = captureCluster(kafka)
  await cluster.connect()
  return cluster
}

/** A new cluster object of kafkajs, not yet connected. */
export const captureCluster = (kafka: Kafka): Cluster => {
  const captured: Array<Cluster> = []
  const capture = ({ cluster }: { readonly cluster: Cluster }): Assigner => {
    captured.push(cluster)
    return neverJoins
  }
  kafka.consumer({ groupId: "none", partitionAssigners: [capture], allowAutoTopicCreation: false })
  return captured[0]!
}

const neverJoins: Assigner = {
  name: "none",
  version: 0,
  assign: async () => [],
  protocol: () => ({ name: "none", metadata: Buffer.alloc(0) })
}
