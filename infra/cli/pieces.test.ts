import { readFileSync } from "node:fs"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Result from "effect/Result"
import * as Stream from "effect/Stream"
import fc from "fast-check"
import { onTestFinished } from "vitest"
import { maskKey, maskRecord } from "../../processors/normalizer/preview/mask.ts"
import { makeMemoryCodecs } from "../../shared/testing/memory-codecs.ts"
import { type Expectation, samplesFile } from "../samples/sample-events.ts"
import { formatAge, outputTo, painter, table } from "./output.ts"
import { checkLine, droppedFieldNotes, encodeLine, linesOf, rawRecordOf } from "./raw-lines.ts"
import { stagesOf } from "./replay-plan.ts"
import { parseStartPosition } from "./start-position.ts"

const now = Date.parse("2026-11-23T12:00:00Z")

describe("start positions", () => {
  const right: ReadonlyArray<[string, number | null]> = [
    ["beginning", null],
    ["2 hours", now - 7_200_000],
    ["15 min ago", now - 900_000],
    ["2026-11-23", Date.parse("2026-11-23T00:00:00Z")],
    ["2026-11-23T10:00:00+01:00", Date.parse("2026-11-23T09:00:00Z")],
    [String(now - 5), now - 5]
  ]
  it.each(right)("reads %s", (text, millis) => {
    const position = Result.getOrThrow(parseStartPosition(text, now))
    assert.deepStrictEqual(position, millis === null ? { _tag: "Beginning" } : { _tag: "At", millis })
  })
  it("reads a time without a zone as UTC, as lists show it, on a machine of any zone", () => {
    const zone = process.env["TZ"]
    onTestFinished(() => {
      if (zone === undefined) delete process.env["TZ"]
      else process.env["TZ"] = zone
    })
    process.env["TZ"] = "America/Los_Angeles"
    assert.notStrictEqual(new Date(now).getTimezoneOffset(), 0)
    for (const text of ["2026-11-23T10:00", "2026-11-23 10:00:00", "2026-11-23T10:00:00.000Z"])
      assert.deepStrictEqual(
        Result.getOrThrow(parseStartPosition(text, now)),
        { _tag: "At", millis: Date.parse("2026-11-23T10:00:00Z") },
        text
      )
  })
  it.each(["soon", "2026-13-45", "2027-01-01", "", "-1 hour", "12"])("refuses %s as wrong use", (text) => {
    const error = Result.getOrThrow(Result.flip(parseStartPosition(text, now)))
    assert.strictEqual(error.exitCode, 2)
  })
})

describe("masks", () => {
  it("leave what happened and hide who it was", () => {
    const text = JSON.stringify(
      maskRecord("raw-event", {
        event_id: "o-42",
        event_name: "purchase",
        event_time: 1_795_000_000_123,
        event_source_url: "https://shop.example/thanks?email=jane@example.com#x",
        user: { email: ["jane@example.com"], phone: "4155550132", country: "US", last_name: null, external_id: [] },
        properties: { value: 129.95, currency: "USD", custom: { note: "call jane@example.com" } }
      })
    )
    for (const kept of ["o-42", "purchase", "129.95", "USD", "https://shop.example/…", '"phone":"***"'])
      assert.include(text, kept)
    for (const gone of ["jane", "4155550132", "last_name", "thanks", "note"]) assert.notInclude(text, gone)
  })

  it("show of a raw event what is on a list, wherever its producer wrote the person", () => {
    const jane = "Jane Quixworthy"
    const record = {
      event_id: `order of ${jane}`,
      event_name: "call +1 415 555 2671",
      event_time: 1_795_000_000_123,
      action_source: jane,
      event_source_url: `https://jane-quixworthy.shop.example/${jane}`,
      user: { first_name: "Jane", last_name: "Quixworthy", phone: "+1 415 555 2671", lead_id: "jane.quixworthy" },
      consent: { ad_user_data: jane },
      properties: { order_id: jane, coupon: jane, items: [{ id: jane, price: 5 }], custom: { [jane]: jane } },
      app: { app_name: jane, extinfo: [jane] },
      [jane]: jane
    }
    const view = maskRecord("raw-event", record)
    assert.notMatch(JSON.stringify(view), /jane|quixworthy|2671/i)
    assert.include(JSON.stringify(view), '"price":5')
    assert.strictEqual(maskKey(Buffer.from(record.event_id), view), "***")
    assert.strictEqual(maskKey(Buffer.from(jane), view), "***")
    assert.deepStrictEqual(maskRecord("raw-event", { event_id: jane }), { unreadable: "missing_event_name" })
  })

  it("open payloads and hide the person inside", () => {
    const payload = JSON.stringify({
      event_name: "Purchase",
      user_data: { em: ["ab"], client_ip_address: "198.51.100.7" }
    })
    const view = maskRecord("mapped-event", { event_id: "o-42", payload, sealed_recipient: "c2VhbGVk" })
    assert.deepStrictEqual(view, {
      event_id: "o-42",
      payload: { event_name: "Purchase", user_data: { em: ["***"], client_ip_address: "***" } },
      sealed_recipient: "***"
    })
  })

  it("show bytes as their count, and keys only where they are the record's id", () => {
    assert.deepStrictEqual(maskRecord("dead-letter", { original: Buffer.from("jane") }), { original: "<4 bytes>" })
    assert.strictEqual(maskKey(Buffer.from("o-42"), { event_id: "o-42" }), "o-42")
    assert.strictEqual(maskKey(Buffer.from("jane@example.com"), { event_id: "o-42" }), "***")
    assert.strictEqual(maskKey(null, null), null)
  })
})

