import { createHmac } from "node:crypto"
import { assert, describe } from "@effect/vitest"
import type { Json, JsonObject } from "../platform.ts"
import { assertAt, type Client, changed, hashedEmail, secondsAgo, withSandbox } from "../testing.ts"

const path = "/v26.0/1234567890/events"
const token = { authorization: "Bearer sandbox-meta-token" }

const purchase = (id = "o-1"): JsonObject => ({
  event_name: "Purchase",
  event_time: secondsAgo(60),
  event_id: id,
  action_source: "website",
  event_source_url: "https://shop.example/thanks",
  user_data: { em: [hashedEmail], client_ip_address: "93.184.216.34", client_user_agent: "Mozilla/5.0" },
  custom_data: { value: 129.9, currency: "USD", contents: [{ id: "s1", quantity: 1, item_price: 99.9 }], plan: "pro" }
})

const send = (client: Client, events: ReadonlyArray<Json>, more: JsonObject = {}) =>
  client.post("meta", path, { data: events, ...more }, token)

describe("Meta's sandbox", () => {
  withSandbox("answers events_received and shows what it stored, with usage headers", async (client) => {
    const reply = await send(client, [purchase("o-1"), purchase("o-2")])
    assert.strictEqual(reply.status, 200)
    assertAt(reply.body, "events_received", 2)
    assertAt(reply.body, "messages", [])
    assert.match(String(reply.body.fbtrace_id), /^A/)
    assert.property(JSON.parse(reply.headers.get("x-app-usage") ?? "{}"), "call_count")
    assert.property(JSON.parse(reply.headers.get("x-business-use-case-usage") ?? "{}"), "1234567890")
    const stored = await client.control("GET", "events?event_id=o-2&asset=1234567890")
    assertAt(stored, "events.0.body.custom_data.plan", "pro")
    assertAt(stored, "events.length", 1)
  })

  withSandbox(
    "takes the token from the query and from the body, and refuses others with 401 and code 190",
    async (client) => {
      assert.strictEqual(
        (await client.post("meta", `${path}?access_token=sandbox-meta-token`, { data: [purchase()] })).status,
        200
      )
      assert.strictEqual(
        (await client.post("meta", path, { data: [purchase()], access_token: "sandbox-meta-token" })).status,
        200
      )
      const refused = await client.post("meta", `${path}?access_token=wrong`, { data: [purchase()] })
      assert.strictEqual(refused.status, 401)
      assertAt(refused.body, "error.code", 190)
      assertAt(refused.body, "error.type", "OAuthException")
      assertAt((await client.post("meta", path, { data: [purchase()] })).body, "error.code", 104)
    }
  )

  withSandbox("takes a form whose data is JSON", async (client) => {
    const form = new URLSearchParams({ access_token: "sandbox-meta-token", data: JSON.stringify([purchase()]) })
    const reply = await client.post("meta", path, form.toString(), {
      "content-type": "application/x-www-form-urlencoded"
    })
    assertAt(reply.body, "events_received", 1)
  })

  withSandbox("refuses the whole request for one bad event, without naming it, and stores nothing", async (client) => {
    const old = changed(purchase("old"), "event_time", secondsAgo(8 * 86_400))
    const reply = await send(client, [purchase("good"), old])
    assert.strictEqual(reply.status, 400)
    assertAt(reply.body, "error.code", 100)
    assertAt(reply.body, "error.error_subcode", 2804003)
    assert.notInclude(reply.text, 'old"')
    assertAt(await client.control("GET", "stats"), "platforms.meta.events", 0)
  })

  withSandbox("names the element whose field has the wrong type", async (client) => {
    const bad = changed(purchase("bad"), "custom_data.contents", { id: "s1" })
    const reply = await send(client, [purchase("good"), bad])
    assertAt(reply.body, "error.error_subcode", 2804019)
    assert.include(String((reply.body.error as JsonObject).error_user_msg), "$['data'][1]['custom_data']['contents'] ")
  })

  withSandbox("applies each documented rule of an event", async (client) => {
    const refused: ReadonlyArray<readonly [string, Json | undefined]> = [
      ["event_name", undefined],
      ["event_name", ""],
      ["event_time", undefined],
      ["event_time", "1795000000"],
      ["event_time", Date.now()],
      ["event_time", secondsAgo(-3600)],
      ["action_source", undefined],
      ["action_source", "web"],
      ["event_source_url", undefined],
      ["user_data", undefined],
      ["user_data", {}],
      ["user_data.em", ["john_smith@gmail.com"]],
      ["user_data.em", hashedEmail.toUpperCase()],
      ["user_data.client_ip_address", "not an address"],
      ["user_data.fbc", "IwAR0"],
      ["user_data.fbp", "fb.1.x"],
      ["user_data", { ct: hashedEmail, client_user_agent: "UA" }],
      ["user_data", { fn: hashedEmail, ge: hashedEmail }],
      ["custom_data.value", "129.90"],
      ["custom_data.value", undefined],
      ["custom_data.currency", undefined],
      ["custom_data.currency", "DOLLARS"],
      ["custom_data.content_type", "thing"],
      ["custom_data.num_items", 1.5],
      ["custom_data.contents", [{ quantity: 1 }]],
      ["data_processing_options", ["CCPA"]],
      ["data_processing_options_state", 999],
      ["data_processing_options_state", 1000],
      ["data_processing_options_country", 1],
      ["app_data", { extinfo: ["a2"] }]
    ]
    for (const [key, value] of refused) {
      const reply = await send(client, [changed(purchase(), key, value)])
      assert.strictEqual(reply.status, 400, `${key} = ${JSON.stringify(value)}: ${reply.text}`)
      assertAt(reply.body, "error.code", 100)
    }
    const noValue = await send(client, [changed(purchase(), "custom_data.value", undefined)])
    assertAt(noValue.body, "error.error_subcode", 2804009)
  })

  const anonymous = () => changed(purchase(), "user_data.client_user_agent", undefined)
  withSandbox("takes a website event without a user agent", async (client) => {
    assert.strictEqual((await send(client, [anonymous()])).status, 200)
  })
  withSandbox(
    "refuses a website event without a user agent where it is set so",
    async (client) => {
      assert.strictEqual((await send(client, [anonymous()])).status, 400)
    },
    { meta: { websiteWithoutUserAgent: "reject" } }
  )

  withSandbox("knows what app and business messaging events need, and the longer age of shops", async (client) => {
    const app = changed(purchase(), "action_source", "app")
    assert.strictEqual((await send(client, [app])).status, 400)
    const extinfo = ["i2", ...Array.from({ length: 15 }, () => "")]
    const complete = changed(app, "app_data", {
      advertiser_tracking_enabled: 0,
      application_tracking_enabled: 1,
      extinfo
    })
    assert.strictEqual((await send(client, [complete])).status, 200)
    const message = changed(purchase(), "action_source", "business_messaging")
    assert.strictEqual((await send(client, [message])).status, 400)
    const onPage = { ...message, messaging_channel: "whatsapp", user_data: { ctwa_clid: "c", page_id: "1" } }
    assert.strictEqual((await send(client, [onPage])).status, 400)
    const whatsapp = changed(onPage, "event_source_url", undefined)
    assert.strictEqual((await send(client, [whatsapp])).status, 200)
    const browser = changed(whatsapp, "user_data.fbp", "fb.1.1657051589577.1088522659")
    assert.strictEqual((await send(client, [browser])).status, 400)
    const shop = { ...purchase(), action_source: "physical_store", event_time: secondsAgo(60 * 86_400) }
    assert.strictEqual((await send(client, [shop])).status, 200)
    assert.strictEqual((await send(client, [{ ...shop, event_time: secondsAgo(63 * 86_400) }])).status, 400)
  })

  withSandbox("takes 1,000 events, not 1,001, and a short partner_agent only", async (client) => {
    const many = Array.from({ length: 1001 }, (_, index) => purchase(`o-${index}`))
    assert.strictEqual((await send(client, many)).status, 400)
    assertAt((await send(client, many.slice(1))).body, "events_received", 1000)
    assert.strictEqual((await send(client, [purchase()], { partner_agent: "x".repeat(23) })).status, 400)
    assert.strictEqual((await send(client, [])).status, 400)
  })

  withSandbox("counts a repeated event_id of the same name as a duplicate, and answers as always", async (client) => {
    await send(client, [purchase("o-1")])
    assertAt((await send(client, [purchase("o-1")])).body, "events_received", 1)
    await send(client, [changed(purchase("o-1"), "event_name", "Lead")])
    const stats = await client.control("GET", "stats")
    assertAt(stats, "platforms.meta.duplicates", 1)
    assertAt(stats, "platforms.meta.distinct", 2)
  })

  withSandbox("forgets an event id after 48 hours", async (client) => {
    const shop = (at: number) => ({ ...purchase("o-1"), action_source: "physical_store", event_time: at })
    await send(client, [shop(secondsAgo(0))])
    await client.control("POST", "clock", { offset_ms: 49 * 3_600_000 })
    await send(client, [shop(secondsAgo(0))])
    assertAt(await client.control("GET", "stats"), "platforms.meta.duplicates", 0)
  })

  withSandbox("upgrades an expired version with a warning, and knows no unversioned or future call", async (client) => {
    const expired = await client.post("meta", "/v18.0/1234567890/events", { data: [purchase()] }, token)
    assert.strictEqual(expired.status, 200)
    assert.include(expired.headers.get("x-ad-api-version-warning") ?? "", "v21.0")
    assert.strictEqual((await client.post("meta", "/1234567890/events", { data: [purchase()] }, token)).status, 400)
    assert.strictEqual(
      (await client.post("meta", "/v99.0/1234567890/events", { data: [purchase()] }, token)).status,
      400
    )
  })

  withSandbox(
    "knows its datasets and checks appsecret_proof where set",
    async (client) => {
      const unknown = await client.post("meta", "/v26.0/999/events", { data: [purchase()] }, token)
      assertAt(unknown.body, "error.code", 100)
      const body = { data: [purchase()], access_token: "sandbox-meta-token" }
      assert.strictEqual((await client.post("meta", path, body)).status, 400)
      const proof = createHmac("sha256", "secret").update("sandbox-meta-token").digest("hex")
      assert.strictEqual((await client.post("meta", path, { ...body, appsecret_proof: proof })).status, 200)
      const wrong = { ...body, appsecret_proof: hashedEmail }
      assert.strictEqual((await client.post("meta", path, wrong)).status, 400)
    },
    { meta: { assets: ["1234567890"], appSecret: "secret" } }
  )
})
