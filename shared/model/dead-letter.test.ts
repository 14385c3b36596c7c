import { assert, describe, it } from "@effect/vitest"
import { makeMemoryCodecs } from "../testing/memory-codecs.ts"
import { deadLetter, deadLetterKey } from "./dead-letter.ts"

const source = { topic: "raw-events", partition: 3, offset: 17, timestamp: 1_795_000_000_000 }
const fields = { stage: "normalizer", reason_code: "not_avro", message: "No Avro.", timestamp: 1_795_000_001_000 }

describe("a dead letter", () => {
  it("says by default that nothing was sent and nothing is known of the event", () => {
    assert.deepStrictEqual(deadLetter(source, fields), {
      ...fields,
      source_topic: "raw-events",
      source_partition: 3,
      source_offset: 17,
      source_timestamp: 1_795_000_000_000,
      attempts: 0,
      original_key: null,
      original: null,
      sealed: false,
      event_id: null,
      event_name: null,
      connection_id: null,
      platform: null,
      next_step: null,
      request_id: null
    })
  })

  it("keeps the record and every given field, in the bytes too", () => {
    const record = { ...source, key: Buffer.from("k"), value: Buffer.from("v") }
    const known = {
      attempts: 4,
      sealed: true,
      event_id: "e-1",
      event_name: "purchase",
      connection_id: "shop",
      platform: "meta",
      next_step: "Look.",
      request_id: "r-1"
    }
    const entry = deadLetter(record, { ...fields, ...known })
    assert.deepInclude(entry, known)
    const codecs = makeMemoryCodecs()
    const decoded = codecs.decode("dead-letter", codecs.encode("dead-letters", "dead-letter", entry))
    assert.isTrue(decoded._tag === "Decoded")
    if (decoded._tag !== "Decoded") return
    assert.deepStrictEqual({ ...decoded.value }, entry)
    assert.strictEqual(decoded.value.original?.toString(), "v")
    assert.strictEqual(decoded.value.original_key?.toString(), "k")
  })

  it("is keyed by the event's id, else by the record's position", () => {
    assert.strictEqual(deadLetterKey(deadLetter(source, { ...fields, event_id: "e-1" })), "e-1")
    assert.strictEqual(deadLetterKey(deadLetter(source, fields)), "raw-events/3/17")
  })
})
