import { assert, it } from "@effect/vitest"
import fc from "fast-check"
import { growthOf, linearRatioMax } from "../testing/growth.ts"
import type { FetchedRecord } from "./client.ts"
import { LastRecords } from "./last-records.ts"

const recordOf = (offset: number, value: Buffer): FetchedRecord => ({
  topic: "t",
  partition: 0,
  offset,
  timestamp: 0,
  key: null,
  value,
  headers: {}
})

it("holds the last records that fit", () => {
  const sizes = fc.array(fc.integer({ min: 0, max: 30 }), { maxLength: 60 })
  fc.assert(
    fc.property(sizes, fc.integer({ min: 1, max: 12 }), fc.integer({ min: 1, max: 100 }), (bytes, wanted, bytesMax) => {
      const last = new LastRecords(wanted, bytesMax)
      last.push(bytes.map((size, offset) => recordOf(offset, Buffer.alloc(size))))
      const expected: Array<number> = []
      for (let offset = bytes.length - 1, sum = 0; offset >= 0 && expected.length < wanted; offset--) {
        sum += bytes[offset]!
        if (sum > bytesMax && expected.length > 0) break
        expected.unshift(offset)
      }
      assert.deepStrictEqual(
        last.records.map(({ offset }) => offset),
        expected
      )
      assert.strictEqual(last.size, expected.length)
    })
  )
})

it("takes no longer for each record where many are held", () => {
  const value = Buffer.from("v")
  const { ratio } = growthOf(
    50_000,
    (size) => size,
    (size) => {
      const last = new LastRecords(size, 1_000_000)
      for (let offset = 0; offset < 3 * size; offset++) last.push([recordOf(offset, value)])
    }
  )
  assert.isAtMost(ratio, linearRatioMax)
})
