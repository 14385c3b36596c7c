import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"
import { assert, it } from "@effect/vitest"
import * as fc from "fast-check"
import { detachString } from "./decide.ts"

it("gives the same text", () => {
  fc.assert(
    fc.property(fc.string({ unit: "grapheme", maxLength: 40 }), (text) => {
      assert.strictEqual(detachString(text), text)
    })
  )
  assert.strictEqual(detachString("é".repeat(1_024)), "é".repeat(1_024))
  assert.strictEqual(detachString("é".repeat(3_000)), "é".repeat(3_000))
})

it("does not retain the text that a piece was cut from", () => {
  setFlagsFromString("--expose-gc")
  const collect = runInNewContext("gc") as () => void
  const cut = (serial: number) => `${serial}${"x".repeat(1_000_000)}`.substring(0, 40)
  collect()
  const before = process.memoryUsage().heapUsed
  const keys = Array.from({ length: 100 }, (_, serial) => detachString(cut(serial)))
  collect()
  assert.isBelow(process.memoryUsage().heapUsed - before, 10_000_000)
  assert.lengthOf(keys, 100)
})