describe("lines of raw events", () => {
  const options = { encoding: "json", setTime: null, samplesAt: now } as const
  const line = (value: unknown) => ({ number: 1, text: typeof value === "string" ? value : JSON.stringify(value) })
  const event = { event_id: "o-1", event_name: "purchase", event_time: now, user: { email: "jane@example.com" } }

  it("are the same however the text is cut", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.string()), fc.integer({ min: 1, max: 5 }), async (pieces, atOnce) => {
        const collect = async (chunks: ReadonlyArray<string>) =>
          (await Effect.runPromise(Stream.runCollect(linesOf(Stream.fromIterable(chunks), atOnce)))).flat()
        assert.deepStrictEqual(await collect(pieces), await collect([pieces.join("")]))
      })
    )
  })

  it("go out as they came, keyed by the customer where there is one", () => {
    const codecs = makeMemoryCodecs()
    const text = '{ "event_id":"o-1", "event_name":"x" }'
    assert.deepStrictEqual(encodeLine(line(text), options, codecs), {
      _tag: "Record",
      key: "o-1",
      value: Buffer.from(text)
    })
    const keyed = encodeLine(line({ ...event, user: { external_id: ["u-7"] } }), options, codecs)
    assert.strictEqual(keyed._tag === "Record" ? keyed.key : null, "u-7")
    assert.deepStrictEqual(encodeLine(line("[]"), options, codecs), {
      _tag: "Refused",
      line: 1,
      message: "This is not a JSON object; a line holds one event whole."
    })
  })

  it("name the fields that are not known, in a check and where Avro has none for them", () => {
    const codecs = makeMemoryCodecs()
    const misspelt = line({ ...event, user: { external_id: "u-7", mail: "x@y.example" }, value: 1 })
    const notes = [
      "line 1: user.mail is not a known field and is left out. Did you mean user.email?",
      "line 1: value is not a known field and is left out. Did you mean properties.value?"
    ]
    const checked = checkLine(misspelt, options, now)
    assert.sameMembers([...droppedFieldNotes(checked.line, checked.dropped_fields)], notes)
    const encoded = encodeLine(misspelt, { ...options, encoding: "avro" }, codecs)
    assert.sameMembers([...droppedFieldNotes(1, encoded._tag === "Record" ? (encoded.dropped ?? []) : [])], notes)
    assert.strictEqual(
      encodeLine(line({ ...event, event_time: "soon" }), { ...options, encoding: "avro" }, codecs)._tag,
      "Refused"
    )
  })

  it("become Avro that reads back, or say why not", () => {
    const codecs = makeMemoryCodecs()
    const encoded = encodeLine(line(event), { ...options, encoding: "avro" }, codecs)
    assert.strictEqual(encoded._tag, "Record")
    const decoded = encoded._tag === "Record" ? codecs.decode("raw-event", encoded.value) : null
    assert.strictEqual(decoded?._tag === "Decoded" ? decoded.value.event_id : null, "o-1")
    const untimed = { ...event, event_time: undefined }
    assert.strictEqual(encodeLine(line(untimed), { ...options, encoding: "avro" }, codecs)._tag, "Refused")
    assert.strictEqual(encodeLine(line(untimed), { ...options, encoding: "avro", setTime: now }, codecs)._tag, "Record")
  })

  it("are checked as the normalizer checks them", () => {
    assert.isTrue(checkLine(line(event), options, now).valid)
    assert.strictEqual(
      checkLine(line({ ...event, event_time: now / 1_000 }), options, now).reason,
      "event_time_in_seconds"
    )
    assert.strictEqual(checkLine(line("nonsense"), options, now).reason, "not_avro_not_json")
    const large = line({ ...event, properties: { custom: { filler: "x".repeat(1_100_000) } } })
    assert.strictEqual(checkLine(large, options, now).reason, "record_too_large")
  })

  it("of the shipped sample file are the records that they describe, good and bad", () => {
    const texts = readFileSync(samplesFile, "utf8").trimEnd().split("\n")
    assert.isAbove(texts.length, 500)
    for (const [index, text] of texts.entries()) {
      const { expect } = JSON.parse(text) as { readonly expect: Expectation }
      const checked = checkLine({ number: index + 1, text }, options, now)
      assert.strictEqual(checked.valid, expect.outcome !== "dead_letter", `line ${index + 1}: ${checked.reason}`)
      if (expect.outcome !== "dead_letter") continue
      // Without a registry all Avro is undecodable.
      const isAvro = checked.reason === "undecodable"
      if (!isAvro) assert.strictEqual(checked.reason, expect.reason, `line ${index + 1}`)
      const sent = encodeLine({ number: index + 1, text }, options, makeMemoryCodecs())
      assert.strictEqual(sent._tag, "Record", `line ${index + 1}`)
    }
  })

  it("that merely look like the sample file are events", () => {
    const text = '{"key":"k","event_id":"o-1"}'
    assert.deepStrictEqual(rawRecordOf(text, now), { key: null, value: Buffer.from(text) })
    const cut = '{"key":"k","expect":{"outcome":'
    assert.deepStrictEqual(rawRecordOf(cut, now), { key: null, value: Buffer.from(cut) })
  })
})

