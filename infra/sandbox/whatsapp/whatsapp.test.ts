import { createHmac } from "node:crypto"
import { createServer } from "node:http"
import { assert, describe } from "@effect/vitest"
import { waitUntil } from "../../../tests/harness/wait-until.ts"
import type { Json, JsonObject } from "../platform.ts"
import { assertAt, type Client, changed, withSandbox } from "../testing.ts"

const path = "/v26.0/15550001111/messages"
const token = { authorization: "Bearer sandbox-whatsapp-token" }

const message = (to: string, eventId?: string): JsonObject => ({
  messaging_product: "whatsapp",
  recipient_type: "individual",
  to,
  type: "template",
  template: {
    name: "order_ok",
    language: { code: "en_US" },
    components: [{ type: "body", parameters: [{ type: "text", text: "42" }] }]
  },
  ...(eventId === undefined ? {} : { biz_opaque_callback_data: eventId })
})

const send = (client: Client, body: JsonObject) => client.post("whatsapp", path, body, token)

describe("WhatsApp's sandbox", () => {
  withSandbox("answers a wamid for each message, also for a repeat", async (client) => {
    const first = await send(client, message("+16505551234", "o-1"))
    assert.strictEqual(first.status, 200)
    assertAt(first.body, "contacts.0", { input: "+16505551234", wa_id: "16505551234" })
    assert.match(JSON.stringify(first.body.messages), /"wamid\./)
    await client.control("POST", "clock", { offset_ms: 7000 })
    const second = await send(client, message("+16505551234", "o-1"))
    assert.notStrictEqual(JSON.stringify(first.body.messages), JSON.stringify(second.body.messages))
    assertAt(await client.control("GET", "stats"), "platforms.whatsapp.duplicates", 1)
  })

  withSandbox("refuses bad messages by code", async (client) => {
    const refused: ReadonlyArray<readonly [string, Json | undefined, number]> = [
      ["messaging_product", undefined, 131008],
      ["to", undefined, 131008],
      ["to", "e323ec626319ca94ee8bff2e4c87cf613be6ea19919ed1364124e16807ab3176", 131009],
      ["type", "poll", 131051],
      ["template", undefined, 131008],
      ["template.language", undefined, 131008],
      ["template.name", "Order OK", 131009],
      ["template.components", [{ type: "body", parameters: [{ type: "text" }] }], 131008]
    ]
    for (const [key, value, code] of refused) {
      const { body, text } = await send(client, changed(message("16505551234"), key, value))
      assert.strictEqual((body.error as JsonObject).code, code, `${key}: ${text}`)
      assert.isString(((body.error as JsonObject).error_data as JsonObject).details)
    }
    const unauthorized = await client.post("whatsapp", path, message("16505551234"), { authorization: "Bearer x" })
    assert.strictEqual(unauthorized.status, 401)
    assertAt(unauthorized.body, "error.code", 190)
  })

  withSandbox(
    "takes headers of every kind, named parameters and URL buttons, and refuses what does not fit",
    async (client) => {
      const image = { type: "image", image: { link: "https://cdn.example/a.jpg" } }
      const named = { type: "text", parameter_name: "order_id", text: "42" }
      const plain = { type: "text", text: "42" }
      const button = { type: "button", sub_type: "url", index: "0", parameters: [plain] }
      const document = { type: "document", document: { id: "123", filename: "invoice.pdf" } }
      const taken: ReadonlyArray<ReadonlyArray<JsonObject>> = [
        [{ type: "header", parameters: [plain] }, { type: "body", parameters: [plain] }, button],
        [{ type: "header", parameters: [image] }],
        [{ type: "header", parameters: [document] }],
        [{ type: "header", parameters: [{ type: "video", video: { link: "https://cdn.example/a.mp4" } }] }],
        [{ type: "header", parameters: [named] }, { type: "body", parameters: [named] }, button]
      ]
      const refused: ReadonlyArray<readonly [ReadonlyArray<JsonObject>, number]> = [
        [[{ type: "header", parameters: [plain, plain] }], 132012],
        [[{ type: "header", parameters: [{ type: "image", image: { link: "a.jpg" } }] }], 131009],
        [[{ type: "header", parameters: [{ type: "image", image: {} }] }], 131008],
        [[{ type: "header", parameters: [{ type: "image" }] }], 131008],
        [[{ type: "header", parameters: [{ type: "image", image: { id: "1", filename: "a" } }] }], 131009],
        [[{ type: "body", parameters: [image] }], 132012],
        [[{ type: "body", parameters: [named, plain] }], 132012],
        [
          [
            { type: "header", parameters: [plain] },
            { type: "body", parameters: [named] }
          ],
          132012
        ],
        [[{ type: "button", sub_type: "url", parameters: [plain] }], 131008],
        [[{ type: "button", index: "0", parameters: [plain] }], 131008],
        [[{ type: "button", sub_type: "url", index: "0", parameters: [] }], 132012]
      ]
      const sendWith = (components: ReadonlyArray<JsonObject>) =>
        send(client, changed(message("16505551234"), "template.components", components))
      for (const components of taken) {
        const { status, text } = await sendWith(components)
        assert.strictEqual(status, 200, `${JSON.stringify(components)}: ${text}`)
      }
      for (const [components, code] of refused) assertAt((await sendWith(components)).body, "error.code", code)
    },
    { whatsapp: { pairWindowMillis: 0 } }
  )

  withSandbox(
    "takes a business-scoped user id as recipient, a phone number first, and no authentication to an id",
    async (client) => {
      const id = "US.13491208655302741918"
      const toId = { ...changed(message("16505551234"), "to", undefined), recipient: id }
      assertAt((await send(client, toId)).body, "contacts.0", { input: id, user_id: id })
      assertAt(
        (await send(client, { ...message("16505551234"), recipient: id })).body,
        "contacts.0.wa_id",
        "16505551234"
      )
      assertAt((await send(client, message(id))).body, "error.code", 131009)
      assertAt((await send(client, { ...toId, recipient: "1" })).body, "error.code", 131009)
      const code = changed(toId, "template.name", "login_code")
      assertAt((await send(client, code)).body, "error.code", 131062)
      assert.strictEqual((await send(client, { ...code, to: "16505551235" })).status, 200)
    },
    { whatsapp: { authenticationTemplates: ["login_code"] } }
  )

  withSandbox("allows one message in 6 s to one person, 131056", async (client) => {
    await send(client, message("16505551234"))
    assertAt((await send(client, message("16505551234"))).body, "error.code", 131056)
    assert.strictEqual((await send(client, message("16505551235"))).status, 200)
    await client.control("POST", "clock", { offset_ms: 6001 })
    assert.strictEqual((await send(client, message("16505551234"))).status, 200)
  })

  withSandbox(
    "throttles above the number's rate with 130429, and knows its templates",
    async (client) => {
      assertAt(
        (await send(client, changed(message("16505551234"), "template.name", "other"))).body,
        "error.code",
        132001
      )
      const statuses = await Promise.all([1, 2, 3, 4].map((digit) => send(client, message(`1650555123${digit}`))))
      assert.include(
        statuses.map((reply) => (reply.body.error as JsonObject | undefined)?.code),
        130429
      )
    },
    { whatsapp: { messagesPerSecond: 2, templates: ["order_ok"] } }
  )

  withSandbox(
    "posts the later statuses, signed, with a failure where one is scripted, and again where the receiver is not well",
    async (client) => {
      let refused = 0
      const received: Array<{ readonly body: string; readonly signature: string }> = []
      const server = createServer((request, response) => {
        let body = ""
        request.on("data", (chunk) => {
          body += chunk
        })
        request.on("end", () => {
          if (refused === 0) {
            refused++
            response.statusCode = 503
          } else received.push({ body, signature: String(request.headers["x-hub-signature-256"]) })
          response.end()
        })
      })
      await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
      const { port } = server.address() as { port: number }
      await client.control("POST", "webhook", { url: `http://127.0.0.1:${port}/webhook`, app_secret: "secret" })
      await client.control("POST", "faults", { kind: "fails_later", event_ids: ["o-2"], reason: "131026" })
      await send(client, message("16505551234", "o-1"))
      await send(client, message("16505551235", "o-2"))
      await waitUntil("all have come", () => received.length >= 4)
      server.close()
      server.closeAllConnections()
      for (const { body, signature } of received)
        assert.strictEqual(signature, `sha256=${createHmac("sha256", "secret").update(body).digest("hex")}`)
      const statuses = received.map(({ body }) => JSON.parse(body).entry[0].changes[0].value.statuses[0])
      assert.sameMembers(
        statuses.map(
          (status) => `${status.biz_opaque_callback_data} ${status.status} ${status.errors?.[0].code ?? ""}`
        ),
        ["o-1 sent ", "o-1 delivered ", "o-2 sent ", "o-2 failed 131026"]
      )
    },
    { whatsapp: { statusDelayMillis: 10 } }
  )
})
