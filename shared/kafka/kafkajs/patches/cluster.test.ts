import { createRequire } from "node:module"
import { assert, describe, it } from "@effect/vitest"
import kafkajs from "./index.ts"
import { noTopics } from "./protocol.ts"

const require = createRequire(import.meta.url)
const { KafkaJSNumberOfRetriesExceeded } = require("kafkajs/src/errors")

class Refused extends Error {
  readonly type: string
  constructor(type: string) {
    super(type)
    this.type = type
  }
}

/** A cluster as kafkajs's clients use it, over the given brokers; nothing is listening. */
const clusterOf = (brokers: Readonly<Record<string, object>> = {}) => {
  const asked: Array<string> = []
  const brokerPool = {
    brokers: { ...brokers },
    connect: async () => void asked.push("connect"),
    disconnect: async () => void asked.push("disconnect"),
    hasConnectedBrokers: () => true,
    refreshMetadata: async () => void asked.push("metadata"),
    refreshMetadataIfNecessary: async () => void asked.push("metadata if necessary"),
    findBroker: async ({ nodeId }: { readonly nodeId: string }) => brokers[nodeId],
    getNodeIds: () => Object.keys(brokers),
    removeBroker: () => void asked.push("remove")
  }
  return { cluster: Object.assign(newCluster(), { brokerPool }), asked }
}

// biome-ignore lint/suspicious/noExplicitAny: kafkajs's inner modules have no types.
const newCluster = (): any => {
  let cluster: unknown
  new kafkajs.Kafka({ brokers: ["127.0.0.1:1"], logLevel: kafkajs.logLevel.NOTHING }).consumer({
    groupId: "g",
    partitionAssigners: [
      (given) => {
        cluster = given.cluster
        return {
          name: "n",
          version: 0,
          assign: async () => [],
          protocol: () => ({ name: "n", metadata: Buffer.alloc(0) })
        }
      }
    ]
  })
  return cluster
}

const failureOf = async (run: () => Promise<unknown>): Promise<Error & { readonly type?: string }> =>
  run().then(
    () => assert.fail("It succeeded."),
    (error) => error
  )

describe("the metadata that a connection loads", () => {
  /** A pool whose brokers say which topics they are asked for. */
  const askedFor = async (topics: ReadonlyArray<string>): Promise<ReadonlyArray<string>> => {
    const BrokerPool = require("kafkajs/src/cluster/brokerPool")
    const asked: Array<ReadonlyArray<string>> = []
    const metadata = async (names: ReadonlyArray<string>) => {
      asked.push(names)
      return { brokers: [], topicMetadata: [] }
    }
    const pool = Object.assign(Object.create(BrokerPool.prototype), {
      seedBroker: { connectionPool: {} },
      brokers: {},
      retrier: (run: () => Promise<void>) => run(),
      findConnectedBroker: async () => ({ metadata })
    })
    await pool.refreshMetadata(topics)
    return asked[0]!
  }

  // Red without `loadOnlyTargetTopics`.
  it("is of the brokers alone where it uses no topics yet", async () => {
    assert.strictEqual(await askedFor([]), noTopics)
    assert.deepStrictEqual(await askedFor(["t"]), ["t"])
  })

  // Red without `namesNoTopics`.
  it("is asked for by a list without topics, which is not the null that asks for all", async () => {
    const { protocol } = require("kafkajs/src/protocol/requests/metadata")
    const lengthOf = async (version: number, topics: ReadonlyArray<string>): Promise<number> =>
      (await protocol({ version })({ topics, allowAutoTopicCreation: false }).request.encode()).buf.readInt32BE(0)
    for (const version of [1, 2, 3, 4, 5, 6]) {
      assert.strictEqual(await lengthOf(version, noTopics), 0)
      assert.strictEqual(await lengthOf(version, []), -1)
      assert.strictEqual(await lengthOf(version, ["t"]), 1)
    }
  })
})

// Red without `stayClosed`.
it("stays closed when its owner has closed it", async () => {
  const { cluster, asked } = clusterOf()
  await cluster.connect()
  await cluster.disconnect()
  assert.strictEqual((await failureOf(() => cluster.connect())).name, "ClosedByOwner")
  assert.deepStrictEqual(asked, ["connect", "disconnect"])
})

// Red without `keepErrorsRetriable`: kafkajs's error is not retriable, whatever its cause is.
it.each(["connect", "findBroker", "refreshMetadata", "refreshMetadataIfNecessary"])(
  "gives the cause of failed retries: %s",
  async (method) => {
    const { cluster } = clusterOf()
    const fails = async () => {
      throw new KafkaJSNumberOfRetriesExceeded(new Refused("LEADER_NOT_AVAILABLE"), { retryCount: 1, retryTime: 1 })
    }
    Object.assign(cluster.brokerPool, { [method]: fails })
    assert.strictEqual((await failureOf(() => cluster[method]({ nodeId: "1" }))).type, "LEADER_NOT_AVAILABLE")
  }
)

