import { assert, it } from "@effect/vitest"
import { giveBackRequestBuffer, takeRequestBuffer } from "./request-buffers.ts"

it("gives a buffer again that was given back and is large enough", () => {
  const first = takeRequestBuffer(1_000)
  const second = takeRequestBuffer(1_000)
  assert.notStrictEqual(first, second)
  giveBackRequestBuffer(first)
  assert.notStrictEqual(takeRequestBuffer(first.length + 1), first)
  assert.strictEqual(takeRequestBuffer(first.length), first)
  assert.notStrictEqual(takeRequestBuffer(1_000), first)
})

it("keeps eight megabytes at most", () => {
  const taken = Array.from({ length: 20 }, () => takeRequestBuffer(1_000_000))
  for (const buffer of taken) giveBackRequestBuffer(buffer)
  const again = new Set(taken)
  const kept = taken.map(() => takeRequestBuffer(1_000_000)).filter((buffer) => again.has(buffer))
  assert.lengthOf(kept, 8)
})
