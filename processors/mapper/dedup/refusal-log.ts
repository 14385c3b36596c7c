/** What deliveries refused, read from `delivery-refusals` when a repeat needs it, and each record once. */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { Deduplicator } from "../../../shared/dedup/deduplicator.ts"
import { type AtConnection, isRefused, refusalOptions, refusalsTopic } from "../../../shared/dedup/refusals.ts"
import { KafkaClient } from "../../../shared/kafka/client.ts"
import { partitionOfKey } from "../../../shared/kafka/wire/hashes.ts"
import { RuntimeOptions } from "../../../shared/runtime/contract.ts"

/**
 * The refusals of the last `window`. Nothing is read and nothing is held before the first repeat asks. It may outlive the partition's opening:
 * what was read is the log's, whatever becomes of the step that asked.
 */
export class RefusalLog {
  private readonly window: Duration.Duration
  private readonly isHere: (key: Buffer) => boolean
  private refusals: Deduplicator | null = null
  /** The next offset to read in each partition. */
  private readonly positions = new Map<number, number>()

  /** Holds what was refused of the event ids that are decided on here; their keys may lie in any partition, as some may be new. */
  constructor(window: Duration.Duration, isHere: (key: Buffer) => boolean) {
    this.window = window
    this.isHere = isHere
  }

  /** Reads what was refused since the last call. */
  readonly refresh = Effect.gen({ self: this }, function* () {
    const kafka = yield* KafkaClient
    const { prefix } = yield* RuntimeOptions
    const topic = prefix + refusalsTopic
    const now = yield* Clock.currentTimeMillis
    const log = yield* kafka.topicOffsets(topic)
    if (log.some(({ partition }) => !this.positions.has(partition))) {
      for (const { partition, offset } of yield* kafka.offsetsAt(topic, now - Duration.toMillis(this.window)))
        if (!this.positions.has(partition)) this.positions.set(partition, offset)
    }
    const ranges = log
      .map(({ partition, low, high }) => {
        const next = this.positions.get(partition) ?? low
        // Beyond its end the topic is another one by now.
        return { partition, from: next > high ? low : Math.max(low, next), to: high }
      })
      .filter(({ from, to }) => from < to)
    if (ranges.length === 0) return
    this.refusals ??= new Deduplicator(refusalOptions(this.window))
    const { refusals, positions } = this
    // Not held: after a day on which a platform refused nearly everything they are millions.
    yield* kafka.read({
      topic,
      ranges,
      onRecords: (records) => {
        for (const { key, offset, partition, value } of records) {
          // The newest of an id counts, from whatever partition.
          if (value !== null && (key === null || this.isHere(key))) refusals.restore(value, now, true)
          positions.set(partition, offset + 1)
        }
      }
    })
    for (const { partition, to } of ranges) positions.set(partition, to)
  }).pipe(Effect.withSpan("mapper.refreshRefusals"))

  /** As of the last refresh. `now` in milliseconds since the epoch. */
  isRefused(at: AtConnection, now: number): boolean {
    return this.refusals !== null && isRefused(this.refusals, at, now)
  }
}

/** Those of a process, by partition: one that is opened again goes on where its reading stopped, which may take longer than a step may. */
export class RefusalLogs {
  private readonly window: Duration.Duration
  private readonly byPartition = new Map<string, RefusalLog>()

  constructor(window: Duration.Duration) {
    this.window = window
  }

  /** That of a partition, of so many of the mapper's input. */
  of({ partition, partitions }: { readonly partition: number; readonly partitions: number }): RefusalLog {
    const name = `${partition}/${partitions}`
    const known = this.byPartition.get(name)
    if (known !== undefined) return known
    const isHere = (key: Buffer) => partitions === 1 || partitionOfKey(key, partitions) === partition
    const made = new RefusalLog(this.window, isHere)
    this.byPartition.set(name, made)
    return made
  }
}
