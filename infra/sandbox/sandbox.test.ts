import { readdirSync, readFileSync } from "node:fs"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { makeFingerprints } from "./fingerprints.ts"
import type { JsonObject } from "./platform.ts"
import type { SandboxPlatform } from "./registry.ts"
import { startSandbox } from "./sandbox.ts"
import { assertAt, type Client, hashedEmail, secondsAgo, withSandbox } from "./testing.ts"

const page = (id: string): JsonObject => ({
  event_name: "PAGE_VIEW",
  event_time: secondsAgo(10),
  event_id: id,
  action_source: "WEB",
  event_source_url: "https://shop.example/",
  user_data: { em: [hashedEmail] }
})

const send = (client: Client, ...ids: ReadonlyArray<string>) =>
  client.post("snapchat", "/v3/pixel/events?access_token=sandbox-snapchat-token", { data: ids.map(page) })

const fault = (client: Client, given: JsonObject) => client.control("POST", "faults", given)

const failure = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => "answered",
    () => "cut"
  )

describe("scripted faults", () => {
  withSandbox("count, platform, path and number of events decide which requests a fault applies to", async (client) => {
    await fault(client, {
      kind: "server_error",
      status: 503,
      platform: "snapchat",
      path: "/events",
      min_events: 2,
      count: 1
    })
    assert.strictEqual((await send(client, "a")).status, 200)
    assert.strictEqual((await send(client, "a", "b")).status, 503)
    assert.strictEqual((await send(client, "a", "b")).status, 200)
    assertAt(await client.control("GET", "faults"), "faults", [])
  })

  withSandbox("a fault with a duration begins and ends by the clock", async (client) => {
    await fault(client, { kind: "dead", start_after_ms: 10_000, duration_ms: 10_000 })
    assert.strictEqual((await send(client, "a")).status, 200)
    await client.control("POST", "clock", { offset_ms: 15_000 })
    assert.strictEqual(await failure(send(client, "b")), "cut")
    await client.control("POST", "clock", { offset_ms: 25_000 })
    assert.strictEqual((await send(client, "c")).status, 200)
  })

  withSandbox("each platform throttles, fails and expires in its own words", async (client) => {
    const platforms: ReadonlyArray<readonly [SandboxPlatform, number, number, number]> = [
      ["meta", 400, 503, 401],
      ["google", 429, 503, 401],
      ["google-ads", 429, 503, 401],
      ["tiktok", 200, 503, 200],
      ["snapchat", 429, 503, 401],
      ["whatsapp", 400, 503, 401]
    ]
    for (const [platform, throttled, unavailable, expired] of platforms) {
      await fault(client, { kind: "throttle", platform, retry_after_s: 7, count: 1 })
      const answer = await client.post(platform, "/", {})
      assert.strictEqual(answer.status, throttled, platform)
      if (platform !== "google-ads") assert.strictEqual(answer.headers.get("retry-after"), "7", platform)
      await fault(client, { kind: "server_error", status: 503, platform, count: 1 })
      assert.strictEqual((await client.post(platform, "/", {})).status, unavailable, platform)
      await fault(client, { kind: "error_code", platform, code: 190, subcode: 401, count: 1 })
      assert.isAtLeast((await client.post(platform, "/", {})).status, expired === 200 ? 200 : 400, platform)
    }
  })

  withSandbox("an expired token is refused until the fault is removed", async (client) => {
    await fault(client, { id: "token", kind: "expired_token", platform: "snapchat" })
    assert.strictEqual((await send(client, "a")).status, 401)
    await client.control("DELETE", "faults?id=token")
    assert.strictEqual((await send(client, "a")).status, 200)
  })

  withSandbox("a connection cut after processing has processed the events, one cut before has not", async (client) => {
    await fault(client, { kind: "reset_before", count: 1 })
    assert.strictEqual(await failure(send(client, "before")), "cut")
    await fault(client, { kind: "reset_after", count: 1 })
    assert.strictEqual(await failure(send(client, "after")), "cut")
    const { ids } = await client.control("GET", "ids?platform=snapchat")
    assert.deepStrictEqual(ids, [{ platform: "snapchat", asset: "pixel", event_id: "after", count: 1 }])
  })

  withSandbox("bodies can be slow, half, huge, HTML or anything", async (client) => {
    const started = performance.now()
    await fault(client, { kind: "slow_body", delay_ms: 100, count: 1 })
    assertAt((await send(client, "a")).body, "status", "VALID")
    assert.isAtLeast(performance.now() - started, 80)
    await fault(client, { kind: "truncated_body", count: 1 })
    assert.strictEqual(await failure(send(client, "b")), "cut")
    await fault(client, { kind: "huge_body", bytes: 1_000_000, count: 1 })
    assert.isAbove((await send(client, "c")).text.length, 1_000_000)
    await fault(client, { kind: "html", count: 1 })
    const html = await send(client, "d")
    assert.strictEqual(html.status, 502)
    assert.include(html.headers.get("content-type") ?? "", "text/html")
    await fault(client, { kind: "reply", status: 200, body: { status: "INVALID" }, headers: { "x-a": "b" }, count: 1 })
    const scripted = await send(client, "e")
    assertAt(scripted.body, "status", "INVALID")
    assert.strictEqual(scripted.headers.get("x-a"), "b")
  })

  withSandbox("latency follows a curve of the batch size", async (client) => {
    await fault(client, {
      kind: "latency",
      curve: [
        [1, 0],
        [3, 100]
      ]
    })
    const timeOf = async (...ids: ReadonlyArray<string>) => {
      const started = performance.now()
      await send(client, ...ids)
      return performance.now() - started
    }
    assert.isAtLeast(await timeOf("a", "b", "c"), 95)
    assert.isAtLeast(await timeOf("a", "b"), 45)
  })

  withSandbox("poison is refused as the platform refuses a bad event", async (client) => {
    await fault(client, { kind: "poison", event_ids: ["bad"], reason: "No such luck" })
    const reply = await send(client, "good", "bad")
    assertAt(reply.body, "event", 1)
    assert.include(String(reply.body.reason), "No such luck")
    assert.strictEqual((await send(client, "good")).status, 200)
  })

  withSandbox("chances are seeded", async (client) => {
    await fault(client, { kind: "server_error", probability: 0.5 })
    const statuses: Array<number> = []
    for (let index = 0; index < 40; index++) statuses.push((await send(client, `${index}`)).status)
    assert.includeMembers(statuses, [200, 500])
  })

  withSandbox("a wrong fault is explained", async (client) => {
    assert.include(String((await fault(client, { kind: "explode" })).error), "Unknown kind")
    assert.include(String((await fault(client, { kind: "dead", platform: "myspace" })).error), "Unknown platform")
  })
})

