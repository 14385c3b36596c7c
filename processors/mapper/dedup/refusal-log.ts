/** What deliveries refused, read from `delivery-refusals` when a repeat needs it, and each record once. */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { Deduplicator } from "../../../shared/dedup/deduplicator.ts"
import { type AtConnection, isRefused, refusalOptions, refusalsTopic } from "../../../shared/dedup/refusals.ts"
import { type FetchedRecord, KafkaClient } from "../../../shared/kafka/client.ts"
import { RuntimeOptions } from "../../../shared/runtime/contract.ts"

/** The refusals of the last `window`. Nothing is read and nothing is held before the first repeat asks. */
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
      .map(({ partition, low, high }) => ({
        partition,
        from: Math.max(low, this.positions.get(partition) ?? low),
        to: high
      }))
      .filter(({ from, to }) => from < to)
    if (ranges.length === 0) return
    const found: Array<FetchedRecord> = []
    const onRecords = (records: ReadonlyArray<FetchedRecord>) => {
      for (const record of records) if (record.key === null || this.isHere(record.key)) found.push(record)
    }
    yield* kafka.read({ topic, ranges, onRecords })
    this.take(found, now)
    for (const { partition, to } of ranges) this.positions.set(partition, to)
  }).pipe(Effect.withSpan("mapper.refreshRefusals"))

  /** As of the last refresh. `now` in milliseconds since the epoch. */
  isRefused(at: AtConnection, now: number): boolean {
    return this.refusals !== null && isRefused(this.refusals, at, now)
  }

  private take(records: Array<FetchedRecord>, now: number): void {
    this.refusals ??= new Deduplicator(refusalOptions(this.window))
    // The newest of an id counts, from whatever partition.
    records.sort((one, other) => one.timestamp - other.timestamp)
    for (const { value } of records) if (value !== null) this.refusals.restore(value, now)
  }
}
