import { assert, it } from "@effect/vitest"
import type { FetchedRecord } from "../kafka/client.ts"
import { inboundOf } from "./contract.ts"

const buffer = { release: () => undefined }

/** As a client may make it: what is asked for is cut from the fetched bytes only then. */
class LazyRecord implements FetchedRecord {
  readonly topic = "prod.raw-events"
  readonly partition = 2
  readonly offset = 7
  readonly timestamp = 1_795_000_000_000
  get key() {
    return Buffer.from("k")
  }
  get value() {
    return Buffer.from("v")
  }
  get headers() {
    return { connection: "meta" }
  }
  readonly bufferRef = buffer
}

it("keeps all of a record under another name of its topic", () => {
  assert.deepStrictEqual(inboundOf(new LazyRecord(), "raw-events"), {
    topic: "raw-events",
    partition: 2,
    offset: 7,
    timestamp: 1_795_000_000_000,
    key: Buffer.from("k"),
    value: Buffer.from("v"),
    headers: { connection: "meta" },
    bufferRef: buffer
  })
})

it("copies nothing where the name is the same", () => {
  const record = new LazyRecord()
  assert.strictEqual(inboundOf(record, record.topic), record)
})
