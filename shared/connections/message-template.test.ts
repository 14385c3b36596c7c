import { assert, describe, it } from "@effect/vitest"
import * as Result from "effect/Result"
import { catalogWith } from "../testing/connections-file.ts"
import { parseConnections } from "./connections.ts"

const file = (template: string) => `version: 1
connections:
  - id: orders
    platform: whatsapp
    account: { phone_number_id: 1 }
    credential: env:A
    mapping:
      templates:
        purchase: { name: order_ok, ${template} }
`

const account = { required: ["phone_number_id"], optional: [] }

const read = (template: string) =>
  Result.match(parseConnections("c.yaml", file(template), { catalog: catalogWith({ account }), variables: {} }), {
    onSuccess: ({ connections }) => ({
      template: connections[0]?.mapping.templates["purchase"],
      problems: [] as ReadonlyArray<string>
    }),
    onFailure: ({ problems }) => ({ template: undefined, problems: problems.map(({ message }) => message) })
  })

describe("a message template", () => {
  it("is positional by lists and named by groups of keys", () => {
    assert.deepStrictEqual(read('body: ["{properties.order_id}"]').template?.body, ["{properties.order_id}"])
    const named = read(
      'category: authentication, header: { text: { shop: Shop } }, body: { code: "{properties.coupon}" }'
    )
    assert.deepStrictEqual(named.problems, [])
    assert.deepStrictEqual(named.template, {
      name: "order_ok",
      language: "en_US",
      category: "authentication",
      header: { _tag: "Text", parameter: { parameterName: "shop", text: "Shop" } },
      body: [{ parameterName: "code", text: "{properties.coupon}" }]
    })
  })

  it("has a header of media by a link, or by an id, and buttons", () => {
    const one = read(
      'header: { document: { link: "https://a.example/{event_id}.pdf", filename: invoice.pdf } }, buttons: [{ index: 0, url: "{properties.order_id}" }]'
    )
    assert.deepStrictEqual(one.problems, [])
    assert.deepStrictEqual(one.template?.header, {
      _tag: "Media",
      kind: "document",
      source: { key: "link", text: "https://a.example/{event_id}.pdf" },
      filename: "invoice.pdf"
    })
    assert.deepStrictEqual(one.template?.buttons, [{ index: 0, url: "{properties.order_id}" }])
    const short = read('header: { image: "https://a.example/b.jpg" }').template?.header
    assert.deepStrictEqual(short, {
      _tag: "Media",
      kind: "image",
      source: { key: "link", text: "https://a.example/b.jpg" },
      filename: null
    })
    assert.deepStrictEqual(read("header: { video: { id: 42 } }").template?.header, {
      _tag: "Media",
      kind: "video",
      source: { key: "id", text: "42" },
      filename: null
    })
  })

  it("is refused with what WhatsApp could not take", () => {
    const wrong: ReadonlyArray<readonly [string, RegExp]> = [
      ["category: spam", /not one of the choices/],
      ["header: { text: a, image: b }", /A header is of one kind; here are 2/],
      ["header: {}", /A header is of one kind; here are 0/],
      ["header: { text: [a, b] }", /A header takes one parameter; here are 2/],
      ["header: { image: { link: a, id: 1 } }", /Media have one source/],
      ["header: { image: { filename: a, id: 1 } }", /Only a document has a name/],
      ['header: { image: "{properties.vlaue}" }', /is not a field of an event/],
      ["body: { OrderId: a }", /is not a parameter name/],
      ["header: { text: a }, body: { order: b }", /all named or all positional/],
      ["buttons: [a]", /Expected a group of keys/],
      ["buttons: [{ url: a }]", /index is missing/],
      ["buttons: [{ index: 10, url: a }]", /not an integer in the range/],
      ["buttons: [{ index: 0, url: a }, { index: 0, url: b }]", /Another button has the index 0/],
      ["buttons: [{ index: 0, text: a }]", /url is missing/],
      ["footer: a", /Unknown key/]
    ]
    for (const [template, message] of wrong) {
      const { problems } = read(template)
      assert.isTrue(
        problems.some((problem) => message.test(problem)),
        `${template}: ${JSON.stringify(problems)}`
      )
    }
  })
})
