/**
 * Makes kafkajs's requests to coordinators dependable. kafkajs gives up at once when a coordinator moves, loads its log or is
 * busy with the transaction before, and a commit that it gave up can't be repeated through its interface. Here every such
 * request is repeated, at the coordinator of the moment, until it succeeds, is refused for good, or patience is over.
 * They are all safe to repeat: the broker knows a repetition by the producer's epoch or the group's generation.
 *
 * It also remembers the coordinators of a transactional producer: kafkajs asks for them before every request, which is 4 of
 * a transaction's 9 round trips. A remembered one is forgotten when it refuses or can't be reached.
 */
import type { Broker, Cluster, CoordinatorMetadata } from "kafkajs"
import { isMisdirected, isRetriable, retryBudgetMillis } from "../errors.ts"

/** The coordinator that the request asks for, as a broker whose requests are repeated. */
export const findCoordinator = async (cluster: RepairedCluster, request: FindCoordinator): Promise<Broker> => {
  const coordinator = rememberedOf(cluster, request) ?? new Coordinator(cluster, request)
  await coordinator.persist((broker) => Promise.resolve(broker))
  return coordinator.asBroker()
}

export type FindCoordinator = Parameters<Cluster["findGroupCoordinator"]>[0] & { readonly coordinatorType?: number }

export type RepairedCluster = Omit<Cluster, "findGroupCoordinator" | "findGroupCoordinatorMetadata"> & {
  /** Which end of a topic is meant: that of the log, or that of the committed records; kafkajs leaves it open for its admin. */
  isolationLevel?: number
  findGroupCoordinator: (this: RepairedCluster, request: FindCoordinator) => Promise<Broker>
  findGroupCoordinatorMetadata: (
    request: Required<Pick<FindCoordinator, "groupId" | "coordinatorType">>
  ) => Promise<CoordinatorMetadata>
}

const memories = new WeakMap<RepairedCluster, Map<string, Coordinator>>()
const groupCoordinator = 0
const transactionCoordinator = 1

/** Only a transactional producer asks for a transaction's coordinator; a group member must never get an old answer. */
const rememberedOf = (cluster: RepairedCluster, request: FindCoordinator): Coordinator | null => {
  let memory = memories.get(cluster)
  if (memory === undefined) {
    if (request.coordinatorType !== transactionCoordinator) return null
    memory = new Map()
    memories.set(cluster, memory)
  }
  const name = `${request.coordinatorType ?? groupCoordinator} ${request.groupId}`
  let coordinator = memory.get(name)
  if (coordinator === undefined) {
    coordinator = new Coordinator(cluster, request)
    memory.set(name, coordinator)
  }
  return coordinator
}

/** The requests that are repeated. Leaving a group is not: the broker finds out by itself. */
const repeated: ReadonlySet<PropertyKey> = new Set([
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

/** Clusters that their owner has disconnected for good. */
const left = new WeakSet<RepairedCluster>()
export const markLeft = (cluster: RepairedCluster): void => void left.add(cluster)
export const wasLeft = (cluster: RepairedCluster): boolean => left.has(cluster)

/** Whichever broker is the coordinator of a group or transactional id at the moment. */
class Coordinator {
  private readonly cluster: RepairedCluster
  private readonly request: Required<Pick<FindCoordinator, "groupId" | "coordinatorType">>
  private nodeId: number | null = null
  private broker: Broker | null = null

  constructor(cluster: RepairedCluster, { groupId, coordinatorType = groupCoordinator }: FindCoordinator) {
    this.cluster = cluster
    this.request = { groupId, coordinatorType }
  }

  asBroker(): Broker {
    return new Proxy(this.broker!, {
      get: (_, name) => {
        const member: unknown = Reflect.get(this.broker!, name)
        if (typeof member !== "function") return member
        if (!repeated.has(name)) return member.bind(this.broker!)
        return (...parameters: ReadonlyArray<unknown>) =>
          this.persist((broker) => Reflect.apply(Reflect.get(broker, name) as AnyRequest, broker, parameters))
      }
    })
  }

  async persist<A>(run: (broker: Broker) => Promise<A>): Promise<A> {
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
      if (wasLeft(this.cluster) || waitedMillis > retryBudgetMillis || !isRetriable(error, waitedMillis)) {
        return Promise.reject(error)
      }
      if (isMisdirected(error)) await this.forget()
      await new Promise((resolve) => setTimeout(resolve, waitMillis))
    }
  }

  private async find(): Promise<Broker> {
    if (this.nodeId === null) {
      const { coordinator } = await this.cluster.findGroupCoordinatorMetadata(this.request)
      this.nodeId = coordinator.nodeId
    }
    // Connects anew if the connection was lost meanwhile.
    this.broker = await this.cluster.findBroker({ nodeId: String(this.nodeId) })
    return this.broker
  }

  /** Asks all brokers for their addresses too: the old coordinator may be gone from the cluster. */
  private async forget(): Promise<void> {
    this.nodeId = null
    if (wasLeft(this.cluster)) return
    const refreshed = this.cluster.isConnected() ? Promise.resolve() : this.cluster.connect()
    await refreshed.then(() => this.cluster.refreshMetadata()).catch(() => undefined)
  }
}

type AnyRequest = (...parameters: ReadonlyArray<unknown>) => Promise<never>

/** The coordinator finishes the transaction before within milliseconds, so the first repetitions come at once. */
const firstWaitMillis = 4
const lastWaitMillis = 1_000
