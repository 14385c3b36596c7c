/**
 * kafkajs asks for the coordinator before every request of a transaction, which is 4 of its 9 round trips. This remembers the
 * answers of a transactional producer's own connection. They can't go stale unnoticed: a coordinator that moved refuses,
 * the producer counts as broken, and its successor has a connection and a memory of its own.
 */
import type { Cluster, CoordinatorMetadata, Kafka } from "kafkajs"
import { captureCluster } from "./kafkajs-cluster.ts"

export const rememberCoordinators = (kafka: Kafka): void => {
  const prototype = Object.getPrototypeOf(captureCluster(kafka)) as CoordinatorFinder
  if (patched.has(prototype)) return
  patched.add(prototype)
  const find = prototype.findGroupCoordinatorMetadata
  prototype.findGroupCoordinatorMetadata = async function (request) {
    let known = memories.get(this)
    if (known === undefined) {
      // Only a transactional producer asks for this kind; a group member must never see an old answer.
      if (request.coordinatorType !== transactionCoordinator) return find.call(this, request)
      known = new Map()
      memories.set(this, known)
    }
    const name = `${request.coordinatorType} ${request.groupId}`
    const remembered = known.get(name)
    if (remembered !== undefined) return remembered
    const found = await find.call(this, request)
    known.set(name, found)
    return found
  }
}

interface CoordinatorFinder {
  findGroupCoordinatorMetadata: (
    this: CoordinatorFinder,
    request: Parameters<Cluster["findGroupCoordinatorMetadata"]>[0] & { readonly coordinatorType?: number }
  ) => Promise<CoordinatorMetadata>
}

const transactionCoordinator = 1
const patched = new WeakSet<CoordinatorFinder>()
const memories = new WeakMap<CoordinatorFinder, Map<string, CoordinatorMetadata>>()
