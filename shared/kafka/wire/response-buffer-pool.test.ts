import { assert, it } from "@effect/vitest"
import { answerBuffer, bufferRefOf } from "./response-buffer-pool.ts"

const bytes = 100_000

it("gives memory again when the last record in it is let go of, and not before", () => {
  const first = answerBuffer(bytes)
  const lease = bufferRefOf(first)!
  lease.retain(2)
  lease.retain(1)
  lease.release()
  lease.release()
  assert.notStrictEqual(answerBuffer(bytes).buffer, first.buffer)
  lease.release()
  const again = answerBuffer(bytes - 1)
  assert.strictEqual(again.buffer, first.buffer)
  assert.lengthOf(again, bytes - 1)
  assert.notStrictEqual(bufferRefOf(again), lease)
})

// Red when a count below zero counts as zero.
it("gives nothing back twice", () => {
  const first = answerBuffer(bytes)
  const lease = bufferRefOf(first)!
  lease.retain(1)
  lease.release()
  lease.release()
  const taken = [answerBuffer(bytes), answerBuffer(bytes)]
  assert.notStrictEqual(taken[0]?.buffer, taken[1]?.buffer)
})

it("leases no small answer, and none that it did not give", () => {
  assert.isNull(bufferRefOf(answerBuffer(1_000)))
  assert.isNull(bufferRefOf(Buffer.alloc(bytes)))
})
