import { assert, it } from "@effect/vitest"
import type { FetchedRecord } from "../kafka/client.ts"
import { RecordCopies } from "./record-copies.ts"

/** A record whose key and value are views of a buffer that is used again as soon as it is released. */
const fetched = (offset: number, value: string | null, key: string | null = `key-${offset}`) => {
  const released: Array<number> = []
  const memory = Buffer.from(`${key ?? ""}${value ?? ""}`)
  const keyBytes = Buffer.byteLength(key ?? "")
  const record: FetchedRecord = {
    topic: "prefix.in",
    partition: 3,
    offset,
    timestamp: 1_000 + offset,
    key: key === null ? null : memory.subarray(0, keyBytes),
    value: value === null ? null : memory.subarray(keyBytes),
    headers: { to: "one" },
    bufferRef: {
      release: () => {
        released.push(offset)
        memory.fill("#")
      }
    }
  }
  return { record, released }
}

it("copies a record under its topic's logical name, and releases its fetch's buffer", () => {
  const { record, released } = fetched(7, "value")
  const copy = new RecordCopies().copy(record, "in")
  assert.deepStrictEqual(released, [7])
  const { topic, partition, offset, timestamp, headers } = copy
  assert.deepStrictEqual(
    { topic, partition, offset, timestamp, headers },
    { topic: "in", partition: 3, offset: 7, timestamp: 1_007, headers: { to: "one" } }
  )
  assert.strictEqual(String(copy.key), "key-7")
  assert.strictEqual(String(copy.value), "value")
  assert.strictEqual(copy.bytes, 10)
})

it("keeps null and an empty value apart", () => {
  const copies = new RecordCopies()
  const nulls = copies.copy(fetched(0, null, null).record, "in")
  assert.deepStrictEqual([nulls.key, nulls.value, nulls.bytes], [null, null, 0])
  const empty = copies.copy(fetched(1, "", "").record, "in")
  assert.deepStrictEqual([empty.key?.length, empty.value?.length, empty.bytes], [0, 0, 0])
})

it("uses memory again once its last record is released, and not before", () => {
  const copies = new RecordCopies()
  const textOf = (offset: number) => String(offset).padStart(1_000, "v")
  const copyOf = (offset: number) => copies.copy(fetched(offset, textOf(offset)).record, "in")
  const waiting: Array<FetchedRecord> = []
  const memories = new Set<ArrayBufferLike>()
  let next = 0
  for (let round = 0; round < 200; round++) {
    for (let count = 0; count < 1 + (round % 40); count++) waiting.push(copyOf(next++))
    for (const { value } of waiting) memories.add(value!.buffer)
    for (const { offset, key, value } of waiting) {
      assert.strictEqual(String(key), `key-${offset}`)
      assert.strictEqual(String(value), textOf(offset))
    }
    // A batch, the first of them.
    for (const { bufferRef } of waiting.splice(0, waiting.length - (round % 7))) bufferRef!.release()
  }
  assert.isAbove(next, 3_800)
  assert.isBelow(memories.size, 20)
})

it("gives a record that is larger than a chunk memory of its size", () => {
  const copies = new RecordCopies()
  const large = copies.copy(fetched(0, "x".repeat(100_000)).record, "in")
  const small = copies.copy(fetched(1, "small").record, "in")
  large.bufferRef!.release()
  const other = copies.copy(fetched(2, "other").record, "in")
  assert.strictEqual(large.value?.length, 100_000)
  assert.deepStrictEqual([String(small.value), String(other.value)], ["small", "other"])
  assert.notStrictEqual(other.value!.buffer, large.value!.buffer)
})
