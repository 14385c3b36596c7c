/** Durations in buckets, each 10 % wider than the one before: percentiles within 5 %, in a kilobyte. */
import type { Percentiles } from "../api.ts"

const growth = Math.log(1.1)
/** Up to a day; longer ones are counted there. */
const bucketsMax = Math.ceil(Math.log(86_400_000) / growth) + 1

export class Histogram {
  private readonly buckets = new Uint32Array(bucketsMax)
  private total = 0

  get count(): number {
    return this.total
  }

  /** In milliseconds; less than zero counts as zero. */
  add(millis: number): void {
    this.buckets[bucketOf(millis)]! += 1
    this.total++
  }

  addAll(other: Histogram): void {
    for (let index = 0; index < bucketsMax; index++) this.buckets[index]! += other.buckets[index]!
    this.total += other.total
  }

  clear(): void {
    if (this.total > 0) this.buckets.fill(0)
    this.total = 0
  }

  /** Null where nothing was added. */
  percentiles(): Percentiles | null {
    return this.total === 0 ? null : { p50: this.at(0.5), p95: this.at(0.95), p99: this.at(0.99) }
  }

  private at(share: number): number {
    let left = Math.ceil(share * this.total)
    let index = 0
    while (index < bucketsMax - 1) {
      left -= this.buckets[index]!
      if (left <= 0) break
      index++
    }
    // The middle of the bucket.
    return Math.round(10 * (Math.exp((index + 0.5) * growth) - 1)) / 10
  }
}

const bucketOf = (millis: number): number =>
  millis > 0 ? Math.min(bucketsMax - 1, Math.floor(Math.log(millis + 1) / growth)) : 0
