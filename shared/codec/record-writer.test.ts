import { assert, it } from "@effect/vitest"
import { RecordWriter } from "./record-writer.ts"

/** One record of so many letters. */
const record = (writer: RecordWriter, letter: string, length = 100): Buffer => {
  writer.begin(0)
  writer.string(letter.repeat(length), "text")
  return writer.end()
}

it("lends records in memory that is used again once it is given back, and not before", () => {
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

// Red when giving back twice puts a slab into the pool twice: two lenders then write into one.
it("takes memory back once", () => {
  const writer = new RecordWriter()
  const { release: giveBack } = writer.pooled(() => record(writer, "a"))
  giveBack()
  giveBack()
  const lent = [writer.pooled(() => record(writer, "b")), writer.pooled(() => record(writer, "c"))]
  assert.notStrictEqual(lent[0]?.value.buffer, lent[1]?.value.buffer)
})

it("keeps what is not lent apart from what is, also where a slab ends and where lending fails", () => {
  const writer = new RecordWriter()
  const own = [record(writer, "a")]
  const { value, release: giveBack } = writer.pooled(() =>
    Array.from({ length: 20 }, () => record(writer, "b", 100_000))
  )
  own.push(record(writer, "c"))
  const large = writer.pooled(() => record(writer, "d", 1_000_000))
  assert.throws(() => writer.pooled(() => writer.long("no number", "n")))
  own.push(record(writer, "e"))
  assert.strictEqual(new Set(own.map(({ buffer }) => buffer)).size, 1)
  assert.isTrue(value.every((each) => each.toString("latin1", 3) === "b".repeat(100_000)))
  giveBack()
  large.release()
  for (let run = 0; run < 20; run++) writer.pooled(() => record(writer, "z", 200_000))
  assert.deepStrictEqual(
    own.map((each) => each.toString("latin1", 2)),
    ["a", "c", "e"].map((letter) => letter.repeat(100))
  )
})
