/** How V8 collects garbage in a program that turns over much more memory than it keeps. */
import { setFlagsFromString } from "node:v8"

/**
 * Lets the old generation grow by 60 % before it is collected whole. Near a small `--max-old-space-size` V8 else collects at each
 * few MiB more, on threads of its own too: a third of all processor time. And lets young garbage be collected by one thread:
 * what survives of 16 MiB is copied in a few ms, and helping threads cost more than they save (docs/performance.md).
 */
export const tuneHeap = (): void => {
  setFlagsFromString("--heap-growing-percent=60")
  setFlagsFromString("--no-parallel-scavenge")
}
