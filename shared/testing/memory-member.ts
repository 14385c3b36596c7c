/** A group member of the Kafka in memory: it delivers what its partitions hold, synchronously. */
import type { Member, MemberOptions, TopicPartition } from "../kafka/client.ts"
import type { PartitionsByTopic } from "../kafka/kafkajs/assignment.ts"
import { MemberPositions } from "../kafka/kafkajs/member.ts"
import type { MemoryLog } from "./memory-log.ts"

/** What it fetches from. */
interface Fetched {
  readonly log: MemoryLog
  /** It gets no records. */
  readonly silent: boolean
  /** Records of a partition that come with one fetch. */
  readonly fetchRecordsMax: number
}

export class MemoryMember implements Member {
  readonly options: MemberOptions
  readonly positions = new MemberPositions()
  private readonly kafka: Fetched
  private readonly paused = new Set<string>()
  private assignedOnce = false

  constructor(options: MemberOptions, kafka: Fetched) {
    this.options = options
    this.kafka = kafka
  }

  assign(assignment: PartitionsByTopic): void {
    const { assigned } = this.positions.assign(assignment, this.assignedOnce)
    this.options.handlers.onAssigned(assigned, this.assignedOnce)
    this.assignedOnce = true
  }

  deliver(): void {
    for (const [topic, partitions] of Object.entries(this.positions.owned())) {
      for (const partition of partitions) this.deliverPartition({ topic, partition })
    }
  }

  readonly pause = (at: TopicPartition): void => {
    this.paused.add(partitionName(at))
  }

  readonly resume = (at: TopicPartition): void => {
    this.paused.delete(partitionName(at))
    this.deliverPartition(at)
  }

  readonly seek = (at: TopicPartition, offset: number): void => {
    this.positions.seek(at, offset)
    this.resume(at)
  }

  private deliverPartition(at: TopicPartition): void {
    const records = this.kafka.log.records(at)
    while (!this.kafka.silent && !this.paused.has(partitionName(at))) {
      const position = this.positions.positionOf(at)
      if (position === null || position >= records.length) return
      const fetched = records.slice(position, position + this.kafka.fetchRecordsMax)
      this.positions.advance(at, position, position + fetched.length)
      this.options.handlers.onRecords(at, fetched, position + fetched.length, records.length)
    }
  }
}

export const partitionName = ({ topic, partition }: TopicPartition) => `${topic}/${partition}`
