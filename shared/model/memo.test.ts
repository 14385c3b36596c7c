import { assert, it } from "@effect/vitest"
import * as fc from "fast-check"
import { memo } from "./memo.ts"

it("gives what the function gives, in any order, with places for few", () => {
  const text = fc.oneof(fc.constantFrom("Berlin", "berlin", "München", "", "New York", "x".repeat(300)), fc.string())
  fc.assert(
    fc.property(fc.array(text, { maxLength: 60 }), (keys) => {
      const upper = memo(4, (key) => key.toUpperCase())
      for (const key of keys) assert.strictEqual(upper(key), key.toUpperCase())
    })
  )
})

it("computes what comes again once, and forgets what was not asked for the longest", () => {
  let computed = 0
  const known = memo(2, (key) => {
    computed++
    return key
  })
  for (const key of ["a", "b", "a", "b", "a"]) known(key)
  assert.strictEqual(computed, 2)
  known("c")
  known("a")
  assert.strictEqual(computed, 3)
  known("b")
  assert.strictEqual(computed, 4)
})

it("takes a power of two as its size alone, since others would leave most places unused", () => {
  assert.throws(() => memo(20_000, (key) => key), "power of two")
})
