import process from "node:process"
import { assert, it } from "@effect/vitest"
import { spawnGuarded } from "../../infra/local/guarded-spawn.mjs"

const program = new URL("tune-heap.ts", import.meta.url).href

/** Collects all garbage at its start, as V8 does in any program that starts, and then has nothing to do. */
const script = `
import { tuneHeap } from ${JSON.stringify(program)}
tuneHeap()
globalThis.gc()
setTimeout(() => process.exit(1), 25_000)
`

const options = [
  "--expose-gc",
  "--trace-memory-reducer",
  "--gc-memory-reducer-start-delay-ms=300",
  "--memory-reducer-delay-ms=300"
]

// Red without its script, by which V8 sees that little is allocated: then it waits for 100 s. By default it collects twice: "will do more".
it("lets V8 collect the garbage of a start soon, and once", async () => {
  const child = spawnGuarded(process.execPath, [...options, "--input-type=module", "--eval", script])
  try {
    let traced = ""
    for await (const text of child.stdout) {
      traced += String(text)
      if (/finished GC #1 .*\n/.test(traced)) break
    }
    assert.match(traced, /low alloc.*\n.*started GC #1/)
    assert.match(traced, /finished GC #1 \(done\)/)
  } finally {
    child.kill("SIGKILL")
  }
})
