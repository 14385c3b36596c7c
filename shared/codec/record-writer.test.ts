import { assert, it } from "@effect/vitest"
import { RecordWriter } from "./record-writer.ts"

/** One record of one character, repeated. */
const record = (writer: RecordWriter, character: string, length = 100): Buffer => {
  writer.begin(0)
  writer.at = writer.string(character.repeat(length), writer.at, "text")
  return writer.end()
}

const length = 30_000
/** A call for each character: some share memory, all together do not. */
const writeEach = (writer: RecordWriter, characters: string) =>
  [...characters].map((character) => writer.pooled(() => record(writer, character, length)))
const textOf = (value: Buffer): string => value.toString("latin1", 3)

it("writes pooled records into memory that is used again after the release of all that share it, and not before", () => {
  const writer = new RecordWriter()
  const [first, ...others] = writeEach(writer, "abcdefghij")
  const { buffer } = first!.value
  assert.isTrue(others[0]!.value.buffer === buffer)
  assert.isFalse(others.every(({ value }) => value.buffer === buffer))
  for (const { release } of others) release()
  const between = writeEach(writer, "k".repeat(40))
  assert.isFalse(between.some(({ value }) => value.buffer === buffer))
  assert.isTrue(textOf(first!.value) === "a".repeat(length))
  first!.release()
  assert.isTrue(writeEach(writer, "l".repeat(40)).some(({ value }) => value.buffer === buffer))
})

it("writes pooled records into other memory while such records are written", () => {
  const writer = new RecordWriter()
  const outer = writer.pooled(() => {
    const before = record(writer, "a")
    const inner = writer.pooled(() => record(writer, "b"))
    return [before, inner.value, record(writer, "c")]
  })
  const after = writer.pooled(() => record(writer, "d"))
  assert.deepStrictEqual(
    [...outer.value, after.value].map((each) => each.toString("latin1", 2)),
    ["a", "b", "c", "d"].map((character) => character.repeat(100))
  )
})

it("releases memory once", () => {
  const writer = new RecordWriter()
  const calls = writeEach(writer, "abcdefghij")
  for (let time = 0; time < 2; time++) for (const { release } of calls) release()
  const characters = "0123456789".repeat(6)
  const later = writeEach(writer, characters)
  assert.isTrue(later.every(({ value }, index) => textOf(value) === characters[index]!.repeat(length)))
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
