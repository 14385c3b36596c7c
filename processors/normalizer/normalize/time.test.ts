import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import { rawEventFromJson } from "../read/read-record.ts"
import { readTime } from "./time.ts"

const nine = Date.UTC(2026, 10, 28, 9, 30, 5)

describe("a time of a JSON event", () => {
  it.each([
    [nine, nine],
    [String(nine), nine],
    [`${nine}.75`, nine],
    [nine + 0.75, nine],
    ["2026-11-28T09:30:05Z", nine],
    ["2026-11-28t09:30:05z", nine],
    [" 2026-11-28T09:30:05Z ", nine],
    ["2026-11-28 09:30:05Z", nine],
    ["2026-11-28T09:30:05+00:00", nine],
    ["2026-11-28T09:30:05-00:00", nine],
    ["2026-11-28T10:30:05+01:00", nine],
    ["2026-11-28T10:30:05+0100", nine],
    ["2026-11-28T10:30:05+01", nine],
    ["2026-11-28T04:00:05-05:30", nine],
    ["2026-11-27T23:30:05-10:00", nine],
    ["2026-11-28T23:15:05+13:45", nine],
    ["2026-11-28T09:30:05.250Z", nine + 250],
    ["2026-11-28T09:30:05,2Z", nine + 200],
    ["2026-11-28T09:30:05.123456789Z", nine + 123],
    ["2026-11-28T09:30Z", nine - 5_000],
    ["2026-11-28T09:29:60Z", nine - 5_000],
    ["20261128T093005Z", nine],
    ["20261128T103005+0100", nine],
    ["2026-11-28 09:30:05 UTC", nine],
    ["2026-11-28 10:30:05 +0100", nine],
    ["2026-11-28T10:30:05+01:00[Europe/Berlin]", nine],
    ["2028-02-29T00:00:00Z", Date.UTC(2028, 1, 29)]
  ])("%s is read", (value, expected) => {
    assert.strictEqual(readTime(value), expected)
  })

  it.each(["2026-11-28T09:30:05", "2026-11-28 09:30:05", "2026-11-28", "20261128T093005", "2026-11-28T09:30:05.250"])(
    "%s has no offset",
    (value) => {
      assert.strictEqual(readTime(value), "without_offset")
      const read = rawEventFromJson({ event_id: "e", event_name: "lead", event_time: value })
      assert.strictEqual(read._tag === "Problem" ? read.problem.reason : read._tag, "event_time_without_offset")
    }
  )

  it.each([
    "2026-02-29T00:00:00Z",
    "2026-13-01T00:00:00Z",
    "2026-00-01T00:00:00Z",
    "2026-11-31T00:00:00Z",
    "2026-11-28T24:00:00Z",
    "2026-11-28T09:60:00Z",
    "2026-11-28T09:30:61Z",
    "2026-11-28T09:30:05+15:00",
    "2026-11-28T09:30:05+01:60",
    "2026-11-28Z",
    "2026-1-2T00:00:00Z",
    "2026-1128T00:00:00Z",
    "1970-01-15T00:00:00Z",
    "Sat Nov 28 2026 09:30:05 GMT+0100",
    "28.11.2026 09:30",
    "11/28/2026 09:30:05Z",
    "2026-11-28T09:30:05Z; DROP",
    "yesterday",
    "-1795858205000",
    "1e13",
    `${"2026-11-28T09:30:05.".padEnd(200, "1")}Z`,
    Number.NaN,
    true,
    {},
    []
  ])("%s is invalid", (value) => {
    assert.strictEqual(readTime(value), "invalid")
  })

  it("is absent where there is nothing", () => {
    for (const value of [null, undefined, "", " "]) assert.isNull(readTime(value))
  })

  it("is the same instant in every offset", () => {
    const instants = fc.date({
      min: new Date(Date.UTC(1975, 0)),
      max: new Date(Date.UTC(2120, 0)),
      noInvalidDate: true
    })
    fc.assert(
      fc.property(instants, fc.integer({ min: -14 * 60, max: 14 * 60 }), (instant, minutes) => {
        const local = new Date(instant.getTime() + minutes * 60_000).toISOString().slice(0, -1)
        const two = (value: number) => String(value).padStart(2, "0")
        const offset = `${minutes < 0 ? "-" : "+"}${two(Math.floor(Math.abs(minutes) / 60))}:${two(Math.abs(minutes) % 60)}`
        assert.strictEqual(readTime(local + offset), instant.getTime())
      })
    )
  })

  it("beside the event's leaves the field out with the reason, and the event goes on", () => {
    const read = rawEventFromJson({
      event_id: "e",
      event_name: "refund",
      event_time: "2026-11-28T10:30:05+01:00",
      user: { fbclid_time: "2026-11-27T00:00:00" },
      properties: { original_conversion_time: "2026-11-20T00:00:00Z" }
    })
    if (read._tag === "Problem") return assert.fail(read.problem.reason)
    assert.strictEqual(read.raw.event_time, nine)
    assert.isNull(read.raw.user?.fbclid_time)
    assert.strictEqual(read.raw.properties?.original_conversion_time, Date.UTC(2026, 10, 20))
    assert.deepStrictEqual(read.dropped, [{ field: "user.fbclid_time", reason: "time_without_offset" }])
  })
})
