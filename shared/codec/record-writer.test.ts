import { assert, it } from "@effect/vitest"
import { RecordWriter } from "./record-writer.ts"

/** One record of one character, repeated. */
const record = (writer: RecordWriter, character: string, length = 100): Buffer => {
  writer.begin(0)
  writer.at = writer.string(character.repeat(length), writer.at, "text")
  return writer.end()
}

it("writes pooled records into memory that is used again after their release, and not before", () => {
  const writer = new RecordWriter()
  const first = writer.pooled(() => record(writer, "a"))
  const second = writer.pooled(() => record(writer, "b"))
  assert.strictEqual(first.value.toString("latin1", 2), "a".repeat(100))
  first.release()
  const third = writer.pooled(() => record(writer, "c"))
  assert.strictEqual(third.value.buffer, first.value.buffer)
  assert.notStrictEqual(third.value.buffer, second.value.buffer)
  assert.strictEqual(second.value.toString("latin1", 2), "b".repeat(100))
})

it("releases memory once", () => {
  const writer = new RecordWriter()
  const { release } = writer.pooled(() => record(writer, "a"))
  release()
  const next = writer.pooled(() => record(writer, "b"))
  release()
  const last = writer.pooled(() => record(writer, "c"))
  assert.notStrictEqual(next.value.buffer, last.value.buffer)
})

it("keeps pooled records apart from others, also at the end of a slab and after a failure", () => {
  const writer = new RecordWriter()
  const unpooled = [record(writer, "a")]
  const { value, release } = writer.pooled(() => Array.from({ length: 20 }, () => record(writer, "b", 100_000)))
  unpooled.push(record(writer, "c"))
  const large = writer.pooled(() => record(writer, "d", 1_000_000))
  assert.throws(() => writer.pooled(() => writer.long("no number", writer.at, "n")))
  unpooled.push(record(writer, "e"))
  assert.strictEqual(new Set(unpooled.map(({ buffer }) => buffer)).size, 1)
  assert.isTrue(value.every((each) => each.toString("latin1", 3) === "b".repeat(100_000)))
  release()
  large.release()
  for (let run = 0; run < 20; run++) writer.pooled(() => record(writer, "z", 200_000))
  assert.deepStrictEqual(
    unpooled.map((each) => each.toString("latin1", 2)),
    ["a", "c", "e"].map((character) => character.repeat(100))
  )
})
