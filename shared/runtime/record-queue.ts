/** The records of one partition that wait for a batch: as they came, or packed (`packed-records.ts`). */
import type { FetchedRecord } from "../kafka/client.ts"
import { type Inbound, inboundOf } from "./contract.ts"
import { PackedRecords } from "./packed-records.ts"

export class RecordQueue {
  /** Of those that wait, as they count in bounds (`recordBytes`). */
  bytes = 0
  private readonly topic: string
  /** Those from `head` on; all of them are before those that are packed. */
  private records: Array<Inbound> = []
  private head = 0
  private packed: PackedRecords | null = null

  /** @param topic the logical name, which records carry */
  constructor(topic: string) {
    this.topic = topic
  }

  get length(): number {
    return this.records.length - this.head + (this.packed?.length ?? 0)
  }

  /** Offset of the first record; null where none waits. */
  get firstOffset(): number | null {
    if (this.head < this.records.length) return this.records[this.head]!.offset
    return this.packed !== null && this.packed.length > 0 ? this.packed.firstOffset : null
  }

  push(record: Inbound): void {
    this.records.push(record)
    this.bytes += recordBytes(record)
  }

  /** @param isPacked they are for one of many queues; what comes behind packed records is packed as well, so that the order stays */
  add(records: ReadonlyArray<FetchedRecord>, isPacked: boolean): void {
    if (!isPacked && (this.packed === null || this.packed.length === 0)) {
      for (const record of records) this.push(inboundOf(record, this.topic))
      return
    }
    this.packed ??= new PackedRecords(this.topic)
    this.bytes += overheadBytes * records.length + this.packed.push(records)
  }

  /** Removes the first records: as many as are within the bounds, and at least one. */
  shift(recordsMax: number, bytesMax: number): { readonly records: ReadonlyArray<Inbound>; readonly bytes: number } {
    const records: Array<Inbound> = []
    let bytes = 0
    while (records.length < recordsMax && this.length > 0) {
      const next = this.records[this.head]
      const size = next === undefined ? overheadBytes + this.packed!.firstBytes : recordBytes(next)
      if (records.length > 0 && bytes + size > bytesMax) break
      bytes += size
      records.push(next ?? this.packed!.shift())
      if (next !== undefined) this.head++
    }
    this.bytes -= bytes
    this.compact()
    return { records, bytes }
  }

  /** Removes all records and releases their buffers. */
  clear(): void {
    for (let index = this.head; index < this.records.length; index++) this.records[index]!.bufferRef?.release()
    this.packed?.clear()
    this.records = []
    this.head = 0
    this.bytes = 0
  }

  /** Frees records that were removed in large steps, so that a long queue isn't moved for each batch. */
  private compact(): void {
    if (this.head === 0 || this.head <= this.records.length / 2) return
    this.records = this.records.slice(this.head)
    this.head = 0
  }
}

const recordBytes = (record: Inbound): number =>
  overheadBytes + (record.bytes ?? (record.key?.length ?? 0) + (record.value?.length ?? 0))

/** Roughly what a record's object and headers take beside its key and value. */
const overheadBytes = 200
