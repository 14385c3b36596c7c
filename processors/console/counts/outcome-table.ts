/**
 * Which outcome counts for each event at each connection: two bytes for an event, by its raw record's position. So an event whose outcome
 * is another by now (a redrive, a final status, a replay) is counted once, without holding events. What no longer fits is
 * forgotten, the oldest first: such an event's later results count as they come.
 */

const pageEvents = 1_024
const bytesOfEvent = 2
const hourMillis = 3_600_000

interface Page {
  readonly pages: Map<number, Page>
  readonly number: number
  readonly kinds: Uint16Array
}

export class OutcomeTable {
  private readonly pagesMax: number
  private readonly byConnection = new Map<string, Map<number, Map<number, Page>>>()
  /** By the hour in which the first of its events arrived. */
  private readonly byHour = new Map<number, Set<Page>>()
  private count = 0
  /** Whether any event was forgotten for want of room. */
  hasForgotten = false

  constructor(bytesMax: number) {
    this.pagesMax = Math.max(1, Math.floor(bytesMax / (pageEvents * bytesOfEvent)))
  }

  get bytes(): number {
    return this.count * pageEvents * bytesOfEvent
  }

  /** What is held of an event: a number from 1 on that the caller knows; 0 where nothing is. */
  get(connection: string, partition: number, offset: number): number {
    const page = this.byConnection
      .get(connection)
      ?.get(partition)
      ?.get(Math.floor(offset / pageEvents))
    return page === undefined ? 0 : page.kinds[offset % pageEvents]!
  }

  /** `at` is when the event arrived, in milliseconds since the epoch; `kind` at most 65,535. */
  set(connection: string, partition: number, offset: number, at: number, kind: number): void {
    const partitions = getOrMake(this.byConnection, connection, () => new Map<number, Map<number, Page>>())
    const pages = getOrMake(partitions, partition, () => new Map<number, Page>())
    const number = Math.floor(offset / pageEvents)
    let page = pages.get(number)
    if (page === undefined) {
      if (this.count >= this.pagesMax && !this.forgetOldest(Math.floor(at / hourMillis))) return
      page = { pages, number, kinds: new Uint16Array(pageEvents) }
      pages.set(number, page)
      getOrMake(this.byHour, Math.floor(at / hourMillis), () => new Set<Page>()).add(page)
      this.count++
    }
    page.kinds[offset % pageEvents] = kind
  }

  /** Forgets the events that arrived before (milliseconds since the epoch), by whole hours. */
  prune(before: number): void {
    for (const [hour, pages] of this.byHour) {
      if ((hour + 1) * hourMillis > before) continue
      for (const page of pages) page.pages.delete(page.number)
      this.count -= pages.size
      this.byHour.delete(hour)
    }
  }

  /** Makes room for an event of that hour; false where everything that is held is younger. */
  private forgetOldest(hour: number): boolean {
    this.hasForgotten = true
    const oldest = Math.min(...this.byHour.keys())
    if (oldest > hour) return false
    const pages = this.byHour.get(oldest)!
    for (const page of pages) {
      page.pages.delete(page.number)
      pages.delete(page)
      this.count--
      break
    }
    if (pages.size === 0) this.byHour.delete(oldest)
    return true
  }
}

/** The value of the key, made where the map has no value. */
export const getOrMake = <K, V>(map: Map<K, V>, key: K, make: () => V): V => {
  const known = map.get(key)
  if (known !== undefined) return known
  const made = make()
  map.set(key, made)
  return made
}
