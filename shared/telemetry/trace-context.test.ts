import { assert, describe, it } from "@effect/vitest"
import { contextOf, traceHeaders, tracePartOf } from "./trace-context.ts"

const traceId = "0af7651916cd43dd8448eb211c80319c"
const spanId = "b7ad6b7169203331"
const valid = `00-${traceId}-${spanId}-01`

describe("a record's trace context", () => {
  it("is read and written as W3C Trace Context says", () => {
    const context = contextOf({ traceparent: valid, tracestate: "vendor=a:1,other=b" })
    assert.deepStrictEqual(context, { traceId, spanId, isSampled: true, state: "vendor=a:1,other=b" })
    assert.deepStrictEqual(traceHeaders(context!), { traceparent: valid, tracestate: "vendor=a:1,other=b" })
    assert.strictEqual(contextOf({ traceparent: `00-${traceId}-${spanId}-00` })?.isSampled, false)
    // The flag of a random trace id is not the sampled one.
    assert.strictEqual(contextOf({ traceparent: `00-${traceId}-${spanId}-02` })?.isSampled, false)
    assert.strictEqual(contextOf({ traceparent: `00-${traceId}-${spanId}-03` })?.isSampled, true)
  })

  it("of a later version is read by its first four parts", () => {
    assert.strictEqual(contextOf({ traceparent: `cc-${traceId}-${spanId}-01-more` })?.traceId, traceId)
  })

  it.each([
    "",
    "00",
    valid.toUpperCase(),
    `ff-${traceId}-${spanId}-01`,
    `${valid}-more`,
    `00-${"0".repeat(32)}-${spanId}-01`,
    `00-${traceId}-${"0".repeat(16)}-01`,
    `00-${traceId}-${spanId}`,
    `00-${traceId.slice(1)}g-${spanId}-01`,
    `cc-${traceId}-${spanId}-01-${"x".repeat(300)}`
  ])("is not there where the header is %j", (traceparent) => {
    assert.isNull(contextOf({ traceparent }))
    assert.deepStrictEqual(tracePartOf({ traceparent, tracestate: "a=b" }), {})
  })

  it("drops a tracestate that is no list, or too long, and keeps nothing else of a record's headers", () => {
    for (const tracestate of ["jane@shop.example", "a=ü", "a=b\r\nx: y", `a=${"b".repeat(600)}`])
      assert.deepStrictEqual(tracePartOf({ traceparent: valid, tracestate, connection: "meta" }), {
        traceparent: valid
      })
  })
})
