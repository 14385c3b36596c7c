/** Times of a producer's Avro schema: the number counts, whatever logical type the schema gives it (docs/mapping.md). */
import { assert, it } from "@effect/vitest"
import avro from "avsc"
import { makeMemoryCodecs } from "../../../shared/testing/memory-codecs.ts"
import { defaultNormalizerOptions, normalize } from "../normalize/normalize.ts"
import { readRecord } from "./read-record.ts"

const now = Date.UTC(2026, 10, 23)

/** What becomes of an event whose times have this logical type. */
const timesOf = (logicalType: string, unit: number) => {
  const time = { type: "long", logicalType }
  const user = {
    type: "record",
    name: "RawUser",
    fields: [
      { name: "fbclid", type: "string" },
      { name: "fbclid_time", type: time }
    ]
  }
  const schema = {
    type: "record",
    name: "io.capirelay.RawEvent",
    fields: [
      { name: "event_id", type: "string" },
      { name: "event_name", type: "string" },
      { name: "event_time", type: time },
      { name: "user", type: user }
    ]
  }
  const codecs = makeMemoryCodecs({ 900: JSON.stringify(schema) })
  const read = (eventTime: number) => {
    const record = {
      event_id: "e",
      event_name: "lead",
      event_time: eventTime,
      user: { fbclid: "IwAR0abc", fbclid_time: (now - 1) * unit }
    }
    const body = avro.Type.forSchema(schema as unknown as avro.Schema).toBuffer(record)
    const value = Buffer.concat([Buffer.from([0, 0, 0, 900 >> 8, 900 & 255]), body])
    return readRecord(value, (bytes) => codecs.decode("raw-event", bytes), 1_048_576)
  }
  const source = { topic: "raw-events", partition: 0, offset: 0, timestamp: now }
  const normalized = (eventTime: number) => {
    const result = read(eventTime)
    if (result._tag === "Problem") return assert.fail(result.problem.message)
    return normalize(result.raw, source, { ...defaultNormalizerOptions, now }, result.dropped)
  }
  const [asIs, inMillis] = [normalized(now * unit), normalized(now)]
  return {
    eventTime: asIs._tag === "Problem" ? asIs.problem.reason : asIs.event.event_time,
    dropped:
      inMillis._tag === "Problem" ? [] : inMillis.event.dropped_fields.map(({ field, reason }) => `${field} ${reason}`)
  }
}

it.each(["timestamp-millis", "local-timestamp-millis"])("%s is milliseconds of UTC", (logicalType) => {
  assert.deepEqual(timesOf(logicalType, 1), { eventTime: now, dropped: [] })
})

it.each(["timestamp-micros", "local-timestamp-micros"])("%s is no time", (logicalType) => {
  const { dropped, eventTime } = timesOf(logicalType, 1_000)
  assert.deepEqual([eventTime, dropped], ["event_time_invalid", ["user.fbclid_time invalid_time"]])
})
