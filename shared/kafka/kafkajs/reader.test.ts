import { assert, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import type { Cluster, Kafka } from "kafkajs"
import type { FetchedRecord } from "../client.ts"
import { resolveKafkaOptions } from "../options.ts"
import { longFetchMillis } from "./long-fetch.ts"
import { readRanges } from "./reader.ts"

interface Asked {
  readonly nodeId: string
  readonly offset: string
  readonly maxWaitTime: number
}

/** Partition 0 is led by broker 1, which has a record at each offset up to the third; partition 1 by broker 2, which has none and waits. */
const twoBrokers = () => {
  const asked: Array<Asked> = []
  const waiting = new Map<number, (error: Error) => void>()
  let closed = 0
  const fetching = {
    socket: { destroy: () => undefined },
    requestQueue: { inflight: waiting },
    rejectRequests: (error: Error) => {
      for (const reject of waiting.values()) reject(error)
      waiting.clear()
    },
    disconnect: async () => void closed++
  }
  const broker = (nodeId: string) => ({
    fetch: ({ maxWaitTime, topics }: { readonly maxWaitTime: number; readonly topics: ReadonlyArray<Fetch> }) => {
      const offset = topics[0]!.partitions[0]!.fetchOffset
      asked.push({ nodeId, offset, maxWaitTime })
      if (nodeId === "2" || Number(offset) > 2) return new Promise((_, reject) => waiting.set(waiting.size, reject))
      const message = {
        offset,
        key: Buffer.from("k"),
        value: Buffer.from(offset),
        timestamp: "5",
        isControlRecord: false
      }
      const partition = {
        partition: 0,
        highWatermark: "3",
        lastStableOffset: "3",
        abortedTransactions: [],
        messages: [message]
      }
      return Promise.resolve({ responses: [{ partitions: [partition] }] })
    }
  })
  const cluster = {
    brokerPool: { brokers: { 1: { connectionPool: { pool: [{}, fetching] } } } },
    connect: async () => undefined,
    disconnect: async () => undefined,
    addTargetTopic: async () => undefined,
    refreshMetadataIfNecessary: async () => undefined,
    findLeaderForPartitions: () => ({ 1: [0], 2: [1] }),
    findBroker: async ({ nodeId }: { readonly nodeId: string }) => broker(nodeId)
  } as unknown as Cluster
  const kafka = {
    consumer: ({ partitionAssigners }: { readonly partitionAssigners: ReadonlyArray<(given: object) => unknown> }) =>
      partitionAssigners[0]!({ cluster })
  } as unknown as Kafka
  return { kafka, asked, waiting, closed: () => closed }
}

interface Fetch {
  readonly partitions: ReadonlyArray<{ readonly fetchOffset: string }>
}

it.live("follows each broker by itself, by fetches that wait long, and ends them when it ends", () =>
  Effect.gen(function* () {
    const { kafka, asked, waiting, closed } = twoBrokers()
    const found: Array<string> = []
    const third = yield* Deferred.make<void>()
    const onRecords = (records: ReadonlyArray<FetchedRecord>) => {
      found.push(...records.map(({ value }) => String(value)))
      return found.length === 3 ? Deferred.succeed(third, undefined) : undefined
    }
    const ranges = [0, 1].map((partition) => ({ partition, from: 0, to: null }))
    const unused = {
      connect: () => Promise.reject(new Error("shared")),
      wasConnected: () => true,
      discard: async () => undefined
    }
    const following = yield* Effect.forkChild(
      readRanges(kafka, unused, resolveKafkaOptions({ brokers: [] }), { topic: "t", ranges, onRecords })
    )
    yield* Deferred.await(third)
    while (waiting.size < 2) yield* Effect.sleep(1)
    yield* Fiber.interrupt(following)
    assert.deepStrictEqual(found, ["0", "1", "2"])
    assert.deepStrictEqual(asked.map(({ nodeId, offset }) => `${nodeId} ${offset}`).sort(), [
      "1 0",
      "1 1",
      "1 2",
      "1 3",
      "2 0"
    ])
    assert.isTrue(asked.every(({ maxWaitTime }) => maxWaitTime === longFetchMillis))
    assert.deepStrictEqual([waiting.size, closed()], [0, 1])
  })
)
