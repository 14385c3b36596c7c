import { createRequire } from "node:module"
import { afterEach, assert, describe, it, vi } from "@effect/vitest"
import { longFetchMillis } from "../long-fetch.ts"
import "./index.ts"

interface GroupMember {
  memberId: string
  coordinator: { readonly heartbeat: () => Promise<void> }
  readonly heartbeat: (options: { readonly interval: number }) => Promise<void>
}

const require = createRequire(import.meta.url)
const Runner = require("kafkajs/src/consumer/runner")
const ConsumerGroup = require("kafkajs/src/consumer/consumerGroup") as new (options: object) => GroupMember

const quiet = { debug: () => undefined, info: () => undefined, namespace: () => quiet }

afterEach(() => {
  vi.restoreAllMocks()
})

/** Heartbeats that a member sends when it is asked twice, the wall clock set by so much between. */
const heartbeatsOver = async (jumpMillis: number, interval: number): Promise<number> => {
  const now = Date.now()
  const wallClock = vi.spyOn(Date, "now").mockReturnValue(now)
  const member = new ConsumerGroup({
    groupId: "group",
    logger: { namespace: () => ({}) },
    instrumentationEmitter: { emit: () => undefined }
  })
  let sent = 0
  member.memberId = "member"
  member.coordinator = { heartbeat: async () => void sent++ }
  await member.heartbeat({ interval })
  wallClock.mockReturnValue(now + jumpMillis)
  await member.heartbeat({ interval })
  return sent
}

// Red without `beatByMonotonicClock`.
it("sends heartbeats though the wall clock is set back", async () => {
  assert.strictEqual(await heartbeatsOver(-7_200_000, 0), 2)
})

it("sends none before its interval is over, wherever the wall clock is", async () => {
  assert.strictEqual(await heartbeatsOver(7_200_000, 60_000), 0)
})

const SubscriptionState = require("kafkajs/src/consumer/subscriptionState")

/** A group of kafkajs's class with two partitions on a broker each; it notes which brokers it would ask. */
const groupOf = (refresh: () => Promise<void> = async () => undefined) => {
  const subscriptionState = new SubscriptionState()
  subscriptionState.assign([{ topic: "t", partitions: [1, 2] }])
  const asked: Array<string> = []
  const group = Object.assign(Object.create(ConsumerGroup.prototype), {
    subscriptionState,
    asked,
    // Longer than a test may take: whoever sleeps for it makes the test fail.
    maxWaitTime: 600_000,
    logger: { info: () => undefined },
    cluster: {
      refreshMetadataIfNecessary: refresh,
      findBroker: async ({ nodeId }: { readonly nodeId: string }) => ({
        fetch: async () => {
          asked.push(nodeId)
          return { responses: [] }
        }
      })
    },
    checkForStaleAssignment: () => undefined,
    filterPartitionsByNode: (nodeId: string, all: ReadonlyArray<{ topic: string; partitions: Array<number> }>) =>
      all.map(({ topic, partitions }) => ({ topic, partitions: partitions.filter((one) => String(one) === nodeId) })),
    seekOffsets: async () => undefined,
    offsetManager: { committedOffsets: () => ({ t: { 1: "0", 2: "0" } }), nextOffset: () => "0" },
    recoverFromFetch: async (error: Error) => void asked.push(`recovered from ${error.message}`)
  })
  return group
}
const both = [{ topic: "t", partitions: [1, 2] }]

