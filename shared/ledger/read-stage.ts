/** Reads what a stage wrote of a slice's events. */
import * as Effect from "effect/Effect"
import type { Records, SchemaName } from "../codec/codecs.ts"
import type { FetchedRecord } from "../kafka/client.ts"
import type { RawSource } from "./event-state.ts"
import type { Slices } from "./slices.ts"
import type { FollowedTopic } from "./topic-follower.ts"

/** One of the slices of a ledger's raw records. */
export interface Slice {
  readonly slices: Slices
  readonly index: number
}

/** What is new in a topic; of a slice but the first, its records alone. */
export const readStage = <S extends SchemaName>(
  topic: FollowedTopic,
  slice: Slice | null,
  schema: S,
  rawOf: (value: Records[S]) => RawSource | null,
  use: (value: Records[S], record: FetchedRecord) => void
) => {
  if (slice === null) return topic.readAs(schema, use)
  const { slices, index } = slice
  if (index > 0)
    return Effect.forEach(slices.noted(topic.topic, index), (ranges) => topic.readRangesAs(ranges, schema, use), {
      discard: true
    })
  return topic.readAs(schema, (value, record) => {
    const source = rawOf(value)
    const found = source === null ? -1 : slices.indexOf(source)
    if (found > 0) slices.note(topic.topic, found, record)
    else use(value, record)
  })
}
