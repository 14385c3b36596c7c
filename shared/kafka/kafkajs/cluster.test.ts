import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type { Cluster } from "kafkajs"
import { openTopicOffsets } from "./cluster.ts"

/** A cluster whose topics have two partitions each, and the topics of each request for offsets. */
const clusterOf = (existing: ReadonlyArray<string>) => {
  const asked: Array<string> = []
  const cluster = {
    addTargetTopic: async (topic: string) => {
      if (!existing.includes(topic)) throw Object.assign(new Error(topic), { type: "UNKNOWN_TOPIC_OR_PARTITION" })
    },
    refreshMetadataIfNecessary: async () => undefined,
    refreshMetadata: async () => undefined,
    findTopicPartitionMetadata: () => [{ partitionId: 1 }, { partitionId: 0 }],
    fetchTopicsOffset: async (topics: ReadonlyArray<{ readonly topic: string; readonly fromBeginning: boolean }>) => {
      asked.push(topics.map(({ topic }) => topic).join(" "))
      return topics.map(({ topic, fromBeginning }) => ({
        topic,
        partitions: [1, 0].map((partition) => ({ partition, offset: fromBeginning ? "3" : String(10 + partition) }))
      }))
    }
  }
  const topicOffsets = openTopicOffsets({
    connect: async () => cluster as unknown as Cluster,
    wasConnected: () => false,
    discard: async () => undefined
  })
  return { topicOffsets, asked }
}

const ends = [
  { partition: 0, low: 3, high: 10 },
  { partition: 1, low: 3, high: 11 }
]

describe("the offsets of topics", () => {
  it.live("are asked for in one request for each end, where they are wanted at the same time", () => {
    const { topicOffsets, asked } = clusterOf(["a", "b", "c"])
    return Effect.gen(function* () {
      const found = yield* Effect.forEach(["a", "b", "a", "c"], topicOffsets, { concurrency: "unbounded" })
      assert.deepStrictEqual(found, [ends, ends, ends, ends])
      assert.deepStrictEqual(asked, ["a b c", "a b c"])
      assert.deepStrictEqual(yield* topicOffsets("b"), ends)
      assert.lengthOf(asked, 4)
    })
  })

  it.live("are asked for again where the metadata lacks the topic for now", () => {
    let isKnown = false
    const cluster = {
      addTargetTopic: async () => undefined,
      refreshMetadataIfNecessary: async () => undefined,
      refreshMetadata: async () => {
        isKnown = true
      },
      findTopicPartitionMetadata: () => (isKnown ? [{ partitionId: 0 }] : []),
      fetchTopicsOffset: async (topics: ReadonlyArray<{ readonly partitions: ReadonlyArray<object> }>) =>
        topics
          .filter(({ partitions }) => partitions.length > 0)
          .map(() => ({ topic: "a", partitions: [{ partition: 0, offset: "7" }] }))
    }
    const topicOffsets = openTopicOffsets({
      connect: async () => cluster as unknown as Cluster,
      wasConnected: () => true,
      discard: async () => undefined
    })
    return Effect.map(topicOffsets("a"), (found) => assert.deepStrictEqual(found, [{ partition: 0, low: 7, high: 7 }]))
  })

  it.live("of a topic that does not exist fail alone", () => {
    const { topicOffsets } = clusterOf(["a"])
    return Effect.gen(function* () {
      const [known, missing] = yield* Effect.all(
        [Effect.result(topicOffsets("a")), Effect.result(topicOffsets("missing"))],
        { concurrency: "unbounded" }
      )
      assert.deepInclude(known, { _tag: "Success", success: ends })
      assert.strictEqual(missing._tag, "Failure")
    })
  })
})
