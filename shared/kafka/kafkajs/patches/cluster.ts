/**
 * Makes kafkajs's connection to a cluster dependable: requests to coordinators are retried, errors stay retriable, a closed
 * cluster stays closed, and an only broker is kept while it restarts.
 */
import type { Broker, Cluster, CoordinatorMetadata } from "kafkajs"
import { isMisdirected, isRetriable, retryBudgetMillis } from "../errors.ts"
import { noTopics } from "./protocol.ts"

type FindCoordinator = Parameters<Cluster["findGroupCoordinator"]>[0] & { readonly coordinatorType?: number }

interface PatchedCluster extends Omit<Cluster, "findGroupCoordinator" | "findGroupCoordinatorMetadata"> {
  /** Which end of a topic is meant: of its log, or of its committed records. kafkajs leaves it undefined for its admin client. */
  isolationLevel?: number
  findGroupCoordinator: (this: PatchedCluster, request: FindCoordinator) => Promise<Broker>
  findGroupCoordinatorMetadata: (
    this: PatchedCluster,
    request: Required<Pick<FindCoordinator, "groupId" | "coordinatorType">>
  ) => Promise<CoordinatorMetadata>
}

interface ClusterClass {
  readonly prototype: PatchedCluster
}

/** Without this, a retry that is still running would connect a closed cluster again, and leave it connected. */
export const stayClosed = (cluster: ClusterClass) => {
  const { connect, disconnect } = cluster.prototype
  cluster.prototype.connect = async function () {
    if (closed.has(this)) return Promise.reject(new ClosedByOwner("the connection was closed by its owner"))
    return connect.call(this)
  }
  cluster.prototype.disconnect = async function () {
    closed.add(this)
    return disconnect.call(this)
  }
  return cluster
}

/** Clusters that their owner has disconnected. */
const closed = new WeakSet<PatchedCluster>()

class ClosedByOwner extends Error {
  override readonly name = "ClosedByOwner"
}

/**
 * When its retries are used up, kafkajs wraps the error in one that its own callers do not retry, though the cause is transient:
 * a member would leave its group at once.
 */
export const keepErrorsRetriable = (cluster: ClusterClass) => {
  const { connect, findBroker, refreshMetadata, refreshMetadataIfNecessary } = cluster.prototype
  cluster.prototype.connect = async function () {
    return connect.call(this).catch(unwrapped)
  }
  cluster.prototype.findBroker = async function (node) {
    return findBroker.call(this, node).catch(unwrapped)
  }
  cluster.prototype.refreshMetadata = async function () {
    return refreshMetadata.call(this).catch(unwrapped)
  }
  cluster.prototype.refreshMetadataIfNecessary = async function () {
    return refreshMetadataIfNecessary.call(this).catch(unwrapped)
  }
  return cluster
}

const unwrapped = (error: Error): Promise<never> =>
  Promise.reject(error.name === "KafkaJSNumberOfRetriesExceeded" && error.cause !== undefined ? error.cause : error)

/**
 * kafkajs's admin client gives the last stable offset as a topic's end, which is before the first record of any open
 * transaction. State that is restored up to there would miss what is committed after it.
 */
export const readEndOfLog = (cluster: ClusterClass) => {
  const { fetchTopicsOffset } = cluster.prototype
  cluster.prototype.fetchTopicsOffset = async function (topics) {
    this.isolationLevel ??= readUncommitted
    return fetchTopicsOffset.call(this, topics)
  }
  return cluster
}

const readUncommitted = 0

interface BrokerPoolClass {
  readonly prototype: { refreshMetadata: (topics: ReadonlyArray<string>) => Promise<unknown> }
}

/**
 * kafkajs loads and keeps the metadata of all topics of the cluster for a client that names none, as a producer before its first record: each partition's
 * transactional producer has those of all partitions that there are.
 */
export const loadOnlyTargetTopics = (pool: BrokerPoolClass) => {
  const { refreshMetadata } = pool.prototype
  pool.prototype.refreshMetadata = async function (topics) {
    return refreshMetadata.call(this, topics.length === 0 ? noTopics : topics)
  }
  return pool
}

/** A group member gives up when its only broker is removed, which is just being restarted. */
export const keepOnlyBroker = (cluster: ClusterClass) => {
  const { removeBroker } = cluster.prototype
  cluster.prototype.removeBroker = function (address) {
    if (this.getNodeIds().length > 1) removeBroker.call(this, address)
  }
  return cluster
}

/**
 * kafkajs gives up at once if a coordinator moves, loads its log or is busy with the previous transaction, and a commit that it
 * gave up cannot be repeated through its interface. Here every such request is repeated at the current coordinator until it
 * succeeds, fails for good, or the retry budget is used up. All of them are safe to repeat: the broker recognizes a repetition
 * by the producer's epoch or the group's generation.
 *
 * The coordinators of a transactional producer are cached: kafkajs looks them up before every request, which is 4 of the 9
 * round trips of a transaction. A cached one is dropped when it refuses or cannot be reached.
 */
export const retryAtCoordinator = (cluster: ClusterClass) => {
  cluster.prototype.findGroupCoordinator = async function (request) {
    const coordinator = cachedOf(this, request) ?? new Coordinator(this, request)
    await coordinator.retried((broker) => Promise.resolve(broker))
    return coordinator.asBroker()
  }
  return cluster
}

