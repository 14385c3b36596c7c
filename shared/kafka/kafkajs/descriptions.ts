/** What brokers and topics there are, and what this user may do with topics and groups. */
import type { Broker, Cluster } from "kafkajs"
import type { TopicOperation } from "../client.ts"
import { sendRaw, textList } from "./raw-request.ts"

type Operations = ReadonlyMap<string, ReadonlySet<TopicOperation>>

/** Topics that the user may not even see have no operation; those that do not exist are left out. */
export const authorizedOperations = async (cluster: Cluster, topics: ReadonlyArray<string>): Promise<Operations> => {
  await cluster.refreshMetadataIfNecessary()
  const [nodeId] = cluster.getNodeIds()
  const described = await describeTopics(await cluster.findBroker({ nodeId: String(nodeId) }), topics)
  return new Map([...described].map(([topic, { operations }]) => [topic, operations]))
}

export interface DescribedTopic {
  readonly operations: ReadonlySet<TopicOperation>
  /**
   * None of a topic that the user may not see. `leader` is negative where the partition has no leader; `replicas` are the ids of the
   * brokers that hold it, those that are away, too.
   */
  readonly partitions: ReadonlyArray<{
    readonly leader: number
    readonly replicas: ReadonlyArray<number>
    readonly inSync: number
  }>
}

export interface DescribedCluster {
  /** Ids of the brokers that answer. */
  readonly brokers: ReadonlyArray<number>
  readonly topics: ReadonlyMap<string, DescribedTopic>
}

/** Topics that do not exist are left out. A partition without a leader, an error for kafkajs, is described like the others. */
export const describeTopics = async (
  broker: Broker,
  topics: ReadonlyArray<string>
): Promise<DescribedCluster["topics"]> => (await describeCluster(broker, topics)).topics

/** @param topics all that this user may see, by default */
export const describeCluster = (
  broker: Broker,
  topics: ReadonlyArray<string> | null = null
): Promise<DescribedCluster> =>
  sendRaw(broker, {
    apiName: "Metadata",
    apiKey: 3,
    apiVersion: 8,
    // No topic is created; operations of the cluster are not asked for, those of topics are.
    body: Buffer.concat([topics === null ? allOfThem : textList(topics), Buffer.from([0, 0, 1])]),
    read: (response) => {
      response.skip(4)
      const brokers: Array<number> = []
      response.each(() => {
        brokers.push(response.int32())
        response.text()
        response.int32()
        response.text()
      })
      response.text()
      response.int32()
      const described = new Map<string, DescribedTopic>()
      response.each(() => {
        const error = response.int16()
        const topic = response.text()
        response.skip(1)
        const partitions: Array<DescribedTopic["partitions"][number]> = []
        response.each(() => {
          response.skip(2 + 4)
          const leader = response.int32()
          response.skip(4)
          const replicas: Array<number> = []
          response.each(() => replicas.push(response.int32()))
          const [inSync = 0] = [0, 1].map(() => response.count(4))
          partitions.push({ leader, replicas, inSync })
        })
        const allowed = response.int32()
        if (error === topicDenied) described.set(topic, { operations: new Set(), partitions: [] })
        else if (error !== unknownTopic) described.set(topic, { operations: operationsOf(allowed), partitions })
      })
      return { brokers, topics: described }
    }
  })

/** Of groups, whether they exist or not. A group that the user may not even see has no operation. */
export const authorizedOnGroups = async (cluster: Cluster, groups: ReadonlyArray<string>): Promise<Operations> => {
  await cluster.refreshMetadataIfNecessary()
  const operations = new Map<string, ReadonlySet<TopicOperation>>()
  for (const groupId of groups) {
    const coordinator = await cluster.findGroupCoordinator({ groupId }).catch((error: unknown) => {
      if ((error as { readonly type?: string }).type !== "GROUP_AUTHORIZATION_FAILED") throw error
      return null
    })
    if (coordinator === null) {
      operations.set(groupId, new Set())
      continue
    }
    await sendRaw(coordinator, {
      apiName: "DescribeGroups",
      apiKey: 15,
      apiVersion: 3,
      body: Buffer.concat([textList([groupId]), Buffer.from([1])]),
      read: (response) => {
        response.skip(4)
        response.each(() => {
          const error = response.int16()
          const name = response.text()
          for (let field = 0; field < 3; field++) response.text()
          response.each(() => {
            for (let field = 0; field < 3; field++) response.text()
            for (let field = 0; field < 2; field++) response.skipBytes()
          })
          const allowed = response.int32()
          if (error === groupDenied) operations.set(name, new Set())
          else if (error === 0) operations.set(name, operationsOf(allowed))
        })
      }
    })
  }
  return operations
}

/** The bit of each operation is its number in the protocol (AclOperation). */
const bits: ReadonlyArray<readonly [TopicOperation, number]> = [
  ["Read", 1 << 3],
  ["Write", 1 << 4],
  ["Describe", 1 << 8]
]
/** An absent ARRAY. */
const allOfThem = Buffer.from([0xff, 0xff, 0xff, 0xff])
const unknownTopic = 3
const topicDenied = 29
const groupDenied = 30

const operationsOf = (allowed: number): ReadonlySet<TopicOperation> =>
  new Set(bits.flatMap(([name, bit]) => ((allowed & bit) === 0 ? [] : [name])))
