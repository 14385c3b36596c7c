/** What deliveries refused, read from `delivery-refusals` when a repeat needs it, and each record once. */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { Deduplicator } from "../../shared/dedup/deduplicator.ts"
import { type AtConnection, isRefused, refusalOptions, refusalsTopic } from "../../shared/dedup/refusals.ts"
import { partitionOfKey } from "../../shared/kafka/murmur2.ts"
import { type FetchedRecord, KafkaClient } from "../../shared/kafka/port.ts"
import { RuntimeOptions } from "../../shared/stream/runtime-options.ts"

/** The refusals of the last `window`. Nothing is read and nothing is held before the first repeat asks. */
export class RefusalLog {
  private readonly window: Duration.Duration
  private refusals: Deduplicator | null = null
  /** The next offset to read in each partition that was asked for. */
  private readonly positions = new Map<number, number>()

  constructor(window: Duration.Duration) {
    this.window = window
  }

  /** Reads what was refused since the last call, in the partitions that hold these event ids. */
  readonly refresh = Effect.fn("mapper.refreshRefusals")(
    { self: this },
    function* (this: RefusalLog, eventIds: ReadonlyArray<string>) {
      const kafka = yield* KafkaClient
      const { prefix } = yield* RuntimeOptions
      const topic = prefix + refusalsTopic
      const now = yield* Clock.currentTimeMillis
      const log = yield* kafka.topicOffsets(topic)
      const wanted = new Set(eventIds.map((id) => partitionOfKey(id, log.length)))
      if ([...wanted].some((partition) => !this.positions.has(partition))) {
        for (const { partition, offset } of yield* kafka.offsetsAt(topic, now - Duration.toMillis(this.window))) {
          if (wanted.has(partition) && !this.positions.has(partition)) this.positions.set(partition, offset)
        }
      }
      const ranges = log
        .filter(({ partition }) => wanted.has(partition))
        .map(({ partition, low, high }) => ({
          partition,
          from: Math.max(low, this.positions.get(partition) ?? low),
          to: high
        }))
        .filter(({ from, to }) => from < to)
      if (ranges.length === 0) return
      yield* kafka.read({ topic, ranges, onRecords: (records) => this.take(records, now) })
      for (const { partition, to } of ranges) this.positions.set(partition, to)
    }
  )

  /** As of the last refresh. `now` in milliseconds since the epoch. */
  isRefused(at: AtConnection, now: number): boolean {
    return this.refusals !== null && isRefused(this.refusals, at, now)
  }

  private take(records: ReadonlyArray<FetchedRecord>, now: number): void {
    this.refusals ??= new Deduplicator(refusalOptions(this.window))
    for (const { value } of records) if (value !== null) this.refusals.restore(value, now)
  }
}
