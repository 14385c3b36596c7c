/** How far a command's reading of topics is, for who waits for it: every command reads by the client that comes from here. */
import * as Effect from "effect/Effect"
import { type FetchedRecord, KafkaClient } from "../../shared/kafka/client.ts"
import { monotonicMillis } from "../../shared/model/monotonic.ts"
import { Json } from "./cli.ts"
import { count, formatAge, Output } from "./output.ts"

type Client = KafkaClient["Service"]

/** On a terminal the line comes early and changes often; a file of logs gets few of them. */
const onTerminal = { firstMillis: 2_000, everyMillis: 500 }
const inLog = { firstMillis: 10_000, everyMillis: 10_000 }
const lookMillis = 500
/** Reads with a shorter pause between them are one work. */
const pauseMillis = 1_000

/**
 * The client, whose reads to a known end say how far they are, on standard error, once they have taken a while. Programs that read the
 * JSON of a command get none of it: their standard error has errors alone.
 *
 * @param prefix of topics
 */
export const withProgress = Effect.fnUntraced(function* (client: Client, prefix: string) {
  const output = yield* Output
  if ((yield* Json) && !output.isStatusRewritten) return client
  const { firstMillis, everyMillis } = output.isStatusRewritten ? onTerminal : inLog
  const reads = new Set<Read>()
  let begunAt = 0
  let endedAt = Number.NEGATIVE_INFINITY
  let saidAt = Number.NEGATIVE_INFINITY
  const say = Effect.gen(function* () {
    const now = yield* monotonicMillis
    if (reads.size === 0 || now - begunAt < firstMillis || now - saidAt < everyMillis) return
    saidAt = now
    yield* output.status(textOf([...reads], now - begunAt))
  })
  yield* Effect.forkScoped(Effect.forever(Effect.andThen(Effect.sleep(lookMillis), say)))
  yield* Effect.addFinalizer(() => output.status(null))
  const begin = (options: ReadOptions) =>
    Effect.map(monotonicMillis, (now) => {
      if (reads.size === 0 && now - endedAt > pauseMillis) begunAt = now
      const read = new Read(options.topic.slice(prefix.length), options.ranges)
      reads.add(read)
      return read
    })
  const end = (read: Read) =>
    Effect.flatMap(monotonicMillis, (now) => {
      reads.delete(read)
      endedAt = now
      // A question, or the result, comes next.
      return reads.size === 0 ? output.status(null) : Effect.void
    })
  const read: Client["read"] = (options) =>
    options.ranges.some(({ to }) => to === null)
      ? client.read(options)
      : Effect.acquireUseRelease(
          begin(options),
          (read) =>
            client.read({
              ...options,
              onRecords: (records) => {
                const work = options.onRecords(records)
                if (!Effect.isEffect(work)) return read.advance(records)
                return Effect.tap(work, () => Effect.sync(() => read.advance(records)))
              }
            }),
          end
        )
  return KafkaClient.of({ ...client, read })
})

type ReadOptions = Pick<Parameters<Client["read"]>[0], "topic" | "ranges">

/** A read that has not ended. Offsets are counted as records, though some hold none: they are known before. */
class Read {
  readonly topic: string
  readonly total: number
  readonly #starts: ReadonlyMap<number, number>
  readonly #positions: Map<number, number>

  /** @param topic without prefix */
  constructor(topic: string, ranges: ReadOptions["ranges"]) {
    this.topic = topic
    this.total = ranges.reduce((sum, { from, to }) => sum + Math.max(0, (to ?? from) - from), 0)
    this.#starts = new Map(ranges.map(({ partition, from }) => [partition, from]))
    this.#positions = new Map(this.#starts)
  }

  advance(records: ReadonlyArray<FetchedRecord>): void {
    for (const { partition, offset } of records) this.#positions.set(partition, offset + 1)
  }

  get done(): number {
    let sum = 0
    for (const [partition, start] of this.#starts) sum += this.#positions.get(partition)! - start
    return sum
  }
}

/** `Reading dead-letters: 1,200 of 4,000 records (30 %) after 12 s.` */
const textOf = (reads: ReadonlyArray<Read>, millis: number): string => {
  const topics = [...new Set(reads.map(({ topic }) => topic))]
  const [done, total] = reads.reduce(([done, total], read) => [done + read.done, total + read.total], [0, 0])
  const others = topics.length > 1 ? ` and ${count(topics.length - 1, "other topic")}` : ""
  const part = total === 0 ? 100 : Math.floor((100 * done) / total)
  const records = `${done.toLocaleString("en-US")} of ${count(total, "record")}`
  return `Reading ${topics[0]}${others}: ${records} (${part} %) after ${formatAge(millis)}.`
}