describe("a member to which nothing comes", () => {
  /** How long each fetch may wait; `records` says how many each finds in a partition. */
  const waitsOf = async (group: ReturnType<typeof groupOf>, fetches: number, records = 0): Promise<Array<number>> => {
    const waits: Array<number> = []
    const messages = Array.from({ length: records }, (_, offset) => ({ offset: String(offset) }))
    group.cluster.findBroker = async () => ({
      fetch: async ({ maxWaitTime }: { readonly maxWaitTime: number }) => {
        waits.push(maxWaitTime)
        const partitions = [{ partition: 1, highWatermark: "0", abortedTransactions: [], messages }]
        return { responses: [{ topicName: "t", partitions }] }
      }
    })
    for (let fetch = 0; fetch < fetches; fetch++) await group.fetch("1")
    return waits
  }
  const idleGroup = () =>
    Object.assign(groupOf(), {
      maxWaitTime: 200,
      sessionTimeout: 600_000,
      preferredReadReplicasPerTopicPartition: {},
      seekOffset: { has: () => false, set: () => undefined }
    })

  // Red without `waitLongerWhenIdle`.
  it("asks for longer after some fetches that found nothing, and as usual once there is something", async () => {
    const group = idleGroup()
    const waits = await waitsOf(group, 30)
    assert.deepStrictEqual([waits[0], waits[24], waits[25], waits[29]], [200, 200, longFetchMillis, longFetchMillis])
    assert.deepStrictEqual(await waitsOf(group, 2, 1), [longFetchMillis, 200])
  })

  /** Whose fetch is answered by nothing but the end of its connection; `connection` says how often that was closed. */
  const waiting = async () => {
    const group = idleGroup()
    await waitsOf(group, 25)
    const inflight = new Map<number, (error: Error) => void>()
    const connection = {
      closed: 0,
      requestQueue: { inflight },
      rejectRequests: (error: Error) => {
        for (const reject of inflight.values()) reject(error)
        inflight.clear()
      },
      disconnect: async () => void connection.closed++
    }
    group.cluster.brokerPool = { brokers: { 1: { connectionPool: { pool: [{}, connection] } } } }
    group.cluster.findBroker = async () => ({
      fetch: () => new Promise((_, reject) => inflight.set(1, reject))
    })
    group.recoverFromFetch = async (error: Error) => Promise.reject(error)
    const fetching = group.fetch("1") as Promise<unknown>
    await vi.waitFor(() => assert.strictEqual(inflight.size, 1))
    return { group, fetching, connection }
  }

  it.each([
    ["a seek", (group: ReturnType<typeof groupOf>) => group.seek({ topic: "t", partition: 1, offset: "7" })],
    ["a resume", (group: ReturnType<typeof groupOf>) => group.resume([{ topic: "t", partitions: [1] }])],
    [
      "a stop",
      (group: ReturnType<typeof groupOf>) =>
        void Runner.prototype.stop.call({
          running: true,
          logger: quiet,
          consumerGroup: group,
          fetchManager: { stop: async () => undefined },
          waitForConsumer: async () => undefined
        })
    ]
  ])("is heard after %s, however long its fetch may wait, and asks as usual again", async (_name, act) => {
    const { group, fetching, connection } = await waiting()
    act(group)
    assert.deepStrictEqual(await fetching, [])
    assert.strictEqual(connection.closed, 1)
    assert.deepStrictEqual(await waitsOf(group, 1), [200])
  })

  it("sends heartbeats while it waits, and hears of a rebalance by them", async () => {
    const { group, fetching } = await waiting()
    await group.resume(both)
    await fetching
    group.sessionTimeout = 50
    const beats = [Promise.resolve(), Promise.resolve(), Promise.reject(new Error("REBALANCE_IN_PROGRESS"))]
    for (const beat of beats) beat.catch(() => undefined)
    group.heartbeat = () => beats.shift() ?? Promise.resolve()
    const { findBroker } = group.cluster
    await waitsOf(group, 25)
    group.cluster.findBroker = findBroker
    const outcome = await (group.fetch("1") as Promise<unknown>).catch((error: Error) => error.message)
    assert.strictEqual(outcome, "REBALANCE_IN_PROGRESS")
    assert.isEmpty(beats)
  })

  it.each([
    ["a third of its session timeout where it is alone in its group", ["leader"], 20],
    ["a tenth of it, which others wait for, where it is not", ["leader", "other"], 6],
    ["a tenth of it where it cannot know, since it does not lead", [], 6]
  ])("sends them each %s", async (_name, members, expected) => {
    const group = idleGroup()
    await waitsOf(group, 25)
    const timers = vi.spyOn(globalThis, "setInterval")
    Object.assign(group, { sessionTimeout: 60, memberId: "leader", members })
    group.leaderId = members.length === 0 ? "other" : "leader"
    await waitsOf(group, 1)
    assert.deepStrictEqual(
      timers.mock.calls.map(([, millis]) => millis),
      [expected]
    )
  })

  it("waits without a request where it has no partition, until it is stopped", async () => {
    const group = idleGroup()
    await waitsOf(group, 25)
    group.subscriptionState.assign([])
    const fetching = group.fetch("1") as Promise<unknown>
    await Promise.resolve()
    group.resume([])
    assert.deepStrictEqual(await fetching, [])
  })
})

