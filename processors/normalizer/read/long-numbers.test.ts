/** Numbers of 64 bits, which other languages have and JavaScript does not: they cost their field, and not the event. */
import { readFileSync } from "node:fs"
import { assert, describe, it } from "@effect/vitest"
import avro from "avsc"
import { makeMemoryCodecs, memorySchemaId } from "../../../shared/testing/memory-codecs.ts"
import { defaultNormalizerOptions, normalize } from "../normalize/normalize.ts"
import { type JsonEvent, readRecord } from "./read-record.ts"

const now = Date.UTC(2026, 10, 23)
const source = { topic: "raw-events", partition: 0, offset: 0, timestamp: now }

/** Avro's binary form of a long. */
const zigzag = (value: bigint): Buffer => {
  const bytes: Array<number> = []
  let rest = BigInt.asUintN(64, (value << 1n) ^ (value >> 63n))
  for (; rest > 127n; rest >>= 7n) bytes.push(Number(rest & 127n) | 128)
  return Buffer.from([...bytes, Number(rest)])
}

/** Stands in a record for a number that avsc does not write. */
const placeholder = 4_000_000_000_000_001

const schema = JSON.parse(readFileSync(new URL("../../../schemas/raw-event.avsc", import.meta.url), "utf8")) as {
  readonly fields: Array<unknown>
}
const newer = { ...schema, fields: [...schema.fields, { name: "tier", type: ["null", "string"], default: null }] }

const normalized = (read: JsonEvent) => {
  if (read._tag === "Problem") return { reason: read.problem.reason, dropped: [], custom: null }
  const result = normalize(read.raw, source, { ...defaultNormalizerOptions, now }, read.dropped)
  if (result._tag === "Problem") return { reason: result.problem.reason, dropped: [], custom: null }
  const dropped = result.event.dropped_fields
    .filter(({ field }) => field !== "tier")
    .map(({ field, reason }) => `${field} ${reason}`)
  return { reason: null, dropped, custom: result.event.properties?.custom }
}

describe.each([
  ["ours", schema],
  ["a newer one", newer]
])("a record by a schema of a producer, %s", (_name, of) => {
  const codecs = makeMemoryCodecs({ 900: JSON.stringify(of) })
  const type = avro.Type.forSchema(of as unknown as avro.Schema)
  const user = { email: "ann@shop.example" }
  const read = (fields: object, long: bigint) => {
    const record = { event_id: "e-1", event_name: "lead", event_time: now, user, ...fields }
    const head = Buffer.alloc(5)
    head.writeUInt32BE(of === schema ? memorySchemaId("raw-event") : 900, 1)
    const body = type.toBuffer(record)
    const [at, length] = [body.indexOf(zigzag(BigInt(placeholder))), zigzag(BigInt(placeholder)).length]
    const value = Buffer.concat([head, body.subarray(0, at), zigzag(long), body.subarray(at + length)])
    return normalized(readRecord(value, (bytes) => codecs.decode("raw-event", bytes), 1_048_576))
  }

  it.each([2n ** 63n - 1n, -(2n ** 63n), 1_234_567_890_123_456_789n, 2n ** 53n])(
    "leaves out a time that is not exact: %s",
    (value) => {
      const { dropped, reason } = read({ user: { ...user, fbclid_time: placeholder } }, value)
      assert.deepEqual([reason, dropped], [null, ["user.fbclid_time invalid_time"]])
      assert.strictEqual(read({ event_time: placeholder }, value).reason, "event_time_invalid")
    }
  )

  it("keeps what is exact", () => {
    const { dropped, reason } = read({ user: { ...user, fbclid_time: placeholder } }, BigInt(now - 1))
    assert.deepEqual([reason, dropped], [null, []])
  })
})

describe("JSON", () => {
  const json = (fields: string) => `{"event_name":"lead","event_time":${now},${fields}}`
  const readText = (text: string) => readRecord(Buffer.from(text), () => assert.fail("JSON"), 1_048_576)
  const user = `"event_id":"e-1","user":{"email":"ann@shop.example"}`
  const properties = (custom: string) => normalized(readText(json(`${user},"properties":{"plan":"gold",${custom}}`)))

  it.each(["1234567890123456789", "-9007199254740993", "9007199254740993", "100000000000000000000"])(
    "keeps the digits of an integer that is beyond a number, as text: %s",
    (digits) => {
      const { custom, dropped } = properties(`"shard":${digits},"order":{"ids":[7,${digits}],"price":1.5}`)
      assert.deepEqual(dropped, [])
      assert.deepEqual(custom, { plan: "gold", shard: digits, order: `{"ids":[7,"${digits}"],"price":1.5}` })
      const read = readText(
        json(
          `"event_id":${digits},"user":{"external_id":[${digits},8],"lead_id":${digits}},"properties":{"order_id":${digits},"value":12.5,"items":[{"id":${digits},"quantity":2}]},"page_id":${digits}`
        )
      )
      if (read._tag === "Problem") return assert.fail(read.problem.reason)
      const { raw } = read
      assert.deepEqual(read.dropped, [])
      assert.deepEqual(
        [raw.event_id, raw.page_id, raw.properties?.order_id, raw.properties?.items[0]?.id, raw.user?.lead_id],
        [digits, digits, digits, digits, digits]
      )
      assert.deepEqual(raw.user?.external_id, [digits, "8"])
      assert.deepEqual([raw.properties?.value, raw.properties?.items[0]?.quantity], [12.5, 2])
    }
  )

  it("leaves out what is too large for a number, and no digits name", () => {
    for (const value of ["1e400", "1e30", "-1e19"]) {
      const { custom, dropped } = properties(`"shard":${value}`)
      assert.deepEqual(custom, { plan: "gold" })
      assert.deepEqual(dropped, ["properties.custom.shard not_a_number"])
    }
    const read = readText(json(`${user},"properties":{"order_id":1e400}`))
    if (read._tag === "Problem") return assert.fail(read.problem.reason)
    assert.deepEqual(read.dropped, [{ field: "properties.order_id", reason: "invalid_type" }])
  })

  it("leaves numbers as they are that are exact", () => {
    const { custom } = properties(`"a":9007199254740991,"b":1.5e3,"c":{"d":[9007199254740991,-0.25]}`)
    assert.deepEqual(custom, { plan: "gold", a: 9007199254740991, b: 1500, c: '{"d":[9007199254740991,-0.25]}' })
  })

  it("reads a time in nanoseconds as one, and no other", () => {
    const read = normalized(readText(`{"event_id":"e-1","event_name":"lead","event_time":${now}000000}`))
    assert.strictEqual(read.reason, "event_time_invalid")
  })
})
