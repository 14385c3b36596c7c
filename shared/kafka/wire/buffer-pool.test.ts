import { assert, it } from "@effect/vitest"
import { BufferPool, bufferRefOf } from "./buffer-pool.ts"

const stepBytes = 1_024
const makePool = () => new BufferPool({ stepBytes, freeBytesMax: 8 * stepBytes })

it("gives a buffer again when its last user has released it, and not before", () => {
  const pool = makePool()
  const first = pool.acquire(1_000).retain(2).retain()
  first.release()
  first.release()
  assert.notStrictEqual(pool.acquire(1_000).buffer, first.buffer)
  first.release()
  const second = pool.acquire(stepBytes)
  assert.strictEqual(second.buffer, first.buffer)
  assert.notStrictEqual(second, first)
})

it("returns no buffer twice", () => {
  const pool = makePool()
  const ref = pool.acquire(1_000).retain()
  ref.release()
  ref.release()
  assert.notStrictEqual(pool.acquire(1_000).buffer, pool.acquire(1_000).buffer)
})

it("gives the smallest free buffer that is large enough", () => {
  const pool = makePool()
  const refs = [3, 1, 2].map((steps) => pool.acquire(steps * stepBytes).retain())
  for (const ref of refs) ref.release()
  assert.strictEqual(pool.acquire(stepBytes + 1).buffer, refs[2]?.buffer)
  assert.strictEqual(pool.acquire(stepBytes + 1).buffer, refs[0]?.buffer)
  assert.isFalse(refs.some(({ buffer }) => buffer === pool.acquire(stepBytes + 1).buffer))
})

it("keeps free buffers within its limits, the larger ones first", () => {
  const kept = (limits: { readonly freeBytesMax: number; readonly freeBuffersMax?: number }, sizes: Array<number>) => {
    const pool = new BufferPool({ stepBytes, ...limits })
    const refs = sizes.map((steps) => pool.acquire(steps * stepBytes).retain())
    for (const ref of refs) ref.release()
    const free = new Set(sizes.flatMap(() => [pool.acquire(0).buffer]))
    return refs.filter(({ buffer }) => free.has(buffer)).map(({ buffer }) => buffer.length / stepBytes)
  }
  assert.deepStrictEqual(kept({ freeBytesMax: 4 * stepBytes }, [1, 1, 1, 1, 1]), [1, 1, 1, 1])
  assert.deepStrictEqual(kept({ freeBytesMax: 4 * stepBytes }, [1, 1, 1, 1, 3, 5]), [1, 3])
  assert.deepStrictEqual(kept({ freeBytesMax: 100 * stepBytes, freeBuffersMax: 2 }, [1, 2, 3]), [2, 3])
})

it("gives the memory of a larger buffer back at once where it may", () => {
  for (const freesLarger of [true, false]) {
    const pool = new BufferPool({ stepBytes, freeBytesMax: 4 * stepBytes, freesLarger })
    const [small, large] = [4, 5].map((steps) => pool.acquire(steps * stepBytes).retain(2))
    const view = large!.buffer.subarray(0, 10)
    for (const ref of [small!, large!]) ref.release()
    assert.strictEqual(view.length, 10)
    for (const ref of [small!, large!]) ref.release()
    assert.strictEqual(view.length, freesLarger ? 0 : 10)
    assert.strictEqual(small!.buffer.length, 4 * stepBytes)
  }
})

it("finds the reference by any view of the buffer while it is in use", () => {
  const ref = makePool().acquire(1_000).retain()
  const view = ref.buffer.subarray(10, 20)
  assert.strictEqual(bufferRefOf(view), ref)
  ref.release()
  assert.isNull(bufferRefOf(view))
  assert.isNull(bufferRefOf(Buffer.alloc(1_000)))
})
