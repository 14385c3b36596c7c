/** Whether the heap of the process is large enough for its connections: else garbage is collected all the time, and nothing says why. */
import { getHeapStatistics, setFlagsFromString } from "node:v8"
import * as Effect from "effect/Effect"

/**
 * Warns once where it is not. A heap that was made for hundreds of connections is used: it grows to three times what is alive before V8 looks at all of it, since
 * what waits in so many queues outlives young garbage (docs/performance.md).
 *
 * @param partitions of all topics that the program reads; where several instances share them, each needs less
 */
export const fitHeap = (connections: number, partitions: number): Effect.Effect<void> =>
  Effect.suspend(() => {
    const needed = heapNeeded(connections, partitions, getHeapStatistics().heap_size_limit / mebibyte)
    if (needed === null && heapNeeded(connections, partitions, imageMebibytes) !== null)
      setFlagsFromString("--heap-growing-percent=200")
    return needed === null
      ? Effect.void
      : Effect.logWarning(
          `The heap is small for ${connections} connections and all ${partitions} partitions: most of the processor's time may go to garbage collection. ` +
            `Set NODE_OPTIONS="--max-old-space-size=${needed} --max-semi-space-size=16", and give the process ${outsideHeap(partitions)} MiB more, ` +
            "or let several instances share the partitions."
        )
  })

/**
 * The heap that so many connections need, in MiB; null where it is there. With four partitions of a platform and as many to retry 1,000 run well with 512 MiB and not with 192, 200 with
 * 192; with 64 of each 200 run well with 320 and not with 192 (docs/performance.md).
 *
 * @param limit of the heap, in MiB
 */
export const heapNeeded = (connections: number, partitions: number, limit: number): number | null => {
  const needed = baseMebibytes + connections * (connectionMebibytes + partitions * queueMebibytes)
  return needed <= limit ? null : Math.ceil(needed / 64) * 64
}

/** What fetches, requests and waiting records need beside the heap, in MiB. */
const outsideHeap = (partitions: number): number => Math.round((112 + 1.5 * partitions) / 64) * 64

const baseMebibytes = 100
const connectionMebibytes = 0.35
/** Of a connection in a partition. */
const queueMebibytes = 0.006
/** The heap that the image allows (infra/images/Dockerfile). */
const imageMebibytes = 192
const mebibyte = 1_048_576
