import { assert, describe, it } from "@effect/vitest"
import { connectionOf, consent, jane, nobody, properties, purchase } from "../../mapping/event-fixture.ts"
import { fateOf, mapped } from "../../mapping/expect-mapping.ts"
import { mapEvent } from "./mapping.ts"

const template = {
  name: "order_ok",
  language: "en_US",
  body: ["{properties.order_id}", "{properties.value} {properties.currency}"]
}
const whatsapp = connectionOf("whatsapp", { templates: { purchase: template, bare: { ...template, body: [] } } })
type Fields = Parameters<typeof purchase>[0]
const fate = (event: Fields) => fateOf(mapEvent, purchase(event), whatsapp)

describe("WhatsApp's messages", () => {
  it("are templates whose recipient stays sealed", () => {
    const result = mapped(mapEvent, purchase(), whatsapp)
    assert.strictEqual(result.sealedRecipient, "c2VhbGVk")
    assert.strictEqual(result.platformEvent, "order_ok")
    assert.deepStrictEqual(result.payload, {
      messaging_product: "whatsapp",
      recipient_type: "individual",
      type: "template",
      template: {
        name: "order_ok",
        language: { code: "en_US" },
        components: [
          {
            type: "body",
            parameters: [
              { type: "text", text: "o-42" },
              { type: "text", text: "129.95 USD" }
            ]
          }
        ]
      }
    })
  })

  it("have no components without parameters", () => {
    const { payload } = mapped(mapEvent, purchase({ event_name: "bare" }), whatsapp)
    assert.deepStrictEqual(payload["template"], { name: "order_ok", language: { code: "en_US" } })
  })

  it("go out for events with a template, a recipient, consent and every parameter", () => {
    assert.strictEqual(fate({ event_name: "lead" }), "skipped:no_mapping")
    assert.strictEqual(fate({ user: nobody }), "rejected:no_recipient")
    assert.strictEqual(fate({ properties: null }), "rejected:missing_template_value")
    assert.strictEqual(
      fate({ properties: properties({ order_id: " \n", value: 1, currency: "USD" }) }),
      "rejected:missing_template_value"
    )
    assert.strictEqual(fate({ consent: consent({ ad_user_data: "denied" }) }), "skipped:consent")
    assert.strictEqual(fate({ consent: consent({ sale_of_data: "denied" }) }), "payload")
  })

  it("use numbers of a default country only where it is the connection's", () => {
    const phone = { ...jane.phones[0]!, default_country: "DE" }
    assert.strictEqual(fate({ user: { ...jane, phones: [phone] } }), "rejected:no_recipient")
    const german = connectionOf("whatsapp", { templates: { purchase: template }, defaultCountry: "DE" })
    assert.strictEqual(fateOf(mapEvent, purchase({ user: { ...jane, phones: [phone] } }), german), "payload")
  })

  it("keep new lines and runs of spaces out of parameters", () => {
    const event = purchase({ properties: properties({ order_id: "a\n\tb    c", value: 1, currency: "USD" }) })
    const text = JSON.stringify(mapped(mapEvent, event, whatsapp).payload)
    assert.include(text, '"text":"a b c"')
  })
})
