/** What the index holds of records: by which texts each is found. Only normalized events and pending outcomes are decoded. */
import type { Codecs } from "../../shared/codec/codecs.ts"
import { type EventTopic, eventIdOfKey, termsOf } from "../../shared/event-story/event-topics.ts"
import { type QueryKind, queryKinds } from "../../shared/event-story/story.ts"
import type { FetchedRecord } from "../../shared/kafka/client.ts"
import type { IndexEntry } from "./index-store.ts"
import type { TermHasher } from "./terms.ts"

export const isDecoded = ({ stage }: EventTopic): boolean => stage === "normalized" || stage === "pending"

/** The entries of records of one topic, whose schemas are loaded. A record that cannot be read is found by its key. */
export const entriesOf = (
  row: EventTopic,
  records: ReadonlyArray<FetchedRecord>,
  codecs: Pick<Codecs["Service"], "decode">,
  hasher: TermHasher
): ReadonlyArray<IndexEntry> => {
  const texts: Record<QueryKind, Array<string | Buffer>> = { event: [], order: [], click: [] }
  const of: Record<QueryKind, Array<FetchedRecord>> = { event: [], order: [], click: [] }
  const add = (kind: QueryKind, text: string | Buffer, record: FetchedRecord): void => {
    texts[kind].push(text)
    of[kind].push(record)
  }
  for (const record of records) {
    const { key, value } = record
    if (row.stage === "pending") {
      const decoded = codecs.decode("pending-outcome", value)
      if (decoded._tag === "Decoded") for (const { event_id } of decoded.value.events) add("event", event_id, record)
      continue
    }
    if (key !== null) add("event", row.stage === "intent" ? eventIdOfKey(row.stage, String(key)) : key, record)
    if (row.stage !== "normalized") continue
    const decoded = codecs.decode("normalized-event", value)
    if (decoded._tag === "Decoded") for (const [kind, text] of termsOf(decoded.value)) add(kind, text, record)
  }
  return queryKinds.flatMap((kind) => {
    if (texts[kind].length === 0) return []
    const terms = hasher.termsOf(kind, texts[kind])
    return of[kind].map(
      ({ partition, offset, timestamp }, index): IndexEntry => ({
        term: terms[index]!,
        topic: row.topic,
        partition,
        offset,
        at: timestamp
      })
    )
  })
}
