/**
 * Event ids, order ids and click ids as the index holds them: 47 bits of a keyed function, so that the file says nothing to who has
 * no root key, and of two texts that get the same term by chance the records themselves say which was meant. Pure.
 */
import { createCipheriv, hash } from "node:crypto"
import type { Codecs } from "../../shared/codec/codecs.ts"
import type { IdentityKey } from "../../shared/credentials/identity-key.ts"
import { type EventTopic, eventIdOfKey, termsOf } from "../../shared/event-story/event-topics.ts"
import { type QueryKind, queryKinds } from "../../shared/event-story/story.ts"
import type { FetchedRecord } from "../../shared/kafka/client.ts"
import type { IndexEntry } from "./index-store.ts"

export interface TermHasher {
  /** Which root key it is of: other keys give other texts. */
  readonly keyName: string
  /** The terms of texts of one kind, as integers below 2^47: one call of the cipher for all of them. */
  readonly termsOf: (kind: QueryKind, texts: ReadonlyArray<string | Buffer>) => Float64Array
}

/** A term is AES-256 of the first half of the text's SHA-256, XOR that half, as keyed ids are; each kind has its key. */
export const makeTermHasher = (identity: Pick<IdentityKey, "keyFor">): TermHasher => {
  const cipherFor = (purpose: string) =>
    createCipheriv("aes-256-ecb", identity.keyFor(`event-index/v1/${purpose}`), null).setAutoPadding(false)
  const ciphers = Object.fromEntries(queryKinds.map((kind) => [kind, cipherFor(kind)]))
  const name = cipherFor("name").update(Buffer.alloc(blockBytes)).toString("hex")
  return {
    keyName: name,
    termsOf: (kind, texts) => {
      const blocks = Buffer.allocUnsafe(texts.length * blockBytes)
      for (let index = 0; index < texts.length; index++)
        hash("sha256", texts[index]!, "buffer").copy(blocks, index * blockBytes, 0, blockBytes)
      const encrypted = ciphers[kind]!.update(blocks)
      const terms = new Float64Array(texts.length)
      for (let index = 0; index < terms.length; index++) {
        const at = index * blockBytes
        const high = ((encrypted.readUInt16BE(at) ^ blocks.readUInt16BE(at)) & 0x7fff) * 2 ** 32
        terms[index] = high + ((encrypted.readUInt32BE(at + 2) ^ blocks.readUInt32BE(at + 2)) >>> 0)
      }
      return terms
    }
  }
}

/** A block of AES, and half of a SHA-256. */
const blockBytes = 16

/** Of what the index holds, only normalized events and pending outcomes are decoded. */
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