// Red without `keepOnlyBroker`.
it("keeps its only broker, and removes one of several", () => {
  for (const count of [1, 2]) {
    const { cluster, asked } = clusterOf(Object.fromEntries(Array.from({ length: count }, (_, index) => [index, {}])))
    cluster.removeBroker({ host: "h", port: 1 })
    assert.lengthOf(asked, count - 1)
  }
})

// Red without `readEndOfLog`: the isolation level is then undefined, which brokers get as read committed.
it("asks for the end of the log, unless its owner reads committed records", async () => {
  for (const isolationLevel of [undefined, 1]) {
    const levels: Array<unknown> = []
    const listOffsets = async (request: { readonly isolationLevel: unknown }) => {
      levels.push(request.isolationLevel)
      return { responses: [{ topic: "t", partitions: [{ partition: 0, offset: "7" }] }] }
    }
    const { cluster } = clusterOf({ 1: { listOffsets } })
    Object.assign(cluster, {
      isolationLevel,
      addTargetTopic: async () => undefined,
      addMultipleTargetTopics: async () => undefined,
      refreshMetadataIfNecessary: async () => undefined,
      findLeaderForPartitions: () => ({ 1: [0] })
    })
    const found = await cluster.fetchTopicsOffset([
      { topic: "t", partitions: [{ partition: 0 }], fromBeginning: false }
    ])
    assert.deepStrictEqual(found, [{ topic: "t", partitions: [{ partition: 0, offset: "7" }] }])
    assert.deepStrictEqual(levels, [isolationLevel ?? 0])
  }
})

// Red without `reportRefusedCoordinator`.
it.each([
  ["GROUP_AUTHORIZATION_FAILED", "GROUP_AUTHORIZATION_FAILED"],
  ["TRANSACTIONAL_ID_AUTHORIZATION_FAILED", "TRANSACTIONAL_ID_AUTHORIZATION_FAILED"],
  ["UNKNOWN", undefined]
])(
  "a coordinator that no broker gives because of %s is reported as such, if the authorizer refused it",
  async (type, reported) => {
    const findGroupCoordinator = async () => Promise.reject(new Refused(type))
    const { cluster } = clusterOf({ 1: { findGroupCoordinator } })
    // As kafkajs asks: whatever a broker answers is forgotten.
    Object.assign(cluster.brokerPool, { withBroker: async () => null })
    const failure = await failureOf(() => cluster.findGroupCoordinatorMetadata({ groupId: "g", coordinatorType: 0 }))
    assert.strictEqual(failure.type, reported)
  }
)

// Red without `retryAtCoordinator`.
describe("a request to a coordinator", () => {
  /** The coordinator is broker 1 at first and broker 2 later; broker 1 refuses with the given errors first. */
  const coordinated = (refusals: Array<string>) => {
    const calls: Array<string> = []
    const broker = (nodeId: string) => ({
      endTxn: async () => {
        calls.push(nodeId)
        const type = refusals.shift()
        if (type !== undefined) throw new Refused(type)
        return nodeId
      }
    })
    const { cluster } = clusterOf({ 1: broker("1"), 2: broker("2") })
    let lookups = 0
    cluster.findGroupCoordinatorMetadata = async () => ({ coordinator: { nodeId: lookups++ === 0 ? 1 : 2 } })
    return { cluster, calls, lookups: () => lookups }
  }
  const transaction = { groupId: "id", coordinatorType: 1 }

  it("is retried there while it is busy, and at the next one when it has moved", async () => {
    const { cluster, calls } = coordinated(["CONCURRENT_TRANSACTIONS", "NOT_COORDINATOR_FOR_GROUP"])
    const broker = await cluster.findGroupCoordinator(transaction)
    assert.strictEqual(await broker.endTxn({}), "2")
    assert.deepStrictEqual(calls, ["1", "1", "2"])
  })

  it("fails at once if the producer is fenced", async () => {
    const { cluster, calls } = coordinated(["INVALID_PRODUCER_EPOCH"])
    const broker = await cluster.findGroupCoordinator(transaction)
    assert.strictEqual((await failureOf(() => broker.endTxn({}))).type, "INVALID_PRODUCER_EPOCH")
    assert.deepStrictEqual(calls, ["1"])
  })

  it("looks up a transaction's coordinator once, a group's each time", async () => {
    for (const [request, expected] of [
      [transaction, 1],
      [{ groupId: "id" }, 2]
    ] as const) {
      const { cluster, lookups } = coordinated([])
      await cluster.findGroupCoordinator(request)
      await cluster.findGroupCoordinator(request)
      assert.strictEqual(lookups(), expected)
    }
  })
})
