import { assert, it } from "@effect/vitest"
import { GroupMemory, sharedBytes } from "./partition-memory.ts"

it("gives four partitions what each has alone", () => {
  const group = new GroupMemory()
  const partitions = Array.from({ length: 4 }, () => group.open(1_000))
  for (const one of partitions) assert.strictEqual(one.bytesMax(1_500), 1_000)
})

it("gives one of many what it has alone, as long as all together have no more than four would", () => {
  const group = new GroupMemory()
  const [first, ...others] = Array.from({ length: 64 }, () => group.open(1_000))
  assert.strictEqual(first!.bytesMax(1_500), 1_000)
  for (const one of others) one.bytesMax(30)
  assert.strictEqual(first!.bytesMax(1_500), 1_000)
  for (const one of others) one.bytesMax(60)
  assert.strictEqual(first!.bytesMax(1_500), 62.5)
  for (const one of others) one.bytesMax(0)
  assert.strictEqual(first!.bytesMax(1_500), 1_000)
})

it("counts closed partitions no more", () => {
  const group = new GroupMemory()
  const partitions = Array.from({ length: 8 }, () => group.open(1_000))
  for (const one of partitions) one.bytesMax(600)
  assert.strictEqual(partitions[0]!.bytesMax(600), 500)
  for (const one of partitions.slice(6)) {
    one.close()
    one.close()
    one.bytesMax(600)
  }
  assert.strictEqual(partitions[0]!.bytesMax(600), 1_000)
  assert.strictEqual(partitions[0]!.bytesMax(1_500), 4_000 / 6)
})

it("gives many processors of a partition more, but never a share that a thousand could not have", () => {
  assert.deepStrictEqual(
    [0, 50, 200, 600, 1_000, 5_000].map((processors) => sharedBytes(1_000, processors)),
    [1_000, 2_000, 4_000, 6_000, 8_000, 8_000]
  )
})