describe("the store", () => {
  withSandbox(
    "keeps the newest bodies and counts the rest",
    async (client) => {
      await send(client, "a", "b", "c")
      await send(client, "c", "d")
      const events = (await client.control("GET", "events")).events as ReadonlyArray<JsonObject>
      assert.deepStrictEqual(
        events.map((event) => [event.event_id, event.duplicate]),
        [
          ["c", true],
          ["d", false]
        ]
      )
      const ids = await client.control("GET", "ids")
      assertAt(ids, "ids.length", 3)
      assertAt(ids, "not_listed", 1)
      const stats = await client.control("GET", "stats")
      assertAt(stats, "platforms.snapchat.events", 5)
      assertAt(stats, "platforms.snapchat.distinct", 4)
      await client.control("POST", "reset")
      assertAt(await client.control("GET", "stats"), "platforms.snapchat.events", 0)
    },
    { store: { bodiesMax: 2, idsMax: 3 } }
  )

  withSandbox(
    "counts event ids without parsing where validation is off",
    async (client) => {
      const reply = await client.post("meta", "/v26.0/1/events", {
        data: [{ event_id: "a" }, { event_id: "b" }, { event_id: "a" }]
      })
      assertAt(reply.body, "events_received", 3)
      const google = await client.post("google", "/v1/events:ingest", { events: [{ transactionId: "a" }] })
      const status = await client.get("google", `/v1/requestStatus:retrieve?requestId=${google.body.requestId}`, {
        authorization: "Bearer sandbox-google-token"
      })
      assert.strictEqual(status.status, 200)
      const stats = await client.control("GET", "stats")
      assertAt(stats, "platforms.meta.distinct", 2)
      assertAt(stats, "platforms.meta.duplicates", 1)
    },
    { validation: "off" }
  )

  it("fingerprints count a million ids exactly", () => {
    const fingerprints = makeFingerprints()
    for (let index = 0; index < 1_000_000; index++) fingerprints.add(`event-${index}`, 0, 10)
    assert.strictEqual(fingerprints.size(), 1_000_000)
    assert.strictEqual(fingerprints.add("event-5", 0, 10), 1)
    assert.strictEqual(fingerprints.add("event-5", 11, 10), 0)
  })
})

describe("the sandbox", () => {
  it.live("says which port is taken and what to do", () =>
    Effect.gen(function* () {
      const first = yield* startSandbox()
      const port = Number(new URL(first.controlUrl).port)
      const error = yield* Effect.flip(startSandbox({ port }))
      assert.strictEqual(error.code, "port_in_use")
      assert.include(error.message, String(port))
    }).pipe(Effect.scoped)
  )

  it("imports nothing of the connectors", () => {
    const files = readdirSync(import.meta.dirname, { recursive: true, encoding: "utf8" }).filter((file) =>
      file.endsWith(".ts")
    )
    const wrong = files.filter((file) =>
      /from "[./]*\/(?:shared|schemas|processors)\/(?!runtime\/end-with-launcher\.mjs")/.test(
        readFileSync(`${import.meta.dirname}/${file}`, "utf8")
      )
    )
    assert.deepStrictEqual(wrong, [])
  })
})
