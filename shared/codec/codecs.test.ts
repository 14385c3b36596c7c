import { assert, it } from "@effect/vitest"
import avro from "avsc"
import fc from "fast-check"
import { describe } from "vitest"
import type { MappedEvent, RawEvent } from "../../schemas/types.gen.ts"
import { makeMemoryCodecs, memorySchemaId } from "../testing/memory-codecs.ts"
import type { SchemaName } from "./codecs.ts"
import { recordTypes, schemaJson, schemaNames, topicSchemas } from "./schemas.ts"

type Fields = { name: string; type: unknown; default?: unknown; doc?: string }[]
const rawSchema = () => JSON.parse(schemaJson["raw-event"]) as { fields: Fields }

const purchase = (extra: Partial<RawEvent> = {}): RawEvent => {
  const empty = recordTypes["raw-event"].fromBuffer(
    recordTypes["raw-event"].toBuffer({ event_id: "e-1", event_name: "purchase", event_time: 1_795_000_000_123 })
  ) as RawEvent
  return { ...empty, ...extra }
}
const properties = (): NonNullable<RawEvent["properties"]> =>
  recordTypes["raw-event"].fromBuffer(
    recordTypes["raw-event"].toBuffer({ event_id: "", event_name: "", event_time: 0, properties: {} })
  ).properties

const foreignFrame = (id: number, schema: object, record: object): Buffer => {
  const head = Buffer.alloc(5)
  head.writeUInt32BE(id, 1)
  return Buffer.concat([head, avro.Type.forSchema(schema as avro.Schema).toBuffer(record)])
}

describe("a round trip", () => {
  it("reads what was written, with its id in the frame", () => {
    const codecs = makeMemoryCodecs()
    const event = purchase({ properties: { ...properties(), value: 129.95, custom: { plan: "pro", vip: true, n: 3 } } })
    const value = codecs.encode("raw-events", "raw-event", event)
    assert.strictEqual(value[0], 0)
    assert.strictEqual(value.readUInt32BE(1), memorySchemaId("raw-event"))
    const decoded = codecs.decode("raw-event", value)
    assert.strictEqual(decoded._tag, "Decoded")
    assert.deepEqual(JSON.parse(JSON.stringify(decoded)).value, JSON.parse(JSON.stringify(event)))
  })

  it("gives a payload as bytes where it is only passed on, and all else as it is", () => {
    const codecs = makeMemoryCodecs()
    for (let run = 0; run < 200; run++) {
      const random = recordTypes["mapped-event"].random() as unknown as MappedEvent
      const event = { ...random, payload: ["", "{}", "é", "x".repeat(run * 997)][run % 4] ?? "" }
      const value = codecs.encode("mapped-events.meta", "mapped-event", event)
      const [whole, view] = [codecs.decode("mapped-event", value), codecs.decode("sendable-event", value)]
      if (whole._tag !== "Decoded" || view._tag !== "Decoded") return assert.fail("not decoded")
      assert.notStrictEqual(typeof view.value.payload, "string")
      assert.deepStrictEqual({ ...view.value, payload: String(view.value.payload) }, whole.value)
      assert.strictEqual(view.value.payload.length, Buffer.byteLength(whole.value.payload))
    }
  })

  it("keeps records apart that share a slab, whatever their sizes", () => {
    const codecs = makeMemoryCodecs()
    fc.assert(
      fc.property(fc.array(fc.nat({ max: 300_000 }), { minLength: 1, maxLength: 12 }), (sizes) => {
        const events = sizes.map((size, index) => purchase({ event_id: `${index}-`.padEnd(size, String(index % 10)) }))
        const values = events.map((event) => codecs.encode("raw-events", "raw-event", event))
        for (const [index, value] of values.entries()) {
          const decoded = codecs.decode("raw-event", value)
          assert.strictEqual(decoded._tag === "Decoded" ? decoded.value.event_id : null, events[index]!.event_id)
        }
      }),
      { numRuns: 20 }
    )
  })
})

