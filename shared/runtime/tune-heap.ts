/** How V8 collects garbage in a process: of the programs, and of the command line. */
import process from "node:process"
import { setFlagsFromString } from "node:v8"
import { Script } from "node:vm"

/**
 * Sets how V8 collects garbage, for programs that allocate much and retain little. The old generation grows by 60 % before a full
 * collection: near a small `--max-old-space-size` V8 else collects after every few MiB, on helper threads too, which takes a
 * third of all processor time. One thread collects young garbage: what survives of 16 MiB is copied in a few ms, and
 * helper threads cost more than they save (docs/performance.md).
 *
 * After a full collection V8 collects again when little is allocated, to give memory back. Since version 13.1 it takes a program that
 * never made an object of its C++ heap for one that allocates much, and waits for 100 seconds: a script is such an object. A second time
 * is left out: it takes as long as the first and finds next to nothing.
 */
export const tuneHeap = (): void => {
  setFlagsFromString("--heap-growing-percent=60")
  setFlagsFromString("--no-parallel-scavenge")
  // V8 complains of a flag that it does not know, as that of Node 24.
  if (Number.parseInt(process.versions.v8, 10) >= 14) setFlagsFromString("--memory-reducer-gc-count=1")
  new Script("0")
}
