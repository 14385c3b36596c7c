import { assert, describe } from "@effect/vitest"
import type { Json, JsonObject } from "../platform.ts"
import { assertAt, type Client, changed, hashedEmail, secondsAgo, withSandbox } from "../testing.ts"

const checkout = (id = "o-1"): JsonObject => ({
  event_name: "checkout",
  action_source: "web",
  event_time: secondsAgo(60),
  event_id: id,
  event_source_url: "https://shop.example/thanks",
  opt_out: false,
  user_data: { em: [hashedEmail], client_ip_address: "93.184.216.34", client_user_agent: "UA", click_id: "c" },
  custom_data: {
    currency: "USD",
    value: "129.90",
    content_ids: ["s1"],
    contents: [{ id: "s1", item_price: "99.90", quantity: 1 }],
    num_items: 1,
    order_id: id
  }
})

const send = (
  client: Client,
  data: ReadonlyArray<Json>,
  { query = "", token = "sandbox-pinterest-token", account = "549755885175" } = {}
) =>
  client.post(
    "pinterest",
    `/v5/ad_accounts/${account}/events${query}`,
    { data },
    token === "" ? {} : { authorization: `Bearer ${token}` }
  )

describe("Pinterest's sandbox", () => {
  withSandbox("processes events and deduplicates by account and event_id, but not offline", async (client) => {
    const reply = await send(client, [checkout("o-1"), checkout("o-2")])
    assert.strictEqual(reply.status, 200)
    assertAt(reply.body, "num_events_processed", 2)
    assertAt(reply.body, "events.1.status", "processed")
    await send(client, [checkout("o-2"), changed(checkout("o-3"), "action_source", "offline")])
    await send(client, [changed(checkout("o-3"), "action_source", "offline")])
    const stats = await client.control("GET", "stats")
    assertAt(stats, "platforms.pinterest.events", 5)
    assertAt(stats, "platforms.pinterest.duplicates", 1)
  })

  withSandbox("answers 422 with a status for each event in request order, and takes the good ones", async (client) => {
    const bad = changed(checkout("o-2"), "user_data.em", ["jane@example.com"])
    const reply = await send(client, [checkout("o-1"), bad, checkout("o-3")])
    assert.strictEqual(reply.status, 422)
    assertAt(reply.body, "num_events_received", 3)
    assertAt(reply.body, "num_events_processed", 2)
    const events = reply.body.events as ReadonlyArray<JsonObject>
    assert.deepStrictEqual(
      events.map(({ status }) => status),
      ["processed", "failed", "processed"]
    )
    assert.include(String(events[1]?.error_message), "user_data.em[0]")
    assertAt(await client.control("GET", "stats"), "platforms.pinterest.distinct", 2)
  })

  withSandbox(
    "has the list of events under details where it is set so",
    async (client) => {
      const { status, body } = await send(client, [changed(checkout(), "event_name", "Purchase")])
      assert.strictEqual(status, 422)
      assertAt(body, "details.events.0.status", "failed")
    },
    { pinterest: { failuresIn: "details" } }
  )

  withSandbox("applies each documented rule of an event, to that event alone", async (client) => {
    const refused: ReadonlyArray<readonly [string, Json | undefined]> = [
      ["event_name", "purchase"],
      ["event_name", undefined],
      ["event_id", undefined],
      ["event_time", undefined],
      ["event_time", secondsAgo(8 * 86_400)],
      ["event_time", Date.now()],
      ["action_source", "app"],
      ["event_source_url", "shop"],
      ["user_data", { client_user_agent: "UA" }],
      ["user_data.external_id", ["u-77"]],
      ["user_data.client_ip_address", "x"],
      ["custom_data.value", 129.9],
      ["custom_data.currency", "USDX"],
      ["custom_data.contents", [{ id: "s1", item_price: 99.9 }]],
      ["custom_data.opt_out_type", "LDU"],
      ["partner_name", "Shop"],
      ["language", "english"]
    ]
    for (const [key, value] of refused) {
      const reply = await send(client, [changed(checkout(), key, value), checkout("good")])
      assert.strictEqual(reply.status, 422, `${key} = ${JSON.stringify(value)}: ${reply.text}`)
      assertAt(reply.body, "events.0.status", "failed")
      assertAt(reply.body, "events.1.status", "processed")
    }
    for (const [key, value] of [
      ["user_data", { hashed_maids: [hashedEmail] }],
      ["user_data", { client_ip_address: "2001:db8::1", client_user_agent: "UA" }],
      ["custom_data.opt_out_type", "LDP"],
      ["opt_out", true],
      ["partner_name", "ss-shop"]
    ] as const)
      assert.strictEqual((await send(client, [changed(checkout(), key, value)])).status, 200, key)
  })

  withSandbox("refuses a request that does not follow the schema, whole", async (client) => {
    const refused: ReadonlyArray<readonly [string, Json]> = [
      ["user_data.em", hashedEmail],
      ["user_data.name", "Jane"],
      ["custom_data.num_items", "1"],
      ["custom_data.contents", [{ id: "s1", price: "99.90" }]],
      ["opt_out", "true"],
      ["ip", "93.184.216.34"]
    ]
    for (const [key, value] of refused) {
      const reply = await send(client, [checkout("good"), changed(checkout(), key, value)])
      assert.strictEqual(reply.status, 400, `${key} = ${JSON.stringify(value)}: ${reply.text}`)
      assertAt(reply.body, "code", 4196)
    }
    const many = Array.from({ length: 1001 }, (_, index) => checkout(`o-${index}`))
    assert.strictEqual((await send(client, many)).status, 400)
    assert.strictEqual((await send(client, [])).status, 400)
    assertAt(await client.control("GET", "stats"), "platforms.pinterest.events", 0)
    assert.strictEqual((await send(client, many.slice(1))).status, 200)
  })

  withSandbox("answers the same and records nothing with ?test=true", async (client) => {
    const bad = changed(checkout("o-2"), "event_name", "purchase")
    const reply = await send(client, [checkout("o-1"), bad], { query: "?test=true" })
    assert.strictEqual(reply.status, 422)
    assertAt(reply.body, "num_events_processed", 1)
    assertAt(await client.control("GET", "stats"), "platforms.pinterest.events", 0)
  })

  withSandbox(
    "refuses a wrong token with 2, a strange account with 29, and throttles each account with 8",
    async (client) => {
      for (const token of ["", "wrong"]) {
        const reply = await send(client, [checkout()], { token })
        assert.strictEqual(reply.status, 401)
        assertAt(reply.body, "code", 2)
      }
      const strange = await send(client, [checkout()], { account: "3" })
      assert.strictEqual(strange.status, 403)
      assertAt(strange.body, "code", 29)
      assert.strictEqual((await send(client, [checkout()], { account: "1" })).status, 200)
      const throttled = await send(client, [checkout()], { account: "1" })
      assert.strictEqual(throttled.status, 429)
      assertAt(throttled.body, "code", 8)
      assert.strictEqual((await send(client, [checkout()], { account: "2" })).status, 200)
    },
    { pinterest: { assets: ["1", "2"], requestsPerMinute: 1 } }
  )

  withSandbox("fails a poisoned event alone", async (client) => {
    await client.control("POST", "faults", { kind: "poison", event_ids: ["bad"], reason: "No such luck" })
    const reply = await send(client, [checkout("bad"), checkout("good")])
    assert.strictEqual(reply.status, 422)
    assert.include(String((reply.body.events as ReadonlyArray<JsonObject>)[0]?.error_message), "No such luck")
    assertAt(reply.body, "events.1.status", "processed")
  })

  withSandbox("words scripted failures as it words its errors", async (client) => {
    const cases: ReadonlyArray<readonly [JsonObject, number, number]> = [
      [{ kind: "throttle", retry_after_s: 7 }, 429, 8],
      [{ kind: "expired_token" }, 401, 2],
      [{ kind: "server_error", status: 503 }, 503, 4197],
      [{ kind: "error_code", code: 29 }, 403, 29]
    ]
    for (const [fault, status, code] of cases) {
      await client.control("POST", "faults", { ...fault, platform: "pinterest", count: 1 })
      const reply = await send(client, [checkout()])
      assert.strictEqual(reply.status, status)
      assertAt(reply.body, "code", code)
      if (fault.kind === "throttle") assert.strictEqual(reply.headers.get("retry-after"), "7")
    }
  })
})
