/** Topics in memory: what the in-memory Kafka client stores and delivers. Plain data, no control records. */

import type { FetchedRecord, ProducedRecord, TopicPartition } from "../kafka/client.ts"
import { partitionOfKey } from "../kafka/wire/hashes.ts"

export class MemoryLog {
  private readonly topics = new Map<string, Array<Array<FetchedRecord>>>()
  private roundRobin = 0

  /** False if the topic was there already. */
  create(topic: string, partitions: number): boolean {
    if (this.topics.has(topic)) return false
    this.topics.set(
      topic,
      Array.from({ length: partitions }, () => [])
    )
    return true
  }

  /** False if the topic is not there, or has so many partitions already. */
  grow(topic: string, partitions: number): boolean {
    const found = this.topics.get(topic)
    if (found === undefined || found.length >= partitions) return false
    while (found.length < partitions) found.push([])
    return true
  }

  names(): ReadonlyArray<string> {
    return [...this.topics.keys()]
  }

  partitionsOf(topic: string): ReadonlyArray<number> {
    return (this.topics.get(topic) ?? []).map((_, partition) => partition)
  }

  records({ topic, partition }: TopicPartition): ReadonlyArray<FetchedRecord> {
    return this.topics.get(topic)?.[partition] ?? []
  }

  /** The topic that a record can't be written to, or null after all were written. */
  append(produced: ReadonlyArray<ProducedRecord>, now: number): string | null {
    const unknown = produced.find(({ topic }) => !this.topics.has(topic))
    if (unknown !== undefined) return unknown.topic
    for (const record of produced) {
      const partitions = this.topics.get(record.topic)!
      const partition = record.partition ?? this.choose(record.key, partitions.length)
      partitions[partition]!.push({
        topic: record.topic,
        partition,
        offset: partitions[partition]!.length,
        timestamp: record.timestamp ?? now,
        key: record.key === null ? null : Buffer.from(record.key),
        value: record.value,
        headers: record.headers ?? {}
      })
    }
    return null
  }

  private choose(key: string | Buffer | null, partitions: number): number {
    return key === null ? this.roundRobin++ % partitions : partitionOfKey(key, partitions)
  }
}
