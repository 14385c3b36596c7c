/** The console on a real broker: its figures, its stream, a redrive from plan to cancel, who is let in, and no personal data in any answer. */
import { writeFileSync } from "node:fs"
import path from "node:path"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { runCommand } from "../../infra/cli/testing.ts"
import { freePort } from "../../infra/local/ports.ts"
import type { EventDeliveryLog } from "../../schemas/types.gen.ts"
import { Codecs, type Records, type SchemaName } from "../../shared/codec/codecs.ts"
import { registryLayer } from "../../shared/codec/registry.ts"
import { KafkaClient } from "../../shared/kafka/client.ts"
import { layerKafka } from "../../shared/kafka/kafkajs/adapter.ts"
import { deadLetter } from "../../shared/model/dead-letter.ts"
import { deliveryResult } from "../../shared/model/delivery-result.ts"
import { purchase } from "../../shared/testing/event-fixture.ts"
import { until } from "../../shared/testing/kafka-probe.ts"
import { environmentFor } from "../../tests/harness/environment.ts"
import { startablePrograms } from "../../tests/harness/programs.ts"
import { temporaryFolder } from "../../tests/harness/temporary-folder.ts"
import { testBrokers, testRegistryUrl, uniquePrefix } from "../../tests/harness/test-services.ts"
import type { DeadLetterGroups, Explanation, Overview, Redrive, RedrivePlan, Samples, Session } from "./api.ts"

const token = "the-token-of-the-console-test"
const person = { email: "jane.doe@shop.example", phone: "+4915112345678", hash: "ab".repeat(32) }
const connections = `version: 1
connections:
  - { id: shop, platform: meta, account: { dataset_id: "1" }, credential: env:NONE }
`

const start = Effect.gen(function* () {
  const folder = temporaryFolder()
  const file = path.join(folder, "connections.yaml")
  writeFileSync(file, connections)
  const prefix = uniquePrefix("console")
  const port = yield* freePort
  const environment = environmentFor(
    { brokers: testBrokers().join(","), registryUrl: testRegistryUrl(), prefix, connections: file },
    { CAPI_CONSOLE_PORT: String(port), CAPI_CONSOLE_TOKEN: token }
  )
  yield* runCommand(["topics", "--create"], environment)
  const programs = yield* startablePrograms({ folder, environment })
  const services = yield* Layer.build(
    Layer.fresh(Layer.merge(layerKafka({ brokers: testBrokers() }), registryLayer({ url: testRegistryUrl(), prefix })))
  )
  const write = <S extends SchemaName>(topic: string, schema: S, values: ReadonlyArray<Records[S]>) =>
    Effect.gen(function* () {
      const codecs = yield* Codecs
      const kafka = yield* KafkaClient
      const records = values.map((value) => ({
        topic: prefix + topic,
        partition: 0,
        key: "connection_id" in value ? String(value.connection_id) : "e",
        value: codecs.encode(topic, schema, value)
      }))
      yield* kafka.produce(records)
    }).pipe(Effect.provideContext(services))
  return { programs, write, url: `http://127.0.0.1:${port}`, services, prefix }
})

const result = (index: number, outcome: string, more: Partial<EventDeliveryLog> = {}) =>
  deliveryResult({
    ...{ event_id: `e-${index}`, event_name: "purchase", platform: "meta", connection_id: "shop", outcome },
    timestamp: Date.now(),
    source: { topic: "raw-events", partition: 0, offset: index, timestamp: Date.now() },
    ...more
  })

const deadLetters = (count: number) =>
  Array.from({ length: count }, (_, index) =>
    deadLetter(
      { topic: "normalized-events", partition: 0, offset: index, timestamp: Date.now(), value: Buffer.from("{}") },
      {
        ...{
          stage: "mapper",
          reason_code: "missing_value",
          message: `No value: ${person.email}.`,
          timestamp: Date.now()
        },
        ...{ event_id: `d-${index}`, event_name: "purchase", connection_id: "shop", platform: "meta" }
      }
    )
  )

