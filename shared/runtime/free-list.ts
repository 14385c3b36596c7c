/**
 * What is free to be used again. After a load that used much, most of it is not needed any more: what was free all the time over a while is
 * left to the garbage collector, but for some.
 */

export interface FreeListOptions {
  /** So many are kept for ever. */
  readonly keptMax: number
  readonly whileMillis: number
}

export class FreeList<T> {
  private readonly options: FreeListOptions
  private readonly free: Array<T> = []
  /** The fewest that were free since the timer was set. */
  private fewest = 0
  private timer: NodeJS.Timeout | null = null

  constructor(options: FreeListOptions) {
    this.options = options
  }

  get length(): number {
    return this.free.length
  }

  take(): T | undefined {
    const found = this.free.pop()
    this.fewest = Math.min(this.fewest, this.free.length)
    return found
  }

  put(one: T): void {
    this.free.push(one)
    if (this.timer === null && this.free.length > this.options.keptMax) this.watch()
  }

  /** The timer keeps no program alive, and is not set while few are free. */
  private watch(): void {
    this.fewest = this.free.length
    this.timer = setTimeout(() => {
      this.timer = null
      const unneeded = Math.min(this.fewest, this.free.length - this.options.keptMax)
      if (unneeded > 0) this.free.length -= unneeded
      if (this.free.length > this.options.keptMax) this.watch()
    }, this.options.whileMillis)
    this.timer.unref()
  }
}
