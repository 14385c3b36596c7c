/** Reads a topic as values: its records decoded, in the order of each partition. What cannot be decoded is skipped. */
import * as Effect from "effect/Effect"
import type { FetchedRecord } from "../kafka/client.ts"
import { type ReadOptions, readTopic } from "../kafka/read-topic.ts"
import { Codecs, type Records, type RegistryError, type SchemaName } from "./codecs.ts"

export interface ReadValuesOptions<S extends SchemaName> extends Pick<ReadOptions<never, never>, "topic" | "from"> {
  readonly schema: S
  /** Whether it goes on at the topic's end, and never ends. */
  readonly follow?: boolean
  /** Only these are decoded. */
  readonly accept?: (record: FetchedRecord) => boolean
  /** The record is not to be kept: its memory is used again. */
  readonly onValue: (value: Records[S], record: FetchedRecord) => void
  /** Called for each record without a value. */
  readonly onDeleted?: (record: FetchedRecord) => void
  /** Called after the records of a fetch. */
  readonly onFetched?: () => void | Effect.Effect<void>
}

export const readValues = Effect.fnUntraced(function* <S extends SchemaName>(options: ReadValuesOptions<S>) {
  const { accept, onDeleted, onFetched, onValue, schema } = options
  const codecs = yield* Codecs
  yield* readTopic<RegistryError>({
    topic: options.topic,
    from: options.from,
    follow: options.follow ?? false,
    releases: true,
    onRecords: Effect.fnUntraced(function* (records) {
      const wanted = accept === undefined ? records : records.filter(accept)
      yield* codecs.loadSchemas(wanted.map(({ value }) => value))
      for (const record of wanted) {
        if (record.value === null) onDeleted?.(record)
        const decoded = codecs.decode(schema, record.value)
        if (decoded._tag === "Decoded") onValue(decoded.value, record)
      }
      const after = onFetched?.()
      if (after !== undefined) yield* after
    })
  })
})

/** The last value of each key of a compacted topic. */
export const latestValues = Effect.fnUntraced(function* <S extends SchemaName>(topic: string, schema: S) {
  const latest = new Map<string, Records[S]>()
  yield* readValues({
    topic,
    schema,
    from: { _tag: "Beginning" },
    onValue: (value, { key }) => void latest.set(String(key), value),
    onDeleted: ({ key }) => void latest.delete(String(key))
  })
  return latest as ReadonlyMap<string, Records[S]>
})
