/** No answer of a platform, and no notification, takes longer to read than its length allows. */
import { assert, describe, it } from "@effect/vitest"
import { connectorKinds } from "../model/platform.ts"
import { json, mappedEvent } from "../testing/connector-fixture.ts"
import { growthOf, linearRatioMax } from "../testing/growth.ts"
import type { Json } from "./connector.ts"
import { connectorFor } from "./registry.ts"
import { messageStatuses } from "./whatsapp/webhook.ts"

/** Texts on which scans for addresses, numbers, tokens and names of fields go back and forth. */
const shapes: ReadonlyArray<readonly [start: string, repeated: string, end: string]> = [
  ["", "a", "!"],
  ["", "a@", ""],
  ["", "a.", "@"],
  ["", "1 ", "x"],
  ["", "aB1-", "!"],
  ["é", " ", "x"],
  ["", "Batch.1", ":"],
  ["events", "[1", "]"],
  ["", "events[", "1"],
  ["", "\u0000", "é"]
]
const textOf = ([start, repeated, end]: (typeof shapes)[number], length: number): string =>
  start + repeated.repeat(Math.ceil(length / repeated.length)) + end

/** The text in every place where some platform's answer has one that is read. */
const oneOfEach = (text: string): Json => ({
  code: text,
  message: text,
  status: text,
  reason: text,
  debug_message: text,
  request_id: text,
  requestId: text,
  warnings: [text, { text }],
  messages: [text, { id: text, message: text }],
  errors: { codes: [text], error_msgs: [text] },
  error: errorOf(text, [text]),
  partialFailureError: errorOf(text, [text])
})

const errorOf = (message: string, texts: ReadonlyArray<string>): Json => ({
  code: 400,
  error_subcode: message,
  status: "INVALID_ARGUMENT",
  message,
  error_user_msg: null,
  details: [
    {
      "@type": "type.googleapis.com/google.rpc.BadRequest",
      fieldViolations: texts.map((text, index) => ({ field: `events[${index}].${text}`, reason: text }))
    },
    { "@type": "x.GoogleAdsFailure", errors: texts.map((text, index) => adsErrorOf(text, index)) }
  ]
})

const adsErrorOf = (message: string, index: number): Json => ({
  errorCode: { conversionUploadError: message },
  message,
  location: { fieldPathElements: [{ fieldName: "conversions", index }] }
})

/** Many short texts, and one long one that stands for each that has none. */
const many = (length: number): Json => {
  const texts = Array.from({ length: Math.ceil(length / 100) }, (_, index) => `t${index}`)
  return {
    code: 40002,
    message: texts.map((text, index) => `Batch.${index}.${text}: wrong`).join(", "),
    status: "INVALID",
    reason: "x",
    warnings: texts,
    messages: texts,
    errors: { codes: texts, error_msgs: texts },
    error: errorOf("m".repeat(length / 2), texts),
    results: texts.map(() => ({}))
  }
}

const events = Array.from({ length: 200 }, (_, index) => mappedEvent(index))
const length = 60_000

describe.each(connectorKinds)("an answer of %s", (kind) => {
  const connector = connectorFor(kind)
  const judge = (body: Json): void => {
    for (const status of [200, 400]) {
      connector.verdict(json(status, body), events)
      connector.probeVerdict(json(status, body))
    }
  }

  it.each(shapes)("takes time in proportion to its texts: %j, %j, %j", (...shape) => {
    const make = (size: number): Json => oneOfEach(textOf(shape, size))
    assert.isAtMost(growthOf(length, make, judge).ratio, linearRatioMax)
  })

  it("takes time in proportion to the number of its elements", () => {
    assert.isAtMost(growthOf(2 * length, many, judge).ratio, linearRatioMax)
  })
})

describe("a notification of WhatsApp", () => {
  it.each(shapes)("takes time in proportion to its texts: %j, %j, %j", (...shape) => {
    const make = (size: number): string => {
      const error = { code: 1, title: textOf(shape, size), error_data: { details: textOf(shape, size) } }
      const status = { id: textOf(shape, size), status: "failed", timestamp: "1", errors: [error] }
      return JSON.stringify({ entry: [{ changes: [{ value: { statuses: [status, textOf(shape, size)] } }] }] })
    }
    assert.isAtMost(growthOf(length, make, messageStatuses).ratio, linearRatioMax)
  })

  it("takes time in proportion to the number of its statuses", () => {
    const make = (count: number): string => {
      const statuses = Array.from({ length: count }, (_, index) => ({ id: `w${index}`, status: "delivered" }))
      return JSON.stringify({ entry: [{ changes: [{ value: { statuses } }] }] })
    }
    assert.isAtMost(growthOf(20_000, make, messageStatuses).ratio, linearRatioMax)
  })
})
