import { assert, it } from "@effect/vitest"
import { producedBytes } from "./record-batch-writer.ts"

it("counts key and headers in bytes, not characters", () => {
  const plain = producedBytes({ topic: "t", key: null, value: null })
  assert.strictEqual(producedBytes({ topic: "t", key: "é", value: null }) - plain, 2)
  assert.isAbove(producedBytes({ topic: "t", key: null, value: null, headers: { a: "bc" } }), plain + 3)
})
