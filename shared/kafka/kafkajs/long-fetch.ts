/**
 * Fetches that wait for seconds where nothing comes. The broker answers with records as soon as there are some, so a long wait costs no
 * latency; but it answers the requests of a connection in order, so whoever cannot wait for a fetch closes its connection.
 */
import type { Cluster } from "kafkajs"

/** How long such a fetch waits; well below the time after which a connection without traffic is closed somewhere between. */
export const longFetchMillis = 20_000

/**
 * How often a member sends heartbeats meanwhile. A rebalance that other members wait for is found out within Kafka's default. A member that
 * is alone in its group has all partitions, so none of them waits while another member comes: then it is a third of the session
 * timeout, the longest that Kafka recommends. While records come heartbeats follow fetches, and find out a rebalance sooner.
 */
export const idleBeatMillis = (sessionTimeoutMillis: number, isAlone: boolean): number =>
  isAlone ? sessionTimeoutMillis / 3 : Math.min(beatMillisMax, sessionTimeoutMillis / 10)

const beatMillisMax = 3_000

/** A fetch was given up by its own client. */
export class FetchAbandoned extends Error {
  override readonly name = "FetchAbandoned"
  constructor() {
    super("the fetch was given up")
  }
}

interface FetchConnection {
  readonly socket?: { readonly destroy: () => unknown }
  readonly requestQueue: { readonly inflight: ReadonlyMap<number, unknown> }
  readonly rejectRequests: (error: Error) => void
  readonly disconnect: () => Promise<unknown>
}

/** kafkajs's type lacks the brokers of a cluster and their connections: the first for all requests but fetches, the second for those. */
type ConnectedCluster = Pick<Cluster, never> & {
  readonly brokerPool?: {
    readonly brokers: Readonly<
      Record<string, { readonly connectionPool: { readonly pool: ReadonlyArray<FetchConnection> } }>
    >
  }
}

/** Fetches of this cluster that wait for a response fail with `FetchAbandoned`; the next one connects again. */
export const abandonFetches = async (cluster: ConnectedCluster): Promise<void> => {
  const brokers = Object.values(cluster.brokerPool?.brokers ?? {})
  await Promise.all(
    brokers.map(async ({ connectionPool }) => {
      const fetching = connectionPool.pool[1]
      if (fetching === undefined || fetching.requestQueue.inflight.size === 0) return
      // Destroyed first: the end of a socket that ends in order would close the one that follows it.
      fetching.socket?.destroy()
      fetching.rejectRequests(new FetchAbandoned())
      await fetching.disconnect()
    })
  )
}

type Batches = ReadonlyArray<{ readonly rawMessages: ReadonlyArray<unknown> }>

/** When a group member's fetches wait long, and how such ones end early. */
export class LongFetches {
  private readonly cluster: ConnectedCluster
  private readonly shortMillis: number
  /** Fetches in a row that found nothing. */
  private empty = 0
  private readonly ends = new Set<(end: { readonly error: unknown }) => void>()

  /** @param shortMillis how long fetches wait while records come */
  constructor(cluster: ConnectedCluster, shortMillis: number) {
    this.cluster = cluster
    this.shortMillis = shortMillis
  }

  /** How long the next fetch waits. */
  get waitMillis(): number {
    return this.isDue ? Math.max(this.shortMillis, longFetchMillis) : this.shortMillis
  }

  /** Nothing has come for a while. */
  get isDue(): boolean {
    return this.empty >= emptyMin
  }

  /** What a fetch found. */
  count(batches: Batches): void {
    this.empty = batches.every(({ rawMessages }) => rawMessages.length === 0) ? this.empty + 1 : 0
  }

  /** Waits for a long fetch, and calls `heartbeat` meanwhile. */
  async run<A>(fetching: Promise<A>, beatMillis: number, heartbeat: () => void): Promise<A> {
    const beats = setInterval(heartbeat, beatMillis)
    const { promise: ended, resolve } = Promise.withResolvers<{ readonly error: unknown }>()
    this.ends.add(resolve)
    const settled = fetching.then(isOver, isOver)
    const end = await Promise.race([settled, ended])
    clearInterval(beats)
    this.ends.delete(resolve)
    if (end === null) return fetching
    // It may be about to be sent, so it is looked for until it is over.
    while ((await Promise.race([settled, later(lookMillis)])) !== null) await abandonFetches(this.cluster)
    return end.error === undefined ? fetching : Promise.reject(end.error)
  }

  /** All that are under way end now, with an error they fail; those to come wait as usual until nothing has come for a while again. */
  end(error?: unknown): void {
    this.empty = 0
    for (const end of this.ends) end({ error })
  }
}

const emptyMin = 25
const lookMillis = 2
const isOver = () => null
const later = (millis: number): Promise<true> => new Promise((resolve) => setTimeout(resolve, millis, true))
