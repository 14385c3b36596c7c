/**
 * Buffers of fetches, used again once every record in them was let go of. V8 collects its whole heap the more often the more
 * buffers it sees come and go, and each new one of a MiB costs its pages (docs/performance.md).
 */

/** The memory that a fetch's records are views of. */
export class BufferRef {
  readonly #buffer: Buffer
  #held = 0

  constructor(buffer: Buffer) {
    this.#buffer = buffer
  }

  /** So many records begin to use the memory. All of a fetch do before the first is let go of. */
  retain(records: number): void {
    this.#held += records
  }

  /** One record does not use it any more: nobody looks at its key, value or headers again. */
  release(): void {
    if (--this.#held === 0) giveBack(this.#buffer)
  }
}

/** A buffer of just so many bytes, whose content is anything. Larger ones are leased: without `release` they go as all memory does. */
export const answerBuffer = (bytes: number): Buffer => {
  if (bytes < leasedMin) return Buffer.allocUnsafe(bytes)
  const buffer = takeFree(bytes) ?? Buffer.allocUnsafeSlow(Math.ceil(bytes / stepBytes) * stepBytes)
  leases.set(buffer.buffer, new BufferRef(buffer))
  return buffer.subarray(0, bytes)
}

/** The lease of the memory that a buffer is a part of; null where it has none. */
export const bufferRefOf = (buffer: Buffer): BufferRef | null => leases.get(buffer.buffer) ?? null

/** The smallest that is large enough. */
const takeFree = (bytes: number): Buffer | null => {
  let best = -1
  for (let index = 0; index < free.length; index++) {
    const { length } = free[index]!
    if (length >= bytes && (best < 0 || length < free[best]!.length)) best = index
  }
  if (best < 0) return null
  const [buffer] = free.splice(best, 1)
  freeBytes -= buffer!.length
  return buffer!
}

const giveBack = (buffer: Buffer): void => {
  leases.delete(buffer.buffer)
  if (freeBytes + buffer.length > freeBytesMax) return
  free.push(buffer)
  freeBytes += buffer.length
}

const leases = new WeakMap<ArrayBufferLike, BufferRef>()
const free: Array<Buffer> = []
let freeBytes = 0
const freeBytesMax = 8 * 1024 * 1024
const leasedMin = 64 * 1024
/** Few sizes, so that a free buffer mostly fits. */
const stepBytes = 256 * 1024
