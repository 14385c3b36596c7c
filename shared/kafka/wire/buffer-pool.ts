/**
 * Buffers that are used again. V8 collects its whole heap the more often the more buffers it sees come and go, and each new one
 * of a MiB costs its pages (decision 13). Who acquires, references and releases which buffer: docs/architecture.md, "Who owns a
 * buffer".
 */

export interface BufferPoolLimits {
  /** Sizes are multiples of this many bytes: few sizes, so that a free buffer mostly fits. */
  readonly stepBytes: number
  /** Free buffers beyond these limits are left to the garbage collector. */
  readonly freeBytesMax: number
  readonly freeBuffersMax?: number
  /**
   * Gives the memory of a larger buffer back at once: V8 lets hundreds of megabytes of them gather. Only where nothing but JavaScript reads them,
   * to which every view of such a buffer is empty then. By default it is left to the garbage collector, too.
   */
  readonly freesLarger?: boolean
}

export class BufferPool {
  readonly #limits: Required<BufferPoolLimits>
  readonly #free: Array<Buffer> = []
  #freeBytes = 0

  constructor(limits: BufferPoolLimits) {
    this.#limits = { freeBuffersMax: Number.POSITIVE_INFINITY, freesLarger: false, ...limits }
  }

  /** A buffer of at least `bytes` bytes with arbitrary content, which has no users yet: see `BufferRef`. */
  acquire(bytes: number): BufferRef {
    const { stepBytes } = this.#limits
    const buffer = this.#takeFree(bytes) ?? Buffer.allocUnsafeSlow(Math.ceil(bytes / stepBytes) * stepBytes)
    return new BufferRef(buffer, (released) => this.#put(released))
  }

  /** The smallest free buffer that is large enough. */
  #takeFree(bytes: number): Buffer | null {
    const free = this.#free
    let best = -1
    for (let index = 0; index < free.length; index++) {
      const { length } = free[index]!
      if (length >= bytes && (best < 0 || length < free[best]!.length)) best = index
    }
    return best < 0 ? null : this.#remove(best)
  }

  /** Makes room by dropping smaller buffers: if sizes grow, buffers that are too small must not fill the pool for ever. */
  #put(buffer: Buffer): void {
    const { freeBytesMax, freeBuffersMax, freesLarger } = this.#limits
    if (buffer.length > freeBytesMax) {
      if (freesLarger && buffer.buffer instanceof ArrayBuffer) buffer.buffer.transfer(0)
      return
    }
    while (this.#freeBytes + buffer.length > freeBytesMax || this.#free.length >= freeBuffersMax) {
      const smallest = this.#smallest()
      if (this.#free[smallest]!.length >= buffer.length) return
      this.#remove(smallest)
    }
    this.#free.push(buffer)
    this.#freeBytes += buffer.length
  }

  #smallest(): number {
    const free = this.#free
    let smallest = 0
    for (let index = 1; index < free.length; index++) if (free[index]!.length < free[smallest]!.length) smallest = index
    return smallest
  }

  #remove(index: number): Buffer {
    const [buffer] = this.#free.splice(index, 1)
    this.#freeBytes -= buffer!.length
    return buffer!
  }
}

/**
 * One use of a pooled buffer, and the count of its users. The last user's `release` returns the buffer to its pool: nothing may
 * read or write it, or a view of it, after that. A buffer that is never released is left to the garbage collector, so after a
 * failure, when something may still be at work on it, it is simply not released.
 */
export class BufferRef {
  readonly buffer: Buffer
  readonly #put: (buffer: Buffer) => void
  #users = 0

  constructor(buffer: Buffer, put: (buffer: Buffer) => void) {
    this.buffer = buffer
    this.#put = put
    refs.set(buffer.buffer, this)
  }

  /** Adds users. All who share a buffer must be added before the first one releases it. */
  retain(users = 1): this {
    this.#users += users
    return this
  }

  /** Removes one user: once for each that was added. */
  release(): void {
    if (--this.#users !== 0) return
    refs.delete(this.buffer.buffer)
    this.#put(this.buffer)
  }
}

/** The reference to the pooled buffer that `buffer` is a view of; null if it is not pooled. */
export const bufferRefOf = (buffer: Buffer): BufferRef | null => refs.get(buffer.buffer) ?? null

const refs = new WeakMap<ArrayBufferLike, BufferRef>()
