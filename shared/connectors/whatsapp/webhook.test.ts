import { createHmac } from "node:crypto"
import { assert, describe, it } from "@effect/vitest"
import * as Redacted from "effect/Redacted"
import * as fc from "fast-check"
import { isSignedByMeta, messageStatuses, webhookChallenge, webhookNotices } from "./webhook.ts"

describe("the webhook's handshake", () => {
  const ask = (fields: Record<string, string>) => webhookChallenge(new URLSearchParams(fields), Redacted.make("right"))
  const good = { "hub.mode": "subscribe", "hub.verify_token": "right", "hub.challenge": "1158201444" }

  it("gives the challenge back to who knows the token", () => {
    assert.strictEqual(ask(good), "1158201444")
  })

  it("gives nothing to anyone else", () => {
    assert.isNull(ask({ ...good, "hub.verify_token": "wrong" }))
    assert.isNull(ask({ ...good, "hub.verify_token": "" }))
    assert.isNull(ask({ ...good, "hub.mode": "unsubscribe" }))
    assert.isNull(ask({ ...good, "hub.challenge": "<script>" }))
    assert.isNull(ask({}))
  })
})

describe("the webhook's signature", () => {
  const body = Buffer.from('{"entry":[],"name":"Zo\\u00eb ✓"}')
  const secret = Redacted.make("app-secret")
  const sign = (bytes: Buffer, key = "app-secret") => `sha256=${createHmac("sha256", key).update(bytes).digest("hex")}`

  it("is the HMAC of the raw bytes", () => {
    assert.isTrue(isSignedByMeta(body, sign(body), secret))
  })

  it("is refused for other bytes, another key, another form or none", () => {
    assert.isFalse(isSignedByMeta(Buffer.concat([body, Buffer.from(" ")]), sign(body), secret))
    assert.isFalse(isSignedByMeta(body, sign(body, "other"), secret))
    assert.isFalse(isSignedByMeta(body, sign(body).slice(7), secret))
    assert.isFalse(isSignedByMeta(body, `${sign(body)}00`, secret))
    assert.isFalse(isSignedByMeta(body, undefined, secret))
    assert.isFalse(isSignedByMeta(body, sign(body, ""), Redacted.make("")))
  })
})

describe("the webhook's statuses", () => {
  const notification = (...statuses: ReadonlyArray<object>) =>
    JSON.stringify({
      object: "whatsapp_business_account",
      entry: [{ changes: [{ field: "messages", value: { statuses } }] }]
    })

  it("become outcomes under the message's id", () => {
    const read = messageStatuses(
      notification(
        { id: "wamid.1", status: "sent", timestamp: "1795000000", recipient_id: "14155550132" },
        { id: "wamid.1", status: "delivered", timestamp: "1795000001" },
        { id: "wamid.2", status: "read", timestamp: "1795000002" },
        { id: "wamid.3", status: "failed", errors: [{ code: 131026, title: "Message undeliverable" }] }
      )
    )
    assert.deepStrictEqual(
      read.map(({ trackingId, status, at, verdict }) => [
        trackingId,
        status,
        at,
        verdict.errorClass,
        verdict.reasonCode
      ]),
      [
        ["wamid.1", "sent", 1_795_000_000_000, "accepted", null],
        ["wamid.1", "delivered", 1_795_000_001_000, "delivered", null],
        ["wamid.2", "read", 1_795_000_002_000, "delivered", null],
        ["wamid.3", "failed", null, "invalid_event", "undeliverable:131026"]
      ]
    )
  })

  it("say what WhatsApp charges, and are found by the message's id where no phone number is named", () => {
    const pricing = { billable: true, pricing_model: "PMP", type: "regular", category: "utility" }
    const read = messageStatuses(
      notification(
        { id: "wamid.1", status: "delivered", recipient_user_id: "US.13491208655302741918", pricing },
        { id: "wamid.2", status: "read", pricing: { category: "marketing" } },
        { id: "wamid.3", status: "read", pricing: { category: "to +1 415 555 0132", type: 7 } },
        { id: "wamid.4", status: "read", pricing: "free" }
      )
    )
    assert.deepStrictEqual(
      read.map(({ trackingId, pricing }) => [trackingId, pricing]),
      [
        ["wamid.1", { category: "utility", type: "regular" }],
        ["wamid.2", { category: "marketing", type: null }],
        ["wamid.3", null],
        ["wamid.4", null]
      ]
    )
    assert.notInclude(JSON.stringify(read), "1349")
  })

  it("stand beside changes of users' ids, which are counted only", () => {
    const change = (field: string, value: object) => JSON.stringify({ entry: [{ changes: [{ field, value }] }] })
    const update = change("user_id_update", {
      messaging_product: "whatsapp",
      contacts: [{ profile: { name: "Jane" } }],
      user_id_update: [
        { detail: "User id for Jane has been updated.", user_id: { previous: "US.1349", current: "US.2481" } }
      ]
    })
    assert.deepStrictEqual(webhookNotices(update), { userIdUpdates: 1 })
    assert.deepStrictEqual(messageStatuses(update), [])
    const system = {
      messages: [{ id: "wamid.9", type: "system", system: { type: "user_changed_user_id" } }, { id: "wamid.8" }]
    }
    assert.deepStrictEqual(webhookNotices(change("messages", system)), { userIdUpdates: 1 })
    fc.assert(fc.property(fc.oneof(fc.json(), fc.string()), (body) => webhookNotices(body).userIdUpdates >= 0))
    fc.assert(
      fc.property(
        fc.jsonValue(),
        (value) => webhookNotices(change("x", { user_id_update: value, messages: value })).userIdUpdates >= 0
      )
    )
  })

  it("pass over incoming messages, unknown statuses and nonsense", () => {
    assert.deepStrictEqual(
      messageStatuses(notification({ id: "wamid.1", status: "warning" }, { status: "sent" }, {})),
      []
    )
    assert.deepStrictEqual(messageStatuses('{"entry":[{"changes":[{"value":{"messages":[{"id":"wamid.9"}]}}]}]}'), [])
  })

  it("are total", () => {
    fc.assert(
      fc.property(fc.oneof(fc.json(), fc.string()), (body) => Array.isArray(messageStatuses(body))),
      { numRuns: 200 }
    )
    fc.assert(
      fc.property(fc.jsonValue(), (statuses) =>
        Array.isArray(messageStatuses(JSON.stringify({ entry: [{ changes: [{ value: { statuses } }] }] })))
      )
    )
  })
})
