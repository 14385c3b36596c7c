import process from "node:process"
import { assert, it } from "@effect/vitest"
import { spawnGuarded } from "../../infra/local/guarded-spawn.mjs"
import { heapNeeded } from "./heap-size.ts"

it("says which heap hundreds of connections need where there is less", () => {
  assert.isNull(heapNeeded(1, 8, 192))
  assert.isNull(heapNeeded(200, 8, 192))
  assert.strictEqual(heapNeeded(1_000, 8, 240), 512)
  assert.isNull(heapNeeded(1_000, 8, 512))
})

it("says that they need more where the partitions are many", () => {
  assert.isNull(heapNeeded(1, 128, 192))
  assert.strictEqual(heapNeeded(200, 128, 192), 384)
  assert.isNull(heapNeeded(200, 128, 384))
})

/** Whole collections while 60 MiB come to 40 that stay, in a heap with as many connections. */
const wholeCollections = async (connections: number, heapMebibytes: number): Promise<number> => {
  const script = `
    import { constants, PerformanceObserver } from "node:perf_hooks"
    import { setImmediate } from "node:timers/promises"
    import * as Effect from "effect/Effect"
    import { fitHeap } from ${JSON.stringify(new URL("heap-size.ts", import.meta.url).href)}
    import { tuneHeap } from ${JSON.stringify(new URL("../../shared/runtime/tune-heap.ts", import.meta.url).href)}
    tuneHeap()
    Effect.runSync(fitHeap(${connections}, 8))
    const kept = []
    const keep = async (mebibytes) => {
      for (let added = 0; added < mebibytes; added++) {
        for (let one = 0; one < 1_024; one++) kept.push(new Array(126).fill(kept.length))
        await setImmediate()
      }
    }
    await keep(40)
    globalThis.gc()
    let whole = 0
    new PerformanceObserver((list) => {
      for (const { detail } of list.getEntries()) if (detail.kind === constants.NODE_PERFORMANCE_GC_MAJOR) whole++
    }).observe({ entryTypes: ["gc"] })
    await keep(60)
    await setImmediate()
    console.log(whole)
    process.exit(0)
  `
  const child = spawnGuarded(process.execPath, [
    ...["--expose-gc", `--max-old-space-size=${heapMebibytes}`, "--max-semi-space-size=16"],
    ...["--input-type=module", "--eval", script]
  ])
  let printed = ""
  for await (const text of child.stdout) printed += String(text)
  return Number(printed)
}

it("lets a heap that was made for a thousand connections grow, and no other", async () => {
  assert.strictEqual(await wholeCollections(1_000, 512), 0)
  assert.isAtLeast(await wholeCollections(100, 512), 1)
})
