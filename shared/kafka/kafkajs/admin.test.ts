import { assert, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type { Cluster, Kafka } from "kafkajs"
import { openAdmin } from "./admin.ts"

/** A broker that learns of new partitions of `t` by the request for metadata of this number; what it said last is what the cluster keeps. */
const learningBy = (request: number) => {
  let [created, asked] = [4, 0]
  const metadata = () => {
    const known = created > 4 && ++asked >= request ? created : 4
    return Array.from({ length: known }, (_, partitionId) => ({ partitionId, leader: 0 }))
  }
  let kept = metadata()
  const refresh = async () => {
    kept = metadata()
  }
  const cluster = {
    addTargetTopic: async () => undefined,
    refreshMetadataIfNecessary: async () => undefined,
    refreshMetadata: refresh,
    getNodeIds: () => [0],
    findBroker: async () => ({ metadata: async () => ({ topicMetadata: [{ partitionMetadata: metadata() }] }) }),
    findTopicPartitionMetadata: () => kept,
    fetchTopicsOffset: async (
      topics: ReadonlyArray<{ readonly partitions: ReadonlyArray<{ readonly partition: number }> }>
    ) =>
      topics.map(({ partitions }) => ({ topic: "t", partitions: partitions.map((one) => ({ ...one, offset: "7" })) }))
  } as unknown as Cluster
  const admin = {
    connect: async () => undefined,
    disconnect: async () => undefined,
    listTopics: async () => ["t"],
    fetchTopicMetadata: async () => ({ topics: [{ name: "t", partitions: metadata() }] }),
    createPartitions: async ({
      topicPartitions
    }: {
      readonly topicPartitions: ReadonlyArray<{ readonly count: number }>
    }) => {
      created = topicPartitions[0]!.count
    }
  }
  return openAdmin({ admin: () => admin } as unknown as Kafka, {
    connect: async () => cluster,
    wasConnected: () => true,
    discard: async () => undefined
  })
}

// Red at 2 where the metadata is read before the brokers are asked, and not after: then it is what was before, for five minutes.
it.live.each([1, 2, 3, 4])(
  "partitions that were added are there at once, though the broker learns of them by request %i",
  (request) =>
    Effect.gen(function* () {
      const { addPartitions, topicOffsets } = yield* learningBy(request)
      assert.deepStrictEqual(yield* addPartitions(["t"], 6), ["t"])
      assert.lengthOf(yield* topicOffsets("t"), 6)
    }).pipe(Effect.scoped)
)
