import { assert, it } from "@effect/vitest"
import { GroupMemory } from "./partition-memory.ts"

it("gives eight partitions what each has alone", () => {
  const group = new GroupMemory()
  const partitions = Array.from({ length: 8 }, () => group.open(1_000))
  for (const one of partitions) assert.strictEqual(one.bytesMax(1_500), 1_000)
})

it("gives one of many what it has alone, as long as all together have no more than eight would", () => {
  const group = new GroupMemory()
  const [first, ...others] = Array.from({ length: 64 }, () => group.open(1_000))
  assert.strictEqual(first!.bytesMax(1_500), 1_000)
  for (const one of others) one.bytesMax(100)
  assert.strictEqual(first!.bytesMax(1_500), 1_000)
  for (const one of others) one.bytesMax(200)
  assert.strictEqual(first!.bytesMax(1_500), 125)
  for (const one of others) one.bytesMax(0)
  assert.strictEqual(first!.bytesMax(1_500), 1_000)
})

it("counts closed partitions no more", () => {
  const group = new GroupMemory()
  const partitions = Array.from({ length: 16 }, () => group.open(1_000))
  for (const one of partitions) one.bytesMax(600)
  assert.strictEqual(partitions[0]!.bytesMax(600), 500)
  for (const one of partitions.slice(12)) {
    one.close()
    one.close()
    one.bytesMax(600)
  }
  assert.strictEqual(partitions[0]!.bytesMax(600), 1_000)
  assert.strictEqual(partitions[0]!.bytesMax(1_500), 8_000 / 12)
})
