/** Topics, offsets and groups by kafkajs's admin client, connected at the first use and replaced after a lost connection. */
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { Admin, Broker, Cluster, Kafka, PartitionOffset, TopicOffsets } from "kafkajs"
import type { KafkaClient, KafkaError, TopicPartition } from "../client.ts"
import { processorsOf } from "./assignment.ts"
import { type ClusterAccess, openTopicOffsets, withCluster } from "./cluster.ts"
import { authorizedOperations, describeCluster } from "./descriptions.ts"
import { attempt, attemptBriefly, isConnectionLost, isRetriable, retryPolicy, whileRetriable } from "./errors.ts"
import kafkajs from "./patches/index.ts"

type AdminPart = Pick<
  Context.Service.Shape<typeof KafkaClient>,
  | "createTopics"
  | "addPartitions"
  | "topicConfigs"
  | "brokerCount"
  | "topicOperations"
  | "listTopics"
  | "topicOffsets"
  | "offsetsAt"
  | "committedOfGroups"
  | "commitOffsets"
  | "deleteRecords"
  | "groups"
>

export const openAdmin = (kafka: Kafka, cluster: ClusterAccess): Effect.Effect<AdminPart, never, Scope.Scope> =>
  Effect.gen(function* () {
    let current: Promise<Admin> | null = null
    let wasConnected = false
    /** Does nothing if another operation has replaced it already. */
    const discard = (used: Promise<Admin> | null) =>
      Effect.suspend(() => {
        if (used === null || used !== current) return Effect.void
        current = null
        return attemptBriefly(5_000, () => used.then((admin) => admin.disconnect()))
      })
    yield* Effect.addFinalizer(() => discard(current))
    const use = <A>(operation: string, run: (admin: Admin) => Promise<A>): Effect.Effect<A, KafkaError> =>
      Effect.suspend(() => {
        current ??= connect(kafka)
        const used = current
        return attempt(operation, async () => {
          const admin = await used
          wasConnected = true
          return run(admin)
        }).pipe(Effect.tapError((error) => (mayBeBroken(error) ? discard(used) : Effect.void)))
      }).pipe(Effect.retry(whileRetriable(() => wasConnected)))
    return adminOf(use, cluster)
  })

/** True if the connection may be broken. A refusal or a moved leader leaves it usable, also for concurrent operations. */
const mayBeBroken = ({ code, cause }: KafkaError) =>
  isConnectionLost(cause) || code === "unauthorized" || (code === "other" && !isRetriable(cause))

const connect = async (kafka: Kafka): Promise<Admin> => {
  const admin = kafka.admin({ retry: retryPolicy })
  await admin.connect()
  return admin
}

type Use = <A>(operation: string, run: (admin: Admin) => Promise<A>) => Effect.Effect<A, KafkaError>

