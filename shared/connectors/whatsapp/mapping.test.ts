import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import { emptyNormalizedUser } from "../../../schemas/values.gen.ts"
import type { TemplateMessage } from "../../connections/message-template.ts"
import {
  connectionOf,
  consent,
  jane,
  mapped,
  mappingOutcome,
  properties,
  purchase
} from "../../testing/event-fixture.ts"
import type { JsonObject } from "../connector.ts"
import { mappingContext } from "../mapping/compile.ts"
import { mapEvent } from "./mapping.ts"

const template = {
  name: "order_ok",
  language: "en_US",
  body: ["{properties.order_id}", "{properties.value} {properties.currency}"]
}
const whatsapp = connectionOf("whatsapp", { templates: { purchase: template, bare: { ...template, body: [] } } })
type Fields = Parameters<typeof purchase>[0]
const outcome = (event: Fields) => mappingOutcome(mapEvent, purchase(event), whatsapp)

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

  it("hold a text in one line, with single spaces", () => {
    const spaces = fc.constantFrom(" ", "  ", "\n", "\t", " \r\n", "\u00a0", "\u2028", "", "a", "ä", "o-42")
    fc.assert(
      fc.property(fc.array(spaces, { maxLength: 8 }), (parts) => {
        const given = `${parts.join("")}x`
        const { payload } = mapped(
          mapEvent,
          purchase({ properties: properties({ order_id: given, value: 1, currency: "USD" }) }),
          whatsapp
        )
        const { components } = payload["template"] as {
          components: ReadonlyArray<{ parameters: ReadonlyArray<JsonObject> }>
        }
        assert.strictEqual(components[0]!.parameters[0]!["text"], given.replace(/\s+/g, " ").trim())
      })
    )
  })

  const componentsOf = (more: Partial<TemplateMessage>, event: Fields = {}) => {
    const connection = connectionOf("whatsapp", { templates: { purchase: { ...template, body: [], ...more } } })
    const result = mapEvent(purchase(event), mappingContext(connection, null))
    if (result._tag !== "Payload") return result._tag === "Rejected" ? result.reason : result._tag
    return (result.payload["template"] as JsonObject)["components"]
  }
  const media = (kind: "image" | "video" | "document", text: string, key: "link" | "id" = "link") =>
    ({ _tag: "Media", kind, source: { key, text }, filename: null }) as const

  it("have a header of text or of media, by a link or an id", () => {
    assert.deepStrictEqual(componentsOf({ header: { _tag: "Text", parameter: "{properties.order_id}" } }), [
      { type: "header", parameters: [{ type: "text", text: "o-42" }] }
    ])
    assert.deepStrictEqual(
      componentsOf({ header: media("image", "https://cdn.shop.example/{properties.order_id}.jpg") }),
      [{ type: "header", parameters: [{ type: "image", image: { link: "https://cdn.shop.example/o-42.jpg" } }] }]
    )
    assert.deepStrictEqual(componentsOf({ header: media("video", "1013859600285441", "id") }), [
      { type: "header", parameters: [{ type: "video", video: { id: "1013859600285441" } }] }
    ])
    const document = {
      ...media("document", "https://shop.example/{properties.order_id}.pdf"),
      filename: "{properties.order_id}.pdf"
    }
    assert.deepStrictEqual(componentsOf({ header: document }), [
      {
        type: "header",
        parameters: [{ type: "document", document: { link: "https://shop.example/o-42.pdf", filename: "o-42.pdf" } }]
      }
    ])
  })

  it("are refused with media that can't be fetched", () => {
    for (const header of [
      media("image", "{properties.order_id}"),
      media("image", "ftp://x/a.jpg"),
      media("image", "o-42", "id")
    ])
      assert.strictEqual(componentsOf({ header }), "missing_template_value")
    assert.strictEqual(componentsOf({ header: media("image", "{properties.coupon}") }), "missing_template_value")
  })

  it("have named parameters beside positional ones, and buttons by their index", () => {
    const components = componentsOf({
      header: { _tag: "Text", parameter: { parameterName: "shop", text: "Shop" } },
      body: [
        { parameterName: "order_id", text: "{properties.order_id}" },
        { parameterName: "total", text: "{properties.value} {properties.currency}" }
      ],
      buttons: [{ index: 1, url: "orders/{properties.order_id}" }]
    })
    assert.deepStrictEqual(components, [
      { type: "header", parameters: [{ type: "text", parameter_name: "shop", text: "Shop" }] },
      {
        type: "body",
        parameters: [
          { type: "text", parameter_name: "order_id", text: "o-42" },
          { type: "text", parameter_name: "total", text: "129.95 USD" }
        ]
      },
      { type: "button", sub_type: "url", index: "1", parameters: [{ type: "text", text: "orders/o-42" }] }
    ])
    assert.strictEqual(componentsOf({ buttons: [{ index: 0, url: "{properties.coupon}" }] }), "missing_template_value")
  })

  it("have no components without parameters", () => {
    const { payload } = mapped(mapEvent, purchase({ event_name: "bare" }), whatsapp)
    assert.deepStrictEqual(payload["template"], { name: "order_ok", language: { code: "en_US" } })
  })

  it("go out for events with a template, a recipient, consent and every parameter", () => {
    assert.strictEqual(outcome({ event_name: "lead" }), "skipped:no_mapping")
    assert.strictEqual(outcome({ user: emptyNormalizedUser }), "rejected:no_recipient")
    assert.strictEqual(outcome({ properties: null }), "rejected:missing_template_value")
    assert.strictEqual(
      outcome({ properties: properties({ order_id: " \n", value: 1, currency: "USD" }) }),
      "rejected:missing_template_value"
    )
    assert.strictEqual(outcome({ consent: consent({ ad_user_data: "denied" }) }), "skipped:consent")
    assert.strictEqual(outcome({ consent: consent({ sale_of_data: "denied" }) }), "payload")
  })

  it("go to WhatsApp's id of the customer where no phone number is usable, but for authentication templates", () => {
    const user = { ...emptyNormalizedUser, whatsapp_user_sealed: "c2VhbGVkIGlk" }
    assert.strictEqual(mapped(mapEvent, purchase({ user }), whatsapp).sealedRecipient, "c2VhbGVkIGlk")
    const both = { ...jane, whatsapp_user_sealed: "c2VhbGVkIGlk" }
    assert.strictEqual(mapped(mapEvent, purchase({ user: both }), whatsapp).sealedRecipient, "c2VhbGVk")
    const hashed = { ...both, phones: [{ ...jane.phones[0]!, sealed: null }] }
    assert.strictEqual(mapped(mapEvent, purchase({ user: hashed }), whatsapp).sealedRecipient, "c2VhbGVkIGlk")
    const code = connectionOf("whatsapp", { templates: { purchase: { ...template, category: "authentication" } } })
    assert.strictEqual(mappingOutcome(mapEvent, purchase({ user }), code), "rejected:authentication_needs_phone")
    assert.strictEqual(mappingOutcome(mapEvent, purchase({ user: both }), code), "payload")
  })

  it("use numbers of a default country only where it is the connection's", () => {
    const phone = { ...jane.phones[0]!, default_country: "DE" }
    assert.strictEqual(outcome({ user: { ...jane, phones: [phone] } }), "rejected:no_recipient")
    const german = connectionOf("whatsapp", { templates: { purchase: template }, defaultCountry: "DE" })
    assert.strictEqual(mappingOutcome(mapEvent, purchase({ user: { ...jane, phones: [phone] } }), german), "payload")
  })

  it("keep new lines and runs of spaces out of parameters", () => {
    const event = purchase({ properties: properties({ order_id: "a\n\tb    c", value: 1, currency: "USD" }) })
    const text = JSON.stringify(mapped(mapEvent, event, whatsapp).payload)
    assert.include(text, '"text":"a b c"')
  })
})
