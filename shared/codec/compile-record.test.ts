import { assert, describe, it } from "@effect/vitest"
import fc from "fast-check"
import { compileRecord } from "./compile-record.ts"
import { RecordReader } from "./record-reader.ts"
import { RecordWriter } from "./record-writer.ts"
import { recordTypes, schemaJson, schemaNames } from "./schemas.ts"

const writer = new RecordWriter()
const reader = new RecordReader()
const plain = (value: unknown): unknown => JSON.parse(JSON.stringify(value))

for (const name of schemaNames) {
  describe(name, () => {
    const type = recordTypes[name]
    const compiled = compileRecord(schemaJson[name])!
    const write = (record: unknown): Buffer => {
      writer.begin(0)
      compiled.write(writer, record)
      return writer.end()
    }
    const read = (bytes: Buffer): { readonly record: unknown } | null => {
      try {
        reader.begin(bytes, 0)
        const record = compiled.read(reader)
        return reader.end() === bytes.length ? { record } : null
      } catch {
        return null
      }
    }
    const readByAvsc = (bytes: Buffer): { readonly record: unknown } | null => {
      try {
        const { value, offset } = type.decode(bytes, 0)
        return offset === bytes.length ? { record: value } : null
      } catch {
        return null
      }
    }

    it("writes and reads what avsc does, for records of every shape", () => {
      for (let run = 0; run < 300; run++) {
        const record = type.random()
        const expected = type.toBuffer(record)
        assert.deepEqual(write(record), expected)
        assert.deepEqual(plain(read(expected)), plain({ record }))
      }
    })

    it("agrees with avsc about bytes that somebody changed", () => {
      for (let run = 0; run < 600; run++) {
        const bytes = Buffer.from(type.toBuffer(type.random()))
        for (const [at, byte] of fc.sample(fc.tuple(fc.nat(), fc.nat(255)), 2)) bytes[at % bytes.length] = byte
        const mine = read(bytes)
        if (mine !== null) assert.deepEqual(plain(mine), plain(readByAvsc(bytes)))
      }
    })
  })
}

describe("strings of a record that follow one another", () => {
  const names = ["a", "b", "c", "d"] as const
  const fields = names.map((name) => ({ name, type: "string" }))
  const compiled = compileRecord(JSON.stringify({ type: "record", name: "Strings", fields }))!

  it("are each read as they were written, whether they are equal or nearly, in small records and large ones", () => {
    const text = fc.constantFrom(
      "",
      "x",
      "é",
      "a".repeat(64),
      `${"a".repeat(63)}b`,
      `b${"a".repeat(63)}`,
      "a".repeat(70_000)
    )
    const record = fc.record({ a: text, b: text, c: text, d: text })
    fc.assert(
      fc.property(fc.array(record, { maxLength: 4 }), (records) => {
        const written = records.map((one) => {
          writer.begin(0)
          compiled.write(writer, one)
          return writer.end()
        })
        const read = written.map((bytes) => {
          reader.begin(bytes, 0)
          const one = compiled.read(reader)
          assert.strictEqual(reader.end(), bytes.length)
          return one
        })
        assert.deepEqual(read, records)
      })
    )
  })
})

describe("numbers and strings at their limits", () => {
  const schema = JSON.stringify({
    type: "record",
    name: "Borders",
    fields: [
      { name: "n", type: "long" },
      { name: "s", type: "string" }
    ]
  })
  const compiled = compileRecord(schema)!
  const roundTrip = (record: { readonly n: number; readonly s: string }): unknown => {
    writer.begin(0)
    compiled.write(writer, record)
    const bytes = Buffer.from(writer.end())
    reader.begin(bytes, 0)
    const read = compiled.read(reader)
    assert.strictEqual(reader.end(), bytes.length)
    return read
  }

  it("any safe integer and any well-formed text come back", () => {
    fc.assert(
      fc.property(fc.maxSafeInteger(), fc.string({ unit: "binary", maxLength: 200 }), (n, s) => {
        assert.deepEqual(roundTrip({ n, s }), { n, s })
      }),
      { numRuns: 3000 }
    )
    for (const n of [0, -1, 63, 64, -64, -65, 2 ** 30, -(2 ** 30), 2 ** 31, 2 ** 53 - 1, -(2 ** 53 - 1)]) {
      assert.deepEqual(roundTrip({ n, s: "" }), { n, s: "" })
    }
    for (const length of [21, 22, 47, 48, 49, 63, 64, 2731, 8191, 8192, 300_000, 1_048_575, 1_048_576]) {
      for (const letter of ["a", "é", "€"]) {
        const s = letter.repeat(length)
        assert.deepEqual(roundTrip({ n: 1, s }), { n: 1, s })
      }
    }
  })

  it("names the field of a record that does not fit", () => {
    writer.begin(0)
    assert.throws(() => compiled.write(writer, { n: 1.5, s: "" }), /Borders\.n must be an integer/)
    assert.throws(() => compiled.write(writer, { n: 1, s: null }), /Borders\.s must be a string/)
  })
})