describe("tables", () => {
  it("are as wide as their widest cell, colours not counted, figures to the right", () => {
    const written: Array<string> = []
    const add = (text: string) => Effect.sync(() => void written.push(text))
    const output = outputTo({ out: add, error: add, colours: true, interactive: false })
    const rows = [
      [painter(true)("red", "a\u001b[2J"), 5],
      ["bcdefg\nnext", 1_000]
    ]
    Effect.runSync(output.write(table(["NAME", "N"], rows, painter(false))))
    assert.deepStrictEqual(written.join("").split("\n"), [
      "NAME                 N",
      "\u001b[31ma\\u001b[2J\u001b[0m           5",
      "bcdefg\\u000anext  1000"
    ])
  })
  it("say an age in the unit that fits", () => {
    assert.deepStrictEqual([1_000, 300_000, 10_800_000, 300_000_000].map(formatAge), ["1 s", "5 min", "3 h", "3 days"])
  })
})

it.effect("an unknown stage is wrong use, and says what was meant", () =>
  Effect.gen(function* () {
    assert.deepStrictEqual(yield* stagesOf("mapper"), [
      { group: "mapper", members: "mapper", topic: "normalized-events", connection: null }
    ])
    const health = yield* stagesOf("health")
    assert.deepStrictEqual(
      health.map(({ topic }) => topic),
      ["delivery-results", "connector-state"]
    )
    assert.isTrue(Exit.isFailure(yield* Effect.exit(stagesOf("constructor"))))
  })
)
