import { execFile } from "node:child_process"
import process from "node:process"
import { promisify } from "node:util"
import { assert, it } from "@effect/vitest"

const program = new URL("program.ts", import.meta.url).href

/** Collects all garbage at its start, as V8 does in any program that starts, and lives until V8 has collected again. */
const script = `
import { tuneHeap } from ${JSON.stringify(program)}
import { PerformanceObserver, constants } from "node:perf_hooks"
tuneHeap()
globalThis.gc()
const collected = new PerformanceObserver((list) => {
  if (list.getEntries().some(({ detail }) => detail.kind === constants.NODE_PERFORMANCE_GC_MAJOR && !(detail.flags & constants.NODE_PERFORMANCE_GC_FLAGS_FORCED))) setTimeout(() => process.exit(0), 2_000)
})
collected.observe({ entryTypes: ["gc"] })
setTimeout(() => process.exit(1), 25_000)
`

// Red without its script, by which V8 sees that little is allocated: then it waits for 100 s. With V8's own number it collects twice.
it("lets V8 collect the garbage of a start soon, and once", { timeout: 30_000 }, async () => {
  const { stdout } = await promisify(execFile)(process.execPath, [
    "--expose-gc",
    "--trace-memory-reducer",
    "--gc-memory-reducer-start-delay-ms=300",
    "--memory-reducer-delay-ms=300",
    "--input-type=module",
    "--eval",
    script
  ])
  assert.match(stdout, /low alloc.*\n.*started GC #1/)
  assert.match(stdout, /finished GC #1 \(done\)/)
  assert.notInclude(stdout, "GC #2")
})
