import { assert, it } from "@effect/vitest"
import { BatchSizes } from "./batch-sizes.ts"

const make = () =>
  new BatchSizes({ writtenBytesMax: 1_000, recordBytesMax: 4_000, compressedTopics: (topic) => topic === "t" })

it("begins with what fits without compression", () => {
  assert.strictEqual(make().recordBytesMax("t"), 1_000)
})

it("allows as much as is expected to fit, up to what readers may have in memory", () => {
  const sizes = make()
  for (let times = 0; times < 40; times++) sizes.note("t", 1_000, 350)
  assert.closeTo(sizes.recordBytesMax("t"), 2_000, 5)
  for (let times = 0; times < 40; times++) sizes.note("t", 1_000, 10)
  assert.strictEqual(sizes.recordBytesMax("t"), 4_000)
  assert.strictEqual(sizes.recordBytesMax("u"), 1_000)
})

it("heeds one batch that compresses less at once, and smaller batches not at all", () => {
  const sizes = make()
  for (let times = 0; times < 40; times++) sizes.note("t", 1_000, 100)
  sizes.note("t", 200, 200)
  assert.strictEqual(sizes.recordBytesMax("t"), 4_000)
  sizes.note("t", 1_000, 500)
  assert.strictEqual(sizes.recordBytesMax("t"), 1_400)
})

it("halves what the broker refuses until it takes it, but for what the limit before compression was", () => {
  const sizes = make()
  for (let times = 0; times < 40; times++) sizes.note("t", 1_000, 100)
  sizes.refused("t", 3_900)
  assert.strictEqual(sizes.recordBytesMax("t"), 1_000)
  sizes.refused("t", 900)
  assert.strictEqual(sizes.recordBytesMax("t"), 450)
  for (let times = 0; times < 40; times++) sizes.note("t", 450, 45)
  assert.strictEqual(sizes.recordBytesMax("t"), 450)
  assert.strictEqual(sizes.recordBytesMax("u"), 1_000)
})