describe("the console", { timeout: 240_000 }, () => {
  it.live("answers with what the topics say, acts for who has the token, and shows no person", () =>
    Effect.gen(function* () {
      const { programs, write, url, services, prefix } = yield* start
      const answers: Array<string> = []
      const ask = async (route: string, init: RequestInit & { readonly body?: string } = {}) => {
        const headers = {
          authorization: `Bearer ${token}`,
          "x-capi-console": "1",
          ...(init.headers as Record<string, string>)
        }
        const response = await fetch(url + route, { ...init, headers })
        const text = await response.text()
        answers.push(text)
        return { status: response.status, headers: response.headers, body: text === "" ? null : JSON.parse(text) }
      }
      const get = <A>(route: string) => Effect.promise(async () => (await ask(route)).body as A)
      const post = <A>(route: string, body: unknown) =>
        Effect.promise(async () => (await ask(route, { method: "POST", body: JSON.stringify(body) })).body as A)

      // Before the console starts: it reads back.
      yield* write("delivery-results", "event-delivery-log", [
        ...Array.from({ length: 6 }, (_, index) =>
          result(index, "delivered", { latency_ms: 40, attempted_at: Date.now(), batch_size: 3 })
        ),
        result(6, "skipped", { reason_code: "consent" }),
        result(7, "rejected", {
          reason_code: "invalid_value",
          attempted_at: Date.now(),
          error_message: `${person.email} and ${person.phone} are wrong (${person.hash}).\u202e\u009b5A`
        })
      ])
      yield* write("normalized-events", "normalized-event", [purchase()])
      yield* write("dead-letters", "dead-letter", deadLetters(4))
      yield* programs.start(["console"])

      const overview = get<Overview>("/api/overview?period=15m")
      const stepsOf = (found: Overview) =>
        Object.fromEntries((found.platforms[0]?.connections[0]?.steps ?? []).map(({ step, count }) => [step, count]))
      yield* until("all is read back", () => Effect.map(overview, ({ loading }) => !loading))
      assert.deepInclude(stepsOf(yield* overview), { received: 8, delivered: 6, skipped: 1, rejected: 1, in_flight: 0 })

      // While it runs: an outcome that is corrected, and the live view.
      const live: Array<string> = []
      const closing = new AbortController()
      const stream = fetch(`${url}/api/live?outcome=delivered`, {
        headers: { authorization: `Bearer ${token}` },
        signal: closing.signal
      })
      void stream
        .then(async (response) => {
          for await (const chunk of response.body!) live.push(Buffer.from(chunk).toString("utf8"))
        })
        .catch(() => undefined)
      yield* until("the stream is open", () => live.join("").includes("event: tick"))
      yield* write("delivery-results", "event-delivery-log", [
        result(7, "delivered"),
        result(8, "rejected", { reason_code: "refused" })
      ])
      yield* until(
        "the corrected outcome is counted",
        () => Effect.map(overview, (found) => stepsOf(found)["delivered"] === 7),
        20_000
      )
      assert.deepInclude(stepsOf(yield* overview), { received: 9, rejected: 1 })
      yield* until("the result is in the live view", () => live.join("").includes('"matched":1'))
      assert.notInclude(live.join(""), "refused")
      closing.abort()
      answers.push(...live)

      const samples = yield* get<Samples>("/api/samples?connection=shop&step=rejected&reason=invalid_value")
      assert.strictEqual(samples.samples.length, 1)
      assert.include(samples.samples[0]!.answer?.message ?? "", "<email>")

      // A redrive: only a confirmed plan sends, once.
      const groups = yield* get<DeadLetterGroups>("/api/dead-letters")
      assert.deepInclude(groups.groups[0]!, { stage: "mapper", reason: "missing_value", count: 4, open: 4 })
      const plan = yield* post<RedrivePlan>("/api/redrives/plan", { reason: "missing_value" })
      assert.strictEqual(plan.count, 4)
      const begun = yield* post<Redrive>("/api/redrives/confirm", { plan_id: plan.plan_id })
      const redrive = Effect.map(
        get<{ redrives: ReadonlyArray<Redrive> }>("/api/redrives"),
        ({ redrives }) => redrives.find(({ redrive_id }) => redrive_id === begun.redrive_id)!
      )
      yield* until("the redrive has ended", () => Effect.map(redrive, ({ ended_at }) => ended_at !== null))
      assert.deepInclude(yield* redrive, { state: "done", sent: 4, missing: 0, error: null })
      assert.strictEqual(
        (yield* Effect.promise(() =>
          ask("/api/redrives/confirm", { method: "POST", body: JSON.stringify({ plan_id: plan.plan_id }) })
        )).status,
        409
      )
      yield* until(
        "the marks are read",
        () => Effect.map(get<DeadLetterGroups>("/api/dead-letters"), ({ groups }) => groups[0]?.open === 0),
        20_000
      )
      assert.strictEqual((yield* post<RedrivePlan>("/api/redrives/plan", { all: true })).count, 0)
      const { high } = (yield* Effect.provideContext(
        KafkaClient.use((kafka) => kafka.topicOffsets(`${prefix}normalized-events`)),
        services
      ))[0]!
      assert.isAtLeast(high, 5)

      // Who is let in.
      const status = (route: string, init: RequestInit & { readonly body?: string } = {}) =>
        Effect.promise(async () => (await ask(route, init)).status)
      assert.strictEqual(yield* status("/api/overview", { headers: { authorization: "Bearer wrong" } }), 401)
      assert.strictEqual(
        yield* status("/api/redrives/plan", { method: "POST", body: "{}", headers: { "x-capi-console": "0" } }),
        403
      )
      assert.strictEqual(
        yield* status("/api/redrives/plan", {
          method: "POST",
          body: "{}",
          headers: { origin: "https://evil.example" }
        }),
        403
      )
      assert.strictEqual(
        yield* status("/api/redrives/plan", { method: "POST", body: `"${"x".repeat(2_000_000)}"` }),
        413
      )
      assert.strictEqual(yield* status("/api/redrives/plan", { method: "POST", body: "{}" }), 400)
      const closed = yield* Effect.promise(async () => (await (await fetch(`${url}/api/session`)).json()) as Session)
      assert.deepInclude(closed, { token_required: true, signed_in: false, connections: [] })
      const signedIn = yield* Effect.promise(() =>
        ask("/api/session", { method: "POST", body: JSON.stringify({ token }), headers: { authorization: "" } })
      )
      const cookie = signedIn.headers.get("set-cookie") ?? ""
      assert.match(cookie, /^capi_console_\d+=.*HttpOnly; SameSite=Strict/)
      const byCookie = { headers: { authorization: "", cookie: cookie.split(";")[0]! } }
      assert.strictEqual(yield* status("/api/alerts", byCookie), 200)
      const page = yield* Effect.promise(() => fetch(`${url}/connections/shop`))
      assert.include(page.headers.get("content-security-policy") ?? "", "default-src 'none'")
      assert.notInclude(page.headers.get("content-security-policy") ?? "", "unsafe-inline")
      assert.include(page.headers.get("content-type") ?? "", "text/html")

      // Every other route answers too, and none names a person.
      for (const route of [
        "/api/connections",
        "/api/history?connection=shop",
        "/api/replays",
        "/api/events?q=e-7",
        "/api/dead-letters/samples?stage=mapper&reason=missing_value&connection=shop",
        "/api/alerts?since=0"
      ])
        assert.strictEqual(yield* status(route), 200, route)
      const raw = {
        event_id: "x-1",
        event_name: "purchase",
        event_time: Date.now(),
        action_source: "website",
        event_source_url: "https://shop.example/thanks",
        user: { email: person.email, phone: person.phone },
        properties: { value: 1, currency: "EUR" }
      }
      const explained = yield* post<Explanation>("/api/explain", {
        event: JSON.stringify(raw)
      })
      assert.strictEqual(explained.connections.length, 1, JSON.stringify(explained.refused))
      const unknown = yield* status("/api/explain", { method: "POST", body: JSON.stringify({ event_id: "no-such" }) })
      assert.strictEqual(unknown, 404)
      for (const secret of [person.email, person.phone, person.hash, token, "jane.doe"])
        assert.isFalse(
          answers.some((text) => text.includes(secret)),
          secret
        )
      assert.isAbove(answers.length, 20)
      assert.notMatch(answers.join(""), /[\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069]/)
      assert.include(answers.join(""), "\\\\u202e\\\\u009b5A")
    })
  )
})
