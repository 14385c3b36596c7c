import { assert, describe, it } from "@effect/vitest"
import * as Result from "effect/Result"
import { contextOf, json, mappedEvent } from "../../testing/connector-fixture.ts"
import { probeVerdict, request, unsendable, verdict } from "./exchange.ts"

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

  it("goes to a business-scoped user id in the field recipient, or in the one that the account names", () => {
    const id = "US.13491208655302741918"
    const open = () => Result.succeed(id)
    assert.strictEqual(request([event], { ...context, open }).body, `${payload.slice(0, -1)},"recipient":"${id}"}`)
    const connection = { ...context.connection, account: { ...context.connection.account, user_id_field: "to" } }
    assert.strictEqual(request([event], { ...context, connection, open }).body, `${payload.slice(0, -1)},"to":"${id}"}`)
  })

  it("is not to be made where the seal does not open, or nothing is sealed", () => {
    assert.isNull(unsendable(event, context))
    const verdictOf = (sealed: string | null) => unsendable({ ...event, sealed_recipient: sealed }, context)
    assert.strictEqual(verdictOf("other key")?.errorClass, "configuration")
    assert.deepInclude(verdictOf(null), { errorClass: "invalid_event", reasonCode: "missing_recipient" })
  })
})

describe("WhatsApp's verdict", () => {
  it("keeps the message's id, under which the status comes later", () => {
    const answer = verdict(json(200, { messaging_product: "whatsapp", messages: [{ id: "wamid.1" }] }), [event])
    assert.deepInclude(answer, { _tag: "All", trackingId: "wamid.1", requestId: "wamid.1", eventsReceived: 1 })
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

  const classOf = (code: number, status = 400) => {
    const answer = verdict(json(status, { error: { code, message: `(#${code}) x`, type: "OAuthException" } }), [event])
    return answer._tag === "All" ? answer.verdict.errorClass : answer._tag
  }

  it("knows every code of WhatsApp's page of errors, whatever the HTTP status", () => {
    const documented: Readonly<Record<string, ReadonlyArray<number>>> = {
      auth: [0, 10, 190, 200, 219, 299, 131005],
      configuration: [
        3, 33, 368, 131031, 131037, 131042, 131045, 133000, 133005, 133006, 133008, 133009, 133010, 134011, 2388019,
        2388040, 2388047, 2388072, 2388073, 2388293, 2388299, 2388001, 2388012, 2388091, 2388093, 2388103, 200005,
        200006, 200007, 2593079, 2593085, 2593107, 2593108, 1752041
      ],
      throttled: [4, 80007, 130429, 131048, 133016],
      transient: [1, 2, 131000, 131016, 131049, 131056, 131057, 132069, 133004, 133015, 134101, 2494100],
      invalid_event: [
        100, 130472, 130497, 131008, 131009, 131021, 131026, 131047, 131050, 131051, 131052, 131053, 131055, 131058,
        131062, 131063, 132000, 132001, 132005, 132007, 132012, 132015, 132016, 132018, 132068, 134100, 134102, 135000
      ]
    }
    for (const [errorClass, codes] of Object.entries(documented)) {
      for (const code of codes)
        for (const status of [400, 403, 404, 500, 503])
          assert.strictEqual(classOf(code, status), errorClass, `${code} ${status}`)
    }
  })

  it("blames no message for a phone number that does not exist or that the token may not use, nor finds it in order", () => {
    const gone = json(400, {
      error: {
        message: "Unsupported post request. Object with ID '1000000000' does not exist, or cannot be loaded.",
        type: "GraphMethodException",
        code: 100,
        error_subcode: 33,
        fbtrace_id: "A"
      }
    })
    const answer = verdict(gone, [event])
    assert.deepInclude(answer._tag === "All" ? answer.verdict : {}, {
      errorClass: "configuration",
      reasonCode: "phone_number_not_accessible:100/33"
    })
    assert.strictEqual(probeVerdict(gone).errorClass, "configuration")
    const unproven = json(400, {
      error: {
        message: "Invalid appsecret_proof provided in the API argument",
        type: "GraphMethodException",
        code: 100
      }
    })
    assert.strictEqual(probeVerdict(unproven).errorClass, "configuration")
    const other = json(400, { error: { code: 100, error_subcode: 2494010, message: "Invalid parameter" } })
    assert.strictEqual(probeVerdict(other).errorClass, "delivered")
  })

  it("does not take a code of no list for an outage or a wrong address, whatever the HTTP status", () => {
    for (const status of [200, 400, 403, 404, 500, 503])
      assert.strictEqual(classOf(139999, status), "unknown", `${status}`)
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
