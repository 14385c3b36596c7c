/** Counts by the minute, over days, in little memory: four bytes a minute, and only for hours with any. */

export const minuteMillis = 60_000
const hourMinutes = 60

export class MinuteSeries {
  private readonly hours = new Map<number, Int32Array>()

  /** `at` in milliseconds since the epoch. */
  add(at: number, by: number): void {
    const minute = Math.floor(at / minuteMillis)
    const hour = Math.floor(minute / hourMinutes)
    let counts = this.hours.get(hour)
    if (counts === undefined) {
      counts = new Int32Array(hourMinutes)
      this.hours.set(hour, counts)
    }
    counts[minute % hourMinutes]! += by
  }

  /** Of the minutes that begin from `since` on and before `until` (milliseconds since the epoch). */
  sum(since: number, until: number): number {
    const first = Math.ceil(since / minuteMillis)
    const end = Math.ceil(until / minuteMillis)
    let sum = 0
    for (const [hour, counts] of this.hours) {
      const begin = hour * hourMinutes
      const from = Math.max(0, first - begin)
      const to = Math.min(hourMinutes, end - begin)
      for (let index = from; index < to; index++) sum += counts[index]!
    }
    return sum
  }

  /** Forgets the hours that end before; whether nothing is left. */
  prune(before: number): boolean {
    for (const hour of this.hours.keys()) if ((hour + 1) * hourMinutes * minuteMillis <= before) this.hours.delete(hour)
    return this.hours.size === 0
  }
}