describe("a member whose partitions are all paused", () => {
  // Red without `wakeOnResume`: kafkajs then sleeps for `maxWaitTime`.
  it("fetches from each broker as soon as its partitions are resumed", async () => {
    const group = groupOf()
    group.subscriptionState.pause(both)
    const waiting = [group.fetch("1"), group.fetch("2")]
    await Promise.resolve()
    assert.deepStrictEqual(group.asked, [])
    group.resume(both)
    assert.deepStrictEqual(await Promise.all(waiting), [[], []])
    await Promise.all([group.fetch("1"), group.fetch("2")])
    assert.deepStrictEqual(group.asked, ["1", "2"])
  })

  it("looks again after a while without a resume", async () => {
    const group = Object.assign(groupOf(), { maxWaitTime: 1 })
    group.subscriptionState.pause(both)
    for (let round = 0; round < 3; round++) assert.deepStrictEqual(await group.fetch("1"), [])
    assert.deepStrictEqual(group.asked, [])
  })

  it("still looks at the cluster, and recovers from what it finds there", async () => {
    const group = groupOf(() => Promise.reject(new Error("stale metadata")))
    group.subscriptionState.pause(both)
    assert.deepStrictEqual(await group.fetch("1"), [])
    assert.deepStrictEqual(group.asked, ["recovered from stale metadata"])
  })

  it("is not held up at a broker that has a partition which isn't paused", async () => {
    const group = groupOf()
    group.subscriptionState.pause([{ topic: "t", partitions: [1] }])
    await group.fetch("2")
    assert.deepStrictEqual(group.asked, ["2"])
  })
})

const OffsetManager = require("kafkajs/src/consumer/offsetManager")

// Red without `keepCommittedOffset`: kafkajs commits -2.
it("continues at the start of the log if the offset is out of range, and commits nothing", async () => {
  const commits: Array<unknown> = []
  const cluster = {
    defaultOffset: () => -2,
    fetchTopicsOffset: async (topics: ReadonlyArray<{ readonly fromBeginning: boolean }>) =>
      topics.map((topic) => ({
        ...topic,
        partitions: [{ partition: 3, offset: topic.fromBeginning ? "70" : "90" }]
      }))
  }
  const coordinator = { offsetCommit: async (request: unknown) => void commits.push(request) }
  const manager = Object.assign(Object.create(OffsetManager.prototype), {
    cluster,
    topicConfigurations: { t: { fromBeginning: true } },
    getCoordinator: async () => coordinator,
    resolvedOffsets: { t: { 3: "10", 4: "11" } },
    clearOffsets: () => undefined
  })
  await manager.setDefaultOffset({ topic: "t", partition: 3 })
  assert.deepStrictEqual(manager.resolvedOffsets, { t: { 3: "70", 4: "11" } })
  assert.deepStrictEqual(commits, [])
})

const createFetchManager = require("kafkajs/src/consumer/fetchManager")

// Red without `endFetchers`: the fetchers then ask for ever.
it("ends fetchers that begin after the member was stopped", async () => {
  let asked = 0
  const runner = {
    get running() {
      asked++
      if (asked > 100) throw new Error("The fetchers spin.")
      return false
    },
    logger: quiet,
    consumerGroup: { groupId: "g", memberId: "m" },
    fetchManager: null as { readonly start: () => Promise<void>; readonly stop: () => Promise<void> } | null
  }
  runner.fetchManager = createFetchManager({
    logger: quiet,
    getNodeIds: () => ["1", "2"],
    fetch: (nodeId: string) => Runner.prototype.fetch.call(runner, nodeId),
    handler: () => undefined,
    concurrency: 1
  })
  await runner.fetchManager!.start()
  assert.isAtMost(asked, 8)
})
