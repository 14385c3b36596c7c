import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as fc from "fast-check"
import { bodyObject, countOf, idOf, numberOf, retryAfterOf, safeText, textMax, textOf } from "./json.ts"

const answer = (headers: Record<string, string>, receivedAt?: number) => ({
  status: 429,
  headers,
  body: "",
  ...(receivedAt === undefined ? {} : { receivedAt })
})
const millis = (headers: Record<string, string>, receivedAt?: number) => {
  const wait = retryAfterOf(answer(headers, receivedAt))
  return wait === null ? null : Duration.toMillis(wait)
}

describe("Retry-After", () => {
  it("is seconds, also with a fraction", () => {
    assert.strictEqual(millis({ "retry-after": "12" }), 12_000)
    assert.strictEqual(millis({ "retry-after": " 0.5 " }), 500)
  })
  it("is a date, read against the answer's own Date", () => {
    const headers = { "retry-after": "Mon, 23 Nov 2026 10:00:30 GMT", date: "Mon, 23 Nov 2026 10:00:00 GMT" }
    assert.strictEqual(millis(headers, 0), 30_000)
  })
  it("is a date, read against the time of receipt where there is no Date", () => {
    const at = "Mon, 23 Nov 2026 10:00:30 GMT"
    assert.strictEqual(millis({ "retry-after": at }, Date.parse(at) - 5000), 5000)
    assert.strictEqual(millis({ "retry-after": at }), null)
  })
  it("is never negative and never longer than a day", () => {
    assert.strictEqual(millis({ "retry-after": "Mon, 23 Nov 2020 10:00:00 GMT" }, Date.parse("2026-01-01")), 0)
    assert.strictEqual(millis({ "retry-after": "999999999" }), 86_400_000)
    assert.strictEqual(millis({ "retry-after": "9".repeat(400) }), 86_400_000)
  })
  it("is nothing where it is absent or nonsense", () => {
    for (const value of ["", "soon", "-3", "1e9", "NaN"])
      assert.strictEqual(millis({ "retry-after": value }, 0), null, value)
    assert.strictEqual(millis({}), null)
  })
  it("is total", () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), (retry, date) => {
        const wait = millis({ "retry-after": retry, date })
        assert.isTrue(wait === null || (wait >= 0 && wait <= 86_400_000))
      })
    )
  })
})

describe("an id", () => {
  it("is what a platform gives as one, and nothing that is too long or cannot be printed", () => {
    for (const id of ["wamid.HBgLMTQxNTU1NTAxMzIVAgARGBI5", "20261123-1/2=", "x".repeat(256)])
      assert.strictEqual(idOf(id), id)
    assert.strictEqual(idOf(42), "42")
    for (const none of [
      "",
      "x".repeat(257),
      "two words",
      "a\u001b[2J",
      "a\u0000",
      "a\u009b",
      "é",
      "\u202ea",
      null,
      undefined
    ])
      assert.isNull(idOf(none))
  })
})

describe("safe text", () => {
  it("hides what platforms echo: addresses, numbers, tokens and hashes", () => {
    const cases = [
      ["Malformed access token EAAGm0PX4ZCpsBAKZCvAbc123xyz", "Malformed access token <token>"],
      ["Recipient +1 (415) 555-0132 not allowed", "Recipient <number> not allowed"],
      ["Value 'jane.doe@example.com' is not hashed", "Value '<email>' is not hashed"],
      [`em ${"0a1b2c3d".repeat(8)} bad`, "em <token> bad"],
      ["ya29.a0AfB_byC1dEf2gHi3jKl4mNo5pQr6sTu7vWx", "ya29.<token>"],
      ["client_ip_address 8.8.8.8 is not public", "client_ip_address <address> is not public"],
      ["Batch.0.user.ip: 203.0.113.77, or 2001:DB8:1::7?", "Batch.0.user.ip: <address>, or <address>?"],
      ["'2a00:1450:4009:81f:0:0:0:200e'", "'<address>'"],
      ["US.13491208655302741918 is not a user, nor US.ENT.a1b2c3d4", "<user id> is not a user, nor <user id>"]
    ]
    for (const [text, safe] of cases) assert.strictEqual(safeText(text!), safe)
  })
  it("keeps constants and paths readable", () => {
    const text =
      "Batch.0.properties.contents.0.content_id: INVALID_SHA256_FORMAT in events.events[3].user_data.user_identifiers[1]"
    assert.strictEqual(safeText(text), text)
    const figures = "At 10:20:30 v26.0 took value 129.95, rule 1.2.3, Foo::bar"
    assert.strictEqual(safeText(figures), figures)
    const constant = "PROCESSING_ERROR_REASON_DESTINATION_ACCOUNT_ENHANCED_CONVERSIONS_TERMS_NOT_SIGNED"
    assert.strictEqual(safeText(constant), constant)
  })
  it("is one bounded line", () => {
    assert.strictEqual(safeText("a\r\nb\u0000\u001b[31mc"), "a b [31mc")
    fc.assert(fc.property(fc.string({ unit: "binary", maxLength: 2000 }), (text) => safeText(text).length <= textMax))
  })
})

describe("reading answers", () => {
  it("finds an object, also inside an array, and nothing else", () => {
    const read = (body: string) => bodyObject({ status: 200, headers: {}, body })
    assert.deepStrictEqual(read('{"a":1}'), { a: 1 })
    assert.deepStrictEqual(read('[{"error":1}]'), { error: 1 })
    assert.deepStrictEqual(read('\ufeff{"a":1}'), { a: 1 })
    assert.isNull(read('\ufeff\ufeff{"a":1}'))
    for (const body of ["", "null", "1", '"x"', "[]", "[1]", "<html>", '{"a":', "\u0000", "[".repeat(100_000)]) {
      assert.isNull(read(body), body.slice(0, 20))
    }
  })
  it("reads numbers and counts in either writing", () => {
    assert.strictEqual(numberOf("3"), 3)
    assert.strictEqual(numberOf(""), null)
    assert.strictEqual(numberOf("x"), null)
    assert.strictEqual(countOf("10"), 10)
    assert.strictEqual(countOf(-1), null)
    assert.strictEqual(countOf(1.5), null)
    assert.strictEqual(textOf(190), "190")
    assert.strictEqual(textOf(""), null)
  })
})
