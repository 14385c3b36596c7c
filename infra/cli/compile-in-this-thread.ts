/**
 * Leaves out the compilers of V8 that work on other threads and allocate there. At `process.exit` Node waits for such a thread, and where that
 * needs a garbage collection just then it waits for this one: the process never ends (in Node.js 24 to 26, nodejs/node#54918), though
 * its result is printed. What is hot is compiled by the third compiler all the same. To be imported first.
 */
import process from "node:process"
import { setFlagsFromString } from "node:v8"

// Processors run for days, and need all of V8.
if (!process.argv.includes("run")) {
  setFlagsFromString("--no-concurrent-sparkplug")
  setFlagsFromString("--no-maglev")
}
