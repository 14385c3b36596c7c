/** Whether the heap of the process is large enough for its connections: else garbage is collected all the time, and nothing says why. */
import { getHeapStatistics, setFlagsFromString } from "node:v8"
import * as Effect from "effect/Effect"

/**
 * Warns once where it is not. A heap that was made for hundreds of connections is used: it grows to three times what is alive before V8 looks at all of it, since
 * what waits in so many queues outlives young garbage (docs/performance.md).
 */
export const fitHeap = (connections: number): Effect.Effect<void> =>
  Effect.suspend(() => {
    const needed = heapNeeded(connections, getHeapStatistics().heap_size_limit / mebibyte)
    if (needed === null && heapNeeded(connections, imageMebibytes) !== null)
      setFlagsFromString("--heap-growing-percent=200")
    return needed === null
      ? Effect.void
      : Effect.logWarning(
          `The heap is small for ${connections} connections: most of the processor's time may go to garbage collection. ` +
            `Set NODE_OPTIONS="--max-old-space-size=${needed} --max-semi-space-size=16", and give the process 128 MiB more.`
        )
  })

/**
 * The heap that so many connections need, in MiB; null where it is there. 1,000 run well with 512 MiB and not with 192, 200 with 192
 * (docs/performance.md).
 *
 * @param limit of the heap, in MiB
 */
export const heapNeeded = (connections: number, limit: number): number | null => {
  const needed = baseMebibytes + connections * connectionMebibytes
  return needed <= limit ? null : Math.ceil(needed / 64) * 64
}

const baseMebibytes = 100
const connectionMebibytes = 0.4
/** The heap that the image allows (infra/images/Dockerfile). */
const imageMebibytes = 192
const mebibyte = 1_048_576
