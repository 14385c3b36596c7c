import { assert, describe } from "@effect/vitest"
import type { Json, JsonObject } from "../platform.ts"
import { assertAt, type Client, changed, hashedEmail, secondsAgo, withSandbox } from "../testing.ts"

const path = "/open_api/v1.3/event/track/"
const token = { "access-token": "sandbox-tiktok-token" }

const purchase = (id = "o-1"): JsonObject => ({
  event: "Purchase",
  event_time: secondsAgo(60),
  event_id: id,
  user: {
    email: [hashedEmail],
    phone: hashedEmail,
    ip: "93.184.216.34",
    user_agent: "UA",
    locale: "en-US",
    country: "US"
  },
  page: { url: "https://shop.example/thanks" },
  properties: {
    value: 129.9,
    currency: "USD",
    content_type: "product",
    contents: [{ content_id: "s1", price: 99.9, quantity: 1 }]
  }
})

const send = (
  client: Client,
  data: ReadonlyArray<Json>,
  more: JsonObject = {},
  headers: Record<string, string> = token
) => client.post("tiktok", path, { event_source: "web", event_source_id: "PIXEL", data, ...more }, headers)

describe("TikTok's sandbox", () => {
  withSandbox("answers code 0 and a request id, and deduplicates by source, event and id", async (client) => {
    const reply = await send(client, [purchase("o-1"), purchase("o-1"), purchase("o-2")])
    assert.strictEqual(reply.status, 200)
    assertAt(reply.body, "code", 0)
    assertAt(reply.body, "message", "OK")
    assert.isString(reply.body.request_id)
    assertAt(await client.control("GET", "stats"), "platforms.tiktok.duplicates", 1)
    assertAt(await client.control("GET", "ids?platform=tiktok&asset=PIXEL"), "ids.0.count", 2)
  })

  withSandbox("says 200 to everything, and the code says", async (client) => {
    const cases: ReadonlyArray<readonly [number, () => ReturnType<typeof send>]> = [
      [40104, () => send(client, [purchase()], {}, {})],
      [40105, () => send(client, [purchase()], {}, { "access-token": "wrong" })],
      [40002, () => send(client, [])],
      [40002, () => send(client, [purchase()], { event_source: "website" })],
      [40002, () => send(client, [purchase()], { event_source_id: "" })],
      [
        40061,
        () =>
          send(
            client,
            Array.from({ length: 1001 }, () => purchase())
          )
      ],
      [40006, () => client.post("tiktok", "/open_api/v1.2/event/track/", {}, token)],
      [40007, () => client.post("tiktok", "/open_api/v1.3/event/track", {}, token)]
    ]
    for (const [code, run] of cases) {
      const reply = await run()
      assert.strictEqual(reply.status, 200)
      assertAt(reply.body, "code", code)
    }
  })

  withSandbox("names the field of a bad event as Batch.i.…, and refuses the batch", async (client) => {
    const bad = changed(purchase("o-2"), "properties.contents", [{ content_id: 7 }])
    const { body } = await send(client, [purchase("o-1"), bad])
    assertAt(body, "code", 40002)
    assertAt(body, "message", "Batch.1.properties.contents.0.content_id: Not a valid string")
    assertAt(await client.control("GET", "stats"), "platforms.tiktok.events", 0)
  })

  withSandbox("applies each documented rule of an event", async (client) => {
    const refused: ReadonlyArray<readonly [string, Json | undefined, number]> = [
      ["event", undefined, 40002],
      ["event_time", undefined, 40002],
      ["event_time", Date.now(), 40002],
      ["page", undefined, 40002],
      ["user.email", "jane@example.com", 40062],
      ["user.phone", "+14155550132", 40062],
      ["user.external_id", "u-77", 40062],
      ["user.zip_code", "94103", 40062],
      ["user.ip", "x", 40002],
      ["user.idfa", "lower-case", 40002],
      ["properties.value", "129.90", 40002],
      ["properties.currency", "usd", 40002],
      ["properties.currency", "XAF", 40002],
      ["limited_data_use", "true", 40002]
    ]
    for (const [key, value, code] of refused) {
      const { body, text } = await send(client, [changed(purchase(), key, value)])
      assert.strictEqual(body.code, code, `${key} = ${JSON.stringify(value)}: ${text}`)
    }
    const limited = { ...purchase(), limited_data_use: true }
    assertAt((await send(client, [limited])).body, "code", 0)
    assertAt((await send(client, [changed(limited, "user.ip", "10.0.0.1")])).body, "code", 40002)
  })

  withSandbox("knows what each event source requires", async (client) => {
    const app = { event_source: "app" }
    assertAt((await send(client, [purchase()], app)).body, "code", 40002)
    assertAt((await send(client, [{ ...purchase(), app: { app_id: "1" } }], app)).body, "code", 0)
    const crm = { event_source: "crm" }
    assertAt((await send(client, [purchase()], crm)).body, "code", 40002)
    assertAt((await send(client, [{ ...purchase(), lead: { lead_id: "1" } }], crm)).body, "code", 0)
    const offline = { event_source: "offline" }
    assertAt((await send(client, [{ ...purchase(), event: "Mine" }], offline)).body, "code", 40002)
    assertAt(
      (await send(client, [{ ...purchase(), event_time: secondsAgo(29 * 86_400) }], offline)).body,
      "code",
      40002
    )
    assertAt((await send(client, [{ ...purchase(), event_time: secondsAgo(27 * 86_400) }], offline)).body, "code", 0)
  })

  withSandbox(
    "throttles with 40100 and keeps pixels apart",
    async (client) => {
      assertAt((await send(client, [purchase()], { event_source_id: "OTHER" })).body, "code", 40001)
      assertAt((await send(client, [purchase()])).body, "code", 0)
      assertAt((await send(client, [purchase()])).body, "code", 40100)
    },
    { tiktok: { assets: ["PIXEL"], requestsPerMinute: 2 } }
  )
})
