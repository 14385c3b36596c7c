import { assert, describe } from "@effect/vitest"
import type { Json, JsonObject } from "../platform.ts"
import { assertAt, type Client, changed, hashedEmail, secondsAgo, withSandbox } from "../testing.ts"

const purchase = (id = "o-1"): JsonObject => ({
  event_name: "PURCHASE",
  event_time: secondsAgo(60),
  event_id: id,
  action_source: "WEB",
  event_source_url: "https://shop.example/thanks",
  user_data: { em: [hashedEmail], client_ip_address: "93.184.216.34", client_user_agent: "UA", sc_click_id: "c" },
  custom_data: {
    value: 129.9,
    currency: "USD",
    contents: [{ id: "s1", quantity: "1", item_price: "99.9" }],
    num_items: 1
  }
})

const send = (client: Client, data: ReadonlyArray<Json>, edge = "events", token = "sandbox-snapchat-token") =>
  client.post("snapchat", `/v3/pixel-1/${edge}?access_token=${token}`, { data })

describe("Snap's sandbox", () => {
  withSandbox("answers VALID and deduplicates by pixel and event_id", async (client) => {
    const reply = await send(client, [purchase("o-1"), purchase("o-2")])
    assert.strictEqual(reply.status, 200)
    assertAt(reply.body, "status", "VALID")
    await send(client, [purchase("o-2")])
    assertAt(await client.control("GET", "duplicates?platform=snapchat"), "duplicates", [
      { platform: "snapchat", asset: "pixel-1", event_id: "o-2", count: 2 }
    ])
  })

  withSandbox("answers INVALID with the event's index and stores nothing", async (client) => {
    const reply = await send(client, [purchase("o-1"), changed(purchase("o-2"), "event_name", "Purchase")])
    assertAt(reply.body, "status", "INVALID")
    assertAt(reply.body, "event", 1)
    assertAt(reply.body, "errors.error_msgs.length", 1)
    assertAt(await client.control("GET", "stats"), "platforms.snapchat.events", 0)
  })

  withSandbox("applies each documented rule of an event", async (client) => {
    const refused: ReadonlyArray<readonly [string, Json | undefined]> = [
      ["event_time", undefined],
      ["event_time", secondsAgo(38 * 86_400)],
      ["event_time", secondsAgo(-3600)],
      ["action_source", "phone"],
      ["event_source_url", undefined],
      ["user_data", { client_user_agent: "UA" }],
      ["user_data.em", ["jane@example.com"]],
      ["user_data.ph", "14155550132"],
      ["custom_data.value", undefined],
      ["custom_data.value", "a lot"],
      ["custom_data.currency", undefined],
      ["custom_data.contents", [{ id: "s1", quantity: 1 }]],
      ["data_processing_options", ["CCPA"]],
      ["action_source", "MOBILE_APP"]
    ]
    for (const [key, value] of refused) {
      const { body } = await send(client, [changed(purchase(), key, value)])
      assert.strictEqual(body.status, "INVALID", `${key} = ${JSON.stringify(value)}`)
    }
    for (const [key, value] of [
      ["event_time", Date.now()],
      ["custom_data.value", "129.90"],
      ["action_source", "website"]
    ] as const)
      assertAt((await send(client, [changed(purchase(), key, value)])).body, "status", "VALID")
  })

  withSandbox("keeps app and web events apart", async (client) => {
    const extinfo = Array.from({ length: 16 }, () => "x")
    const app = {
      ...purchase(),
      action_source: "MOBILE_APP",
      app_data: { app_id: "1", advertiser_tracking_enabled: 1, extinfo }
    }
    assertAt((await send(client, [app])).body, "status", "VALID")
    assertAt((await send(client, [app, purchase()])).body, "status", "INVALID")
  })

  withSandbox("validates without storing, event by event", async (client) => {
    const { body } = await send(
      client,
      [purchase("o-1"), changed(purchase("o-2"), "event_time", undefined)],
      "events/validate"
    )
    assertAt(body, "status", "INVALID")
    assertAt(body, "event_logs.0.status", "VALID")
    assertAt(body, "event_logs.1.status", "INVALID")
    assertAt(await client.control("GET", "stats"), "platforms.snapchat.events", 0)
    const logs = await client.get("snapchat", "/v3/pixel-1/events/validate/logs?access_token=sandbox-snapchat-token")
    assertAt(logs.body, "event_logs.length", 2)
  })

  withSandbox("takes 2,000 events, not 2,001, and no wrong token", async (client) => {
    const many = Array.from({ length: 2001 }, (_, index) => purchase(`o-${index}`))
    assertAt((await send(client, many)).body, "status", "INVALID")
    assertAt((await send(client, many.slice(1))).body, "status", "VALID")
    assert.strictEqual((await send(client, [purchase()], "events", "wrong")).status, 401)
    assert.strictEqual((await send(client, [purchase()], "events", "")).status, 401)
  })

  withSandbox(
    "throttles with 429 where a rate is set",
    async (client) => {
      await send(client, [purchase()])
      assert.strictEqual((await send(client, [purchase()])).status, 429)
    },
    { snapchat: { requests: { limit: 1, windowMillis: 3_600_000 } } }
  )
})
