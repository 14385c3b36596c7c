/** Which partitions a member owns and from which offset each goes on; plain bookkeeping without a client. */

import type { TopicPartition } from "../client.ts"
import type { PartitionsByTopic } from "./assignment.ts"

interface Entry extends TopicPartition {
  /** The next offset to deliver; null until the owner's first seek, and after a gap. */
  position: number | null
}

export class MemberPositions {
  private entries = new Map<string, Entry>()

  /** Applies a new assignment. `waiting` need a seek before they deliver; `retained` continue where they were. */
  assign(assignment: PartitionsByTopic, continued: boolean) {
    const previous = continued ? this.entries : new Map<string, Entry>()
    this.entries = new Map()
    const assigned: Array<TopicPartition> = []
    const waiting: Array<TopicPartition> = []
    const retained: Array<TopicPartition & { readonly offset: number }> = []
    for (const [topic, partitions] of Object.entries(assignment)) {
      for (const partition of [...partitions].sort((left, right) => left - right)) {
        const entry = previous.get(nameOf({ topic, partition })) ?? { topic, partition, position: null }
        this.entries.set(nameOf(entry), entry)
        assigned.push({ topic, partition })
        if (entry.position === null) waiting.push({ topic, partition })
        else retained.push({ topic, partition, offset: entry.position })
      }
    }
    return { assigned, waiting, retained }
  }

  seek(partition: TopicPartition, offset: number): void {
    const entry = this.entries.get(nameOf(partition))
    if (entry !== undefined) entry.position = offset
  }

  has(partition: TopicPartition): boolean {
    return this.entries.has(nameOf(partition))
  }

  /** Null if the partition isn't owned or waits for a seek. */
  positionOf(partition: TopicPartition): number | null {
    return this.entries.get(nameOf(partition))?.position ?? null
  }

  isSought(partition: TopicPartition): boolean {
    return this.positionOf(partition) !== null
  }

  /**
   * Moves over a batch that was fetched at `fetchedOffset`. Null if none of it is to be delivered; otherwise the position
   * from which on it is. A `gap` is a fetch at any other offset than the position: behind it records are missing, and before
   * it the log was truncated or created again, so that what has the offsets up to the position now was never delivered.
   */
  advance(partition: TopicPartition, fetchedOffset: number, endOffset: number) {
    const entry = this.entries.get(nameOf(partition))
    if (entry === undefined || entry.position === null) return null
    const { position } = entry
    const gap = fetchedOffset !== position
    entry.position = gap ? null : endOffset
    return { position, gap }
  }

  /** Moves over offsets without deliverable records if they follow the position directly. */
  pass(partition: TopicPartition, firstOffset: number, endOffset: number): boolean {
    const entry = this.entries.get(nameOf(partition))
    if (entry === undefined || entry.position === null) return false
    if (firstOffset > entry.position || endOffset <= entry.position) return false
    entry.position = endOffset
    return true
  }

  owned(): PartitionsByTopic {
    const owned: Record<string, Array<number>> = {}
    for (const { topic, partition } of this.entries.values()) {
      owned[topic] = [...(owned[topic] ?? []), partition]
    }
    return owned
  }
}

const nameOf = ({ topic, partition }: TopicPartition) => `${topic}/${partition}`
