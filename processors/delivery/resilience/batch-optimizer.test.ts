import { assert, it } from "@effect/vitest"
import fc from "fast-check"
import { batchOptimizerDefaults, makeBatchOptimizer } from "./batch-optimizer.ts"

const optimizer = (sizeMax: number, sizeMin = 10) => makeBatchOptimizer({ ...batchOptimizerDefaults, sizeMin, sizeMax })

/** Sends full batches to a platform with this latency curve. */
const run = (subject: ReturnType<typeof optimizer>, batches: number, latency: (size: number) => number) => {
  for (let i = 0; i < batches; i++) {
    const size = subject.size()
    subject.record({ size, latencyMillis: latency(size), success: true })
  }
}
/** Cheap up to 300 events, then ever dearer: most events a second at about 300. */
const knee = (size: number) => 100 + size * 0.2 + Math.max(0, size - 300) ** 2 * 0.05

it("keeps full batches where latency hardly grows with the size", () => {
  const subject = optimizer(1000)
  run(subject, 200, (size) => 100 + size * 0.05)
  const result = subject.result()
  assert.strictEqual(result.original_size, 1000)
  assert.strictEqual(result.optimized_size, 1000)
  assert.strictEqual(result.estimated_throughput_improvement, 0)
})

it("finds the best size of a scripted latency curve and applies it", () => {
  const subject = optimizer(1000)
  run(subject, 300, knee)
  const result = subject.result()
  assert.isAtLeast(result.optimized_size, 250)
  assert.isAtMost(result.optimized_size, 400)
  assert.isAbove(result.estimated_throughput_improvement, 100)
  assert.include(result.recommendation, String(result.optimized_size))
  assert.strictEqual(subject.size(), result.optimized_size)
})

it("goes back to larger batches when the platform recovers", () => {
  const subject = optimizer(1000)
  run(subject, 300, knee)
  run(subject, 4000, () => 100)
  assert.strictEqual(subject.result().optimized_size, 1000)
})

it("prefers smaller batches where large ones fail", () => {
  const subject = optimizer(1000)
  for (let i = 0; i < 100; i++) {
    const size = subject.size()
    subject.record({ size, latencyMillis: 100, success: size <= 500 })
  }
  assert.isAtMost(subject.result().optimized_size, 500)
})

it("ignores batches that were not full", () => {
  const subject = optimizer(1000)
  for (let i = 0; i < 100; i++) subject.record({ size: 3, latencyMillis: 1, success: true })
  assert.strictEqual(subject.size(), 1000)
})

it("never leaves its limits", () =>
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 50 }),
      fc.integer({ min: 1, max: 3000 }),
      fc.array(fc.nat(5000)),
      (low, high, latencies) => {
        const subject = optimizer(Math.max(low, high), low)
        for (const latencyMillis of latencies) {
          const size = subject.size()
          assert.isAtLeast(size, low)
          assert.isAtMost(size, Math.max(low, high))
          subject.record({ size, latencyMillis, success: latencyMillis % 7 !== 0 })
        }
      }
    )
  ))
