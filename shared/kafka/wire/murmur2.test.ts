import { createRequire } from "node:module"
import { assert, it } from "@effect/vitest"
import fc from "fast-check"
import { murmur2, partitionOfKey } from "./hashes.ts"

const require = createRequire(import.meta.url)
const kafkaJsMurmur2 = require("kafkajs/src/producer/partitioners/default/murmur2") as (key: unknown) => number

it("hashes as kafkajs does, which was compared with Java's client", () => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string({ unit: "grapheme" }),
        fc.uint8Array({ maxLength: 300 }).map((array) => Buffer.from(array))
      ),
      (key) => assert.strictEqual(murmur2(key), kafkaJsMurmur2(key))
    ),
    { numRuns: 1_000 }
  )
})

it("gives a partition of the topic", () => {
  fc.assert(
    fc.property(fc.string(), fc.integer({ min: 1, max: 1_000 }), (key, partitions) => {
      const partition = partitionOfKey(key, partitions)
      assert.isTrue(Number.isInteger(partition) && partition >= 0 && partition < partitions)
    })
  )
})