/** Runs requests that kafkajs lacks at the coordinator of a transactional producer or of its group, and repeats them like its own. */
export const atCoordinator = <A>(
  cluster: Cluster,
  request: FindCoordinator,
  run: (broker: Broker) => Promise<A>
): Promise<A> => {
  const patched = cluster as unknown as PatchedCluster
  return (cachedOf(patched, request) ?? new Coordinator(patched, request)).retried(run)
}

/**
 * kafkajs says of a coordinator that the authorizer refuses only that it was not found, which is retried for half a minute and named
 * nowhere. The refusal is asked for again, and reported.
 */
export const reportRefusedCoordinator = (cluster: ClusterClass) => {
  const { findGroupCoordinatorMetadata } = cluster.prototype
  cluster.prototype.findGroupCoordinatorMetadata = async function (request) {
    return findGroupCoordinatorMetadata.call(this, request).catch(async (error: unknown) => {
      const refusal = await this.findBroker({ nodeId: String(this.getNodeIds()[0]) })
        .then((broker) => (broker as AskedBroker).findGroupCoordinator(request))
        .then(
          () => null,
          (cause: { readonly type?: string }) => (cause.type?.endsWith("AUTHORIZATION_FAILED") === true ? cause : null)
        )
      return Promise.reject(refusal ?? error)
    })
  }
  return cluster
}

/** kafkajs's type lacks the request. */
type AskedBroker = Broker & {
  readonly findGroupCoordinator: (request: Pick<FindCoordinator, "groupId" | "coordinatorType">) => Promise<unknown>
}

export const groupCoordinator = 0
export const transactionCoordinator = 1

const caches = new WeakMap<PatchedCluster, Map<string, Coordinator>>()

/** Only a transactional producer looks up a transaction's coordinator; a group member must never get an outdated one. */
const cachedOf = (cluster: PatchedCluster, request: FindCoordinator): Coordinator | null => {
  let cache = caches.get(cluster)
  if (cache === undefined) {
    if (request.coordinatorType !== transactionCoordinator) return null
    cache = new Map()
    caches.set(cluster, cache)
  }
  const name = `${request.coordinatorType ?? groupCoordinator} ${request.groupId}`
  let coordinator = cache.get(name)
  if (coordinator === undefined) {
    coordinator = new Coordinator(cluster, request)
    cache.set(name, coordinator)
  }
  return coordinator
}

/** The requests that are retried. Leaving a group is not: the broker notices by itself. */
const retriedRequests: ReadonlySet<PropertyKey> = new Set([
  "initProducerId",
  "addPartitionsToTxn",
  "addOffsetsToTxn",
  "txnOffsetCommit",
  "endTxn",
  "joinGroup",
  "syncGroup",
  "heartbeat",
  "offsetFetch",
  "offsetCommit"
])

/** Whichever broker is the coordinator of a group or transactional id at the time of a request. */
class Coordinator {
  private readonly cluster: PatchedCluster
  private readonly request: Required<Pick<FindCoordinator, "groupId" | "coordinatorType">>
  private nodeId: number | null = null
  private broker: Broker | null = null

  constructor(cluster: PatchedCluster, { groupId, coordinatorType = groupCoordinator }: FindCoordinator) {
    this.cluster = cluster
    this.request = { groupId, coordinatorType }
  }

  /** As a broker of kafkajs whose requests are retried. */
  asBroker(): Broker {
    return new Proxy(this.broker!, {
      get: (_, name) => {
        const member: unknown = Reflect.get(this.broker!, name)
        if (typeof member !== "function") return member
        if (!retriedRequests.has(name)) return member.bind(this.broker!)
        return (...parameters: ReadonlyArray<unknown>) =>
          this.retried((broker) => Reflect.apply(Reflect.get(broker, name) as AnyRequest, broker, parameters))
      }
    })
  }

  async retried<A>(run: (broker: Broker) => Promise<A>): Promise<A> {
    const begun = performance.now()
    for (let waitMillis = firstWaitMillis; ; waitMillis = Math.min(2 * waitMillis, lastWaitMillis)) {
      const outcome = await this.find()
        .then(run)
        .then(
          (value) => ({ value }),
          (error: unknown) => ({ error })
        )
      if ("value" in outcome) return outcome.value
      const { error } = outcome
      const waitedMillis = performance.now() - begun
      const isOver = closed.has(this.cluster) || waitedMillis > retryBudgetMillis
      if (isOver || !isRetriable(error, waitedMillis)) return Promise.reject(error)
      if (isMisdirected(error)) await this.forget()
      await new Promise((resolve) => setTimeout(resolve, waitMillis))
    }
  }

  private async find(): Promise<Broker> {
    if (this.nodeId === null) {
      const { coordinator } = await this.cluster.findGroupCoordinatorMetadata(this.request)
      this.nodeId = coordinator.nodeId
    }
    // Connects again if the connection was lost meanwhile.
    this.broker = await this.cluster.findBroker({ nodeId: String(this.nodeId) })
    return this.broker
  }

  /** Asks all brokers for their addresses too: the old coordinator may have left the cluster. */
  private async forget(): Promise<void> {
    this.nodeId = null
    if (closed.has(this.cluster)) return
    const refreshed = this.cluster.isConnected() ? Promise.resolve() : this.cluster.connect()
    await refreshed.then(() => this.cluster.refreshMetadata()).catch(() => undefined)
  }
}

type AnyRequest = (...parameters: ReadonlyArray<unknown>) => Promise<never>

/** The coordinator completes the previous transaction within milliseconds, so the first retries come at once. */
const firstWaitMillis = 4
const lastWaitMillis = 1_000