const adminOf = (use: Use, cluster: ClusterAccess): AdminPart => ({
  createTopics: (topics) =>
    Effect.gen(function* () {
      // Over all attempts: what the first one created exists at the second.
      const created = new Set<string>()
      yield* use("create topics", async (admin) => {
        const existing = new Set(await admin.listTopics())
        const missing = topics.filter(({ name }) => !existing.has(name))
        if (missing.length === 0) return
        for (const { name } of missing) created.add(name)
        await admin.createTopics({
          waitForLeaders: false,
          topics: missing.map(({ name, partitions, replication, config }) => ({
            topic: name,
            numPartitions: partitions,
            replicationFactor: replication,
            configEntries: Object.entries(config).map(([key, value]) => ({ name: key, value }))
          }))
        })
      })
      if (created.size > 0) yield* untilKnownEverywhere(cluster, [...created])
      return [...created]
    }),
  addPartitions: (topics, partitions) =>
    Effect.gen(function* () {
      const grown = yield* use("add partitions", async (admin) => {
        const existing = new Set(await admin.listTopics())
        const found = topics.filter((topic) => existing.has(topic))
        if (found.length === 0) return []
        const { topics: described } = await admin.fetchTopicMetadata({ topics: found })
        const fewer = described.filter((topic) => topic.partitions.length < partitions).map(({ name }) => name)
        if (fewer.length > 0)
          await admin.createPartitions({ topicPartitions: fewer.map((topic) => ({ topic, count: partitions })) })
        return fewer
      })
      if (grown.length > 0) yield* untilKnownEverywhere(cluster, grown, partitions)
      return grown
    }),
  topicConfigs: (topics, names) =>
    use("read the topics' configuration", async (admin) => {
      const existing = new Set(await admin.listTopics())
      const found = topics.filter((topic) => existing.has(topic))
      if (found.length === 0) return []
      const metadata = await admin.fetchTopicMetadata({ topics: found })
      const described = await admin.describeConfigs({
        includeSynonyms: false,
        resources: found.map((name) => ({ type: topicResource, name, configNames: [...names] }))
      })
      return described.resources.map(({ resourceName, configEntries }) => ({
        name: resourceName,
        partitions: metadata.topics.find(({ name }) => name === resourceName)?.partitions.length ?? 0,
        config: Object.fromEntries(configEntries.map(({ configName, configValue }) => [configName, configValue]))
      }))
    }),
  brokerCount: withCluster(cluster, "count the brokers", async (connected) => {
    await connected.refreshMetadata()
    const [nodeId] = connected.getNodeIds()
    const { brokers, topics } = await describeCluster(await connected.findBroker({ nodeId: String(nodeId) }))
    const holders = [...topics.values()].flatMap(({ partitions }) => partitions.flatMap(({ replicas }) => replicas))
    return { answering: brokers.length, all: new Set([...brokers, ...holders]).size }
  }),
  topicOperations: (topics) =>
    withCluster(cluster, "look up the rights on topics", (connected) => authorizedOperations(connected, topics)),
  listTopics: use("list topics", (admin) => admin.listTopics()),
  topicOffsets: openTopicOffsets(cluster),
  offsetsAt: (topic, timestamp) =>
    use(`find the offsets of ${topic} by time`, async (admin) =>
      (await admin.fetchTopicOffsetsByTimestamp(topic, timestamp)).map(numbered).sort(byPartition)
    ),
  committedOfGroups: (groupIds, topics) =>
    withCluster(cluster, "read the committed offsets of groups", async (connected) => {
      for (const topic of topics) await connected.addTargetTopic(topic)
      await connected.refreshMetadataIfNecessary()
      const asked = topics.map((topic) => ({
        topic,
        partitions: connected
          .findTopicPartitionMetadata(topic)
          .map(({ partitionId }) => ({ partition: partitionId, offset: "" }))
      }))
      const found: Array<Effect.Success<ReturnType<AdminPart["committedOfGroups"]>>[number]> = []
      const ask = async (groupId: string) => {
        const coordinator = await connected.findGroupCoordinator({ groupId })
        const { responses } = await coordinator.offsetFetch({ groupId, topics: asked })
        for (const { topic, partitions } of responses)
          for (const { partition, offset, metadata } of partitions as ReadonlyArray<WithMetadata>)
            found.push({
              groupId,
              topic,
              partition,
              offset: Number(offset) < 0 ? null : Number(offset),
              metadata: metadata ?? ""
            })
      }
      for (let first = 0; first < groupIds.length; first += groupsAtATime)
        await Promise.all(groupIds.slice(first, first + groupsAtATime).map(ask))
      return found
    }),
  commitOffsets: (groupId, offsets, metadata = "") =>
    withCluster(cluster, `commit the offsets of ${groupId}`, (connected) =>
      commitOffsets(connected, groupId, offsets, metadata)
    ),
  deleteRecords: (topic, offsets) =>
    use(`delete records of ${topic}`, async (admin) => {
      const partitions = offsets.map(({ partition, offset }) => ({ partition, offset: String(offset) }))
      // kafkajs does not look up the topic's leaders before it deletes; this makes it do so.
      await admin.fetchTopicOffsets(topic)
      if (partitions.length > 0) await admin.deleteTopicRecords({ topic, partitions })
    }),
  groups: use("list groups", async (admin) => {
    const { groups } = await admin.listGroups()
    const consumers = groups.filter(({ protocolType }) => protocolType === "consumer" || protocolType === "")
    if (consumers.length === 0) return []
    const described = await admin.describeGroups(consumers.map(({ groupId }) => groupId))
    return described.groups.map(({ groupId, members }) => ({
      groupId,
      members: members.length,
      processors: [
        ...new Set(members.flatMap(({ memberMetadata }) => processorsOf(kafkajs.AssignerProtocol, memberMetadata)))
      ]
    }))
  })
})

