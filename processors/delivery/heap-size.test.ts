import { assert, it } from "@effect/vitest"
import { heapNeeded } from "./heap-size.ts"

it("says which heap hundreds of connections need where there is less", () => {
  assert.isNull(heapNeeded(1, 192))
  assert.isNull(heapNeeded(200, 192))
  assert.strictEqual(heapNeeded(1_000, 240), 512)
  assert.isNull(heapNeeded(1_000, 512))
})
