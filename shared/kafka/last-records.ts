/** The last of the records that come, copied, as far as they have room. */
import type { FetchedRecord } from "./client.ts"

/** The last records of a partition, as many as are wanted and fit. */
export class LastRecords {
  /** Whether one was left out that did not fit. */
  isFull = false

  #held: Array<FetchedRecord | undefined> = []
  /** Where the first is in `#held`: to move all others for each that goes would take minutes. */
  #first = 0
  #bytes = 0
  private readonly wanted: number
  private readonly bytesMax: number

  constructor(wanted: number, bytesMax: number) {
    this.wanted = wanted
    this.bytesMax = bytesMax
  }

  get records(): ReadonlyArray<FetchedRecord> {
    return this.#held.slice(this.#first) as Array<FetchedRecord>
  }

  get size(): number {
    return this.#held.length - this.#first
  }

  /** Those that follow on the ones before. Of records that do not fit the newest one stays. */
  push(records: ReadonlyArray<FetchedRecord>): void {
    for (const record of records) {
      this.#held.push(detached(record))
      this.#bytes += bytesOf(record)
      while (this.size > this.wanted || (this.#bytes > this.bytesMax && this.size > 1)) {
        if (this.size <= this.wanted) this.isFull = true
        this.#drop()
      }
    }
  }

  #drop(): void {
    this.#bytes -= bytesOf(this.#held[this.#first]!)
    this.#held[this.#first] = undefined
    this.#first++
    if (this.#first <= this.size) return
    this.#held = this.#held.slice(this.#first)
    this.#first = 0
  }
}

const bytesOf = ({ key, value }: FetchedRecord): number => (key?.length ?? 0) + (value?.length ?? 0)

/** A copy, since a record is a view of all that was fetched with it. */
export const detached = (record: FetchedRecord): FetchedRecord => {
  const { topic, partition, offset, timestamp, headers, omittedBytes } = record
  const [key, value] = [record.key && Buffer.from(record.key), record.value && Buffer.from(record.value)]
  return {
    topic,
    partition,
    offset,
    timestamp,
    key,
    value,
    headers,
    ...(omittedBytes === undefined ? {} : { omittedBytes })
  }
}
