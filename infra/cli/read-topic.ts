/** Reads a topic from a moment on, to its present end or for ever. */
import * as Effect from "effect/Effect"
import { SettingsService } from "../../shared/config/settings.ts"
import { type FetchedRecord, KafkaClient } from "../../shared/kafka/client.ts"
import type { Moment } from "./moment.ts"

export interface ReadOptions<E, R> {
  /** The logical name, without the prefix. */
  readonly topic: string
  readonly from:
    | Moment
    | { readonly _tag: "End" }
    | { readonly _tag: "Offsets"; readonly by: ReadonlyMap<number, number> }
  readonly follow: boolean
  readonly onRecords: (records: ReadonlyArray<FetchedRecord>) => void | Effect.Effect<void, E, R>
}

/** Calls back with records in the order of each partition. */
export const readTopic = Effect.fnUntraced(function* <E = never, R = never>(options: ReadOptions<E, R>) {
  const kafka = yield* KafkaClient
  const topic = (yield* SettingsService).topicPrefix + options.topic
  const ends = yield* kafka.topicOffsets(topic)
  const starts = yield* startsOf(topic, options.from)
  const ranges = ends.map(({ partition, low, high }) => ({
    partition,
    from: starts?.get(partition) ?? (options.from._tag === "End" ? high : low),
    to: options.follow ? null : high
  }))
  yield* kafka.read({
    topic,
    ranges: ranges.filter(({ from, to }) => to === null || from < to),
    onRecords: options.onRecords
  })
})

const startsOf = Effect.fnUntraced(function* (topic: string, from: ReadOptions<never, never>["from"]) {
  if (from._tag === "Offsets") return from.by
  if (from._tag !== "At") return null
  const kafka = yield* KafkaClient
  const offsets = yield* kafka.offsetsAt(topic, from.millis)
  return new Map(offsets.map(({ partition, offset }) => [partition, offset]))
})
