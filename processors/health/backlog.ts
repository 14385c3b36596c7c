/** What waits for one connection in one partition of its platform's topics, from the records behind its position. Pure. */

/** What waits for a connection. Times in milliseconds since the epoch. */
export interface Backlog {
  readonly events: number
  /** More may wait than `events`: a long backlog is counted bit by bit. */
  readonly isMinimum: boolean
  /** Kafka time of the record that has waited longest; null where none waits. */
  readonly since: number | null
  /** The same of what was mapped and is no delayed retry, which waits on purpose. */
  readonly newSince: number | null
  /** The event that expires first; null where no waiting event has an age limit. */
  readonly urgent: Urgent | null
}

export interface Urgent {
  readonly eventTime: number
  /** When its platform stops to take it. */
  readonly expiresAt: number
}

export const nothingWaits: Backlog = { events: 0, isMinimum: false, since: null, newSince: null, urgent: null }

export const isWaiting = ({ events }: Backlog): boolean => events > 0

export const addBacklogs = (left: Backlog, right: Backlog): Backlog => ({
  events: left.events + right.events,
  isMinimum: left.isMinimum || right.isMinimum,
  since: earlier(left.since, right.since),
  newSince: earlier(left.newSince, right.newSince),
  urgent: moreUrgent(left.urgent, right.urgent)
})

/** How much of its platform's age limit the most urgent event has used, in percent; null where none has a limit. */
export const agePercentOf = ({ urgent }: Backlog, now: number): number | null => {
  if (urgent === null) return null
  const life = Math.max(1, urgent.expiresAt - urgent.eventTime)
  return Math.max(0, (100 * (now - urgent.eventTime)) / life)
}

const earlier = (left: number | null, right: number | null): number | null =>
  left === null || right === null ? (left ?? right) : Math.min(left, right)

const moreUrgent = (left: Urgent | null, right: Urgent | null): Urgent | null =>
  left === null || right === null ? (left ?? right) : left.expiresAt <= right.expiresAt ? left : right

/** A waiting record, as far as it is counted. */
export interface WaitingRecord {
  readonly offset: number
  /** Kafka time. */
  readonly timestamp: number
  readonly eventTime: number
  readonly expiresAt: number | null
}

/** So many records are summed up together: the memory of a backlog is a two-hundredth of its records. */
const chunkRecords = 200
/** Chunks of a partition, 10 million records; what lies behind them is not counted until they are worked off. */
const chunksMax = 50_000

const chunksForgottenTogether = 1_000

interface Chunk {
  readonly first: number
  last: number
  records: number
  since: number
  urgent: Urgent | null
}

/** Follows one connection in one partition. `from` is the position at which it began. */
export class PartitionBacklog {
  readonly from: number
  /** The next offset that is looked at. */
  scannedTo: number
  private readonly chunks: Array<Chunk> = []
  private head = 0

  constructor(from: number) {
    this.from = from
    this.scannedTo = from
  }

  get isFull(): boolean {
    return this.chunks.length - this.head >= chunksMax
  }

  add({ offset, timestamp, eventTime, expiresAt }: WaitingRecord): void {
    const urgent = expiresAt === null ? null : { eventTime, expiresAt }
    const last = this.chunks.length > this.head ? this.chunks[this.chunks.length - 1] : undefined
    if (last === undefined || last.records >= chunkRecords) {
      this.chunks.push({ first: offset, last: offset, records: 1, since: timestamp, urgent })
      return
    }
    last.last = offset
    last.records++
    last.urgent = moreUrgent(last.urgent, urgent)
  }

  /** Forgets what lies before the connection's position. */
  advance(position: number): void {
    while (this.head < this.chunks.length && this.chunks[this.head]!.last < position) this.head++
    if (this.head > chunksForgottenTogether) {
      this.chunks.splice(0, this.head)
      this.head = 0
    }
    this.scannedTo = Math.max(this.scannedTo, position)
  }

  /**
   * What waits behind the position: exact while the connection stops, and within a chunk's records while it works. What waits by a clock
   * that is ahead, or was set back since, waits from `now` on (milliseconds since the epoch).
   */
  sum(position: number, now: number): Pick<Backlog, "events" | "since" | "urgent"> {
    let events = 0
    let urgent: Urgent | null = null
    for (let index = this.head; index < this.chunks.length; index++) {
      const chunk = this.chunks[index]!
      events += remaining(chunk, position)
      urgent = moreUrgent(urgent, chunk.urgent)
    }
    const first = this.chunks[this.head]
    if (first !== undefined) first.since = Math.min(first.since, now)
    return { events, since: first?.since ?? null, urgent }
  }
}

const remaining = ({ first, last, records }: Chunk, position: number): number =>
  position <= first ? records : Math.ceil((records * (last - position + 1)) / (last - first + 1))
