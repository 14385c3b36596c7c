import { assert, describe, it } from "@effect/vitest"
import { contextOf, json, mappedEvent } from "../fixture.ts"
import { request } from "./request.ts"
import { verdict } from "./verdict.ts"

const context = contextOf("whatsapp", ["access_token"])
const payload =
  '{"messaging_product":"whatsapp","recipient_type":"individual","type":"template","template":{"name":"order_ok"}}'
const event = mappedEvent(0, { payload, sealed_recipient: "sealed:x" })

describe("WhatsApp's request", () => {
  it("is one message to the opened recipient", () => {
    const spec = request([event], context)
    assert.strictEqual(spec.url, "https://platform.example/v9/1000000000/messages")
    assert.strictEqual(spec.body, `${payload.slice(0, -1)},"to":"+14155550132"}`)
  })

  it("has no recipient where the seal does not open", () => {
    assert.strictEqual(request([{ ...event, sealed_recipient: "other key" }], context).body, payload)
    assert.strictEqual(request([{ ...event, sealed_recipient: null }], context).body, payload)
  })
})

describe("WhatsApp's verdict", () => {
  it("keeps the message's id, under which the status comes later", () => {
    const answer = verdict(json(200, { messaging_product: "whatsapp", messages: [{ id: "wamid.1" }] }), [event])
    assert.deepInclude(answer, { _tag: "All", laterId: "wamid.1", requestId: "wamid.1", eventsReceived: 1 })
  })

  it("prefers the details to the title, and hides the number they name", () => {
    const answer = verdict(
      json(400, {
        error: { code: 131030, message: "(#131030)", error_data: { details: "+14155550132 is not on the list." } }
      }),
      [event]
    )
    assert.deepInclude(answer._tag === "All" ? answer.verdict : {}, {
      errorClass: "invalid_event",
      message: "<number> is not on the list."
    })
  })

  it("makes one recipient wait, not the connection", () => {
    const answer = verdict(json(400, { error: { code: 131056, message: "Pair rate limit" } }), [event])
    assert.isNull(answer.retryAfter)
    assert.isDefined(answer._tag === "All" ? answer.verdict.retryAfter : undefined)
  })

  it("never says more messages went out than one", () => {
    const answer = verdict(json(200, { messages: [{ id: "wamid.1" }] }), [event, event])
    assert.deepStrictEqual(answer._tag === "PerEvent" ? answer.events.map(({ errorClass }) => errorClass) : [], [
      "accepted",
      "transient"
    ])
  })
})