describe("evolution", () => {
  it("reads an older producer, which lacks our newer fields", () => {
    const older = rawSchema()
    older.fields = older.fields.filter((field) => ["event_id", "event_name", "event_time"].includes(field.name))
    const codecs = makeMemoryCodecs({ 100: JSON.stringify(older) })
    const value = foreignFrame(100, older, { event_id: "old", event_name: "lead", event_time: 1 })
    const decoded = codecs.decode("raw-event", value)
    assert.deepInclude(decoded._tag === "Decoded" ? decoded.value : {}, {
      event_id: "old",
      user: null,
      properties: null
    })
  })

  it("reads a newer producer, whose fields we do not know, arrays and maps among them", () => {
    const newer = rawSchema()
    const added = [
      { name: "scores", type: { type: "array", items: "double" }, default: [] },
      { name: "labels", type: { type: "map", values: "string" }, default: {} }
    ]
    newer.fields = [added[0]!, ...newer.fields, added[1]!]
    const codecs = makeMemoryCodecs({ 101: JSON.stringify(newer) })
    const record = { event_id: "new", event_name: "lead", event_time: 1, scores: [1, 2.5], labels: { a: "b" } }
    const decoded = codecs.decode("raw-event", foreignFrame(101, newer, record))
    assert.deepInclude(decoded._tag === "Decoded" ? decoded.value : {}, { event_id: "new", event_name: "lead" })
  })

  it("says what is missing in a schema that cannot be resolved to ours", () => {
    const other = { type: "record", name: "RawEvent", namespace: "io.capirelay", fields: [{ name: "x", type: "int" }] }
    const decoded = makeMemoryCodecs({ 102: JSON.stringify(other) }).decode(
      "raw-event",
      foreignFrame(102, other, { x: 1 })
    )
    assert.deepInclude(decoded, { _tag: "Undecodable", reason: "undecodable" })
    assert.match(decoded._tag === "Undecodable" ? decoded.message : "", /event_id/)
    const foreign = { ...other, name: "Order", namespace: "shop" }
    const unlike = makeMemoryCodecs({ 103: JSON.stringify(foreign) }).decode(
      "raw-event",
      foreignFrame(103, foreign, { x: 1 })
    )
    assert.match(
      unlike._tag === "Undecodable" ? unlike.message : "",
      /id 103 cannot be read: it is the schema of shop\.Order, and io\.capirelay\.RawEvent is expected here\./
    )
  })
})

describe("bytes that are no record", () => {
  const codecs = makeMemoryCodecs()
  const reason = (value: Buffer | null) => {
    const decoded = codecs.decode("raw-event", value)
    return decoded._tag === "Undecodable" ? decoded.reason : "decoded"
  }
  const framed = (bytes: ReadonlyArray<number> | Buffer, id = memorySchemaId("raw-event")) => {
    const head = Buffer.alloc(5)
    head.writeUInt32BE(id, 1)
    return Buffer.concat([head, Buffer.from(bytes)])
  }
  const long = (value: number): Buffer => avro.Type.forSchema("long").toBuffer(value)

  it("each has its reason", () => {
    assert.strictEqual(reason(null), "empty")
    assert.strictEqual(reason(Buffer.alloc(0)), "empty")
    assert.strictEqual(reason(Buffer.from('{"event_id":"1"}')), "not_avro")
    assert.strictEqual(reason(Buffer.from([0, 0, 0])), "not_avro")
    assert.strictEqual(reason(framed([1, 2, 3], 999)), "unknown_schema_id")
    assert.strictEqual(reason(framed([255, 255, 255])), "undecodable")
    const good = codecs.encode("raw-events", "raw-event", purchase())
    assert.strictEqual(reason(good.subarray(0, good.length - 1)), "undecodable")
    assert.strictEqual(reason(Buffer.concat([good, Buffer.from([0])])), "undecodable")
  })

  it("never quotes the record in a message", () => {
    const value = codecs.encode("raw-events", "raw-event", purchase({ event_id: "jane.doe@example.com" }))
    const decoded = codecs.decode("raw-event", value.subarray(0, value.length - 3))
    assert.notInclude(JSON.stringify(decoded), "jane")
  })

  it("a block that announces more items than there are bytes does not keep us", () => {
    const items = { type: "array", items: "string" }
    const writer = rawSchema()
    writer.fields = [{ name: "extra", type: items, default: [] }, ...writer.fields]
    const skipping = makeMemoryCodecs({ 103: JSON.stringify(writer) })
    for (const count of [2 ** 52, -(2 ** 52), 1_000_000]) {
      const bytes = Buffer.concat([long(count), Buffer.alloc(40)])
      assert.strictEqual(skipping.decode("raw-event", framed(bytes, 103))._tag, "Undecodable")
    }
    const endless = Buffer.concat([long(-1), long(-3), Buffer.alloc(40)])
    assert.strictEqual(skipping.decode("raw-event", framed(endless, 103))._tag, "Undecodable")
  })

  it("decode is total: any bytes after a known id give a record or a reason", () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 300 }),
        fc.constantFrom<SchemaName>(...schemaNames),
        fc.boolean(),
        (bytes, schema, withFrame) => {
          const value = withFrame ? framed(Buffer.from(bytes), memorySchemaId(schema)) : Buffer.from(bytes)
          assert.include(["Decoded", "Undecodable"], codecs.decode(schema, value)._tag)
        }
      ),
      { numRuns: 2000 }
    )
  })

  it("decode is total: a good record with some bytes changed", () => {
    const good = codecs.encode("raw-events", "raw-event", purchase({ properties: { ...properties(), value: 1 } }))
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(good.length - 6), fc.nat(255)), { minLength: 1, maxLength: 4 }),
        (changes) => {
          const value = Buffer.from(good)
          for (const [at, byte] of changes) value[5 + at] = byte
          assert.include(["Decoded", "Undecodable"], codecs.decode("raw-event", value)._tag)
        }
      ),
      { numRuns: 2000 }
    )
  })
})

it("every declared topic has a schema of ours", () => {
  for (const { schema } of topicSchemas) assert.include(schemaNames, schema)
  assert.includeMembers(
    topicSchemas.map(({ topic }) => topic),
    ["raw-events", "mapped-events.meta", "mapped-events.whatsapp"]
  )
})