/** Generation -1 is how a tool commits for a group without members; the coordinator refuses if it has any. */
const commitOffsets = async (
  connected: Cluster,
  groupId: string,
  offsets: ReadonlyArray<TopicPartition & { readonly next: number }>,
  metadata: string
): Promise<void> => {
  const coordinator = await connected.findGroupCoordinator({ groupId })
  const topics = new Map<
    string,
    Array<{ readonly partition: number; readonly offset: string; readonly metadata: string }>
  >()
  for (const { topic, partition, next } of offsets) {
    const partitions = topics.get(topic) ?? []
    topics.set(topic, partitions)
    partitions.push({ partition, offset: String(next), metadata })
  }
  await coordinator.offsetCommit({
    groupId,
    groupGenerationId: -1,
    memberId: "",
    topics: [...topics].map(([topic, partitions]): TopicOffsets => ({ topic, partitions }))
  })
}

/** kafkajs reads it from the response, and its type leaves it out. */
type WithMetadata = PartitionOffset & { readonly metadata?: string | null }

/** Requests for offsets under way. */
const groupsAtATime = 16

// kafkajs' ConfigResourceTypes.TOPIC, an enum that exists at run time only in its CommonJS build.
const topicResource = 2

const numbered = ({ partition, offset }: { readonly partition: number; readonly offset: string }) => ({
  partition,
  offset: Number(offset)
})

const byPartition = (left: { readonly partition: number }, right: { readonly partition: number }) =>
  left.partition - right.partition

/**
 * Waits until every broker that can be reached knows new topics or partitions: at least so many partitions of each topic, and
 * their leaders. Each broker learns of them at another time.
 */
const untilKnownEverywhere = (
  access: ClusterAccess,
  topics: ReadonlyArray<string>,
  partitions = 1
): Effect.Effect<void, KafkaError> =>
  withCluster(access, "wait for the new topics", async (cluster) => {
    // Without metadata the brokers are not known.
    await cluster.refreshMetadata()
    for (const nodeId of cluster.getNodeIds()) {
      const known = await leadersKnown(cluster, String(nodeId), topics, partitions)
      if (!known) return Promise.reject(new TopicIsNew(`broker ${nodeId} does not know the new topics yet`))
    }
    // What a broker said before it knew would be kept for minutes.
    await cluster.refreshMetadata()
  })

/** A broker that is away does not count: it learns of the topics when it is back. */
const leadersKnown = async (
  cluster: Cluster,
  nodeId: string,
  topics: ReadonlyArray<string>,
  partitions: number
): Promise<boolean> =>
  cluster
    .findBroker({ nodeId })
    .then((broker: Broker) => broker.metadata([...topics]))
    .then(
      ({ topicMetadata }) =>
        topicMetadata.length === topics.length &&
        topicMetadata.every(
          ({ partitionMetadata }) =>
            partitionMetadata.length >= partitions && partitionMetadata.every(({ leader }) => leader >= 0)
        ),
      (error: unknown) => isConnectionLost(error)
    )

/** Has the type of a leader that is not elected yet, which is retriable. */
class TopicIsNew extends Error {
  readonly type = "LEADER_NOT_AVAILABLE"
}
