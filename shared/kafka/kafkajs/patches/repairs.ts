/** Repairs in the class of kafkajs's clusters, made once for the process: kafkajs has no seam for them. */
import type { Kafka } from "kafkajs"
import { captureCluster } from "../cluster.ts"
import { findCoordinator, markLeft, type RepairedCluster, wasLeft } from "./coordinators.ts"

export const repairClusters = (kafka: Kafka): void => {
  const prototype = Object.getPrototypeOf(captureCluster(kafka)) as RepairedCluster
  if (repaired.has(prototype)) return
  repaired.add(prototype)
  const {
    connect,
    disconnect,
    fetchTopicsOffset,
    findBroker,
    refreshMetadata,
    refreshMetadataIfNecessary,
    removeBroker
  } = prototype
  prototype.findGroupCoordinator = async function (request) {
    return findCoordinator(this, request)
  }
  // What is still being repeated when its cluster is disconnected would connect it again, and nobody would close it.
  prototype.connect = async function () {
    if (wasLeft(this)) return Promise.reject(new ClosedByOwner("the connection was closed by its owner"))
    return connect.call(this).catch(unwrapped)
  }
  prototype.findBroker = async function (node) {
    return findBroker.call(this, node).catch(unwrapped)
  }
  prototype.refreshMetadata = async function () {
    return refreshMetadata.call(this).catch(unwrapped)
  }
  prototype.refreshMetadataIfNecessary = async function () {
    return refreshMetadataIfNecessary.call(this).catch(unwrapped)
  }
  prototype.disconnect = async function () {
    markLeft(this)
    return disconnect.call(this)
  }
  // A topic's end is that of its log. kafkajs's is before the first record of any open transaction: whoever restores state up
  // to there would miss what its own transactions have committed behind another one that is open.
  prototype.fetchTopicsOffset = async function (topics) {
    this.isolationLevel ??= readUncommitted
    return fetchTopicsOffset.call(this, topics)
  }
  // A group member gives up for good when its only broker, which is just being restarted, is taken away.
  prototype.removeBroker = function (address) {
    if (this.getNodeIds().length > 1) removeBroker.call(this, address)
  }
}

const readUncommitted = 0

class ClosedByOwner extends Error {
  override readonly name = "ClosedByOwner"
}

/** Retries used up below count as final above, though the trouble passes: a member would give up its group at once. */
const unwrapped = (error: Error): Promise<never> =>
  Promise.reject(error.name === "KafkaJSNumberOfRetriesExceeded" && error.cause !== undefined ? error.cause : error)

const repaired = new WeakSet<RepairedCluster>()
