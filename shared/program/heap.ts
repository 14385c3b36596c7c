/** How V8 collects garbage in a program that turns over much more memory than it keeps. */
import { setFlagsFromString } from "node:v8"

/**
 * Lets the old generation double before it is collected whole. Near a small `--max-old-space-size` V8 else collects at each
 * few MiB more, on threads of its own too: a third of all processor time (docs/performance.md).
 */
export const tuneHeap = (): void => setFlagsFromString("--heap-growing-percent=100")
