/** Records that end a delivery each time, on a real broker: normalizer and mapper run, and the deliveries start again after each end. */

import { once } from "node:events"
import process from "node:process"
import { fileURLToPath } from "node:url"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { spawnGuarded } from "../../infra/local/guarded-spawn.mjs"
import { startSandbox } from "../../infra/sandbox/sandbox.ts"
import { type Chain, startChain } from "../harness/chain.ts"
import { publish, readBack } from "../harness/records.ts"
import { testBrokers, testRegistryUrl, uniquePrefix } from "../harness/test-services.ts"

const program = fileURLToPath(new URL("failing-delivery.ts", import.meta.url))
const connections = `version: 1
connections:
  - id: strict-shop
    platform: meta
    account: { dataset_id: "1" }
    credential: env:META_TOKEN
    endpoint: { host: "\${META_HOST}" }
  - id: other-shop
    platform: meta
    account: { dataset_id: "2" }
    credential: env:META_TOKEN
    endpoint: { host: "\${META_HOST}" }
  - id: strict-messages
    platform: whatsapp
    account: { phone_number_id: 106540352242922 }
    credential: env:WHATSAPP_TOKEN
    endpoint: { host: "\${WHATSAPP_HOST}" }
    mapping: { templates: { purchase: { name: order_confirmation, language: en_US } } }
`

interface Ended {
  readonly signal: string | null
  readonly output: string
}

/** Runs a delivery, as an orchestrator does, again after each end, until the condition holds or it ended too often. */
const runAgain = Effect.fnUntraced(function* (
  { environment }: Chain,
  platform: string,
  done: Effect.Effect<boolean>,
  endsMax: number
) {
  const ends: Array<Ended> = []
  for (;;) {
    const child = yield* Effect.acquireRelease(
      Effect.sync(() =>
        spawnGuarded(process.execPath, ["--max-old-space-size=96", program, platform, "3000"], {
          env: { ...process.env, ...environment, PORT: "0", LOG_LEVEL: "Warn" }
        })
      ),
      (started) => Effect.sync(() => void started.kill("SIGKILL"))
    )
    let output = ""
    child.stdout.on("data", (text: Buffer) => (output += text.toString()))
    child.stderr.on("data", (text: Buffer) => (output += text.toString()))
    let end: Ended | null = null
    child.once("close", (_: number | null, signal: string | null) => (end = { signal, output }))
    while (end === null) {
      if (yield* done) {
        child.kill("SIGTERM")
        if (child.exitCode === null && child.signalCode === null) yield* Effect.promise(() => once(child, "close"))
        return ends
      }
      yield* Effect.sleep("500 millis")
    }
    ends.push(end)
    if (ends.length > endsMax)
      return yield* Effect.die(new Error(`It ended ${ends.length} times: ${output.slice(-2_000)}`))
  }
})

const outcomesOf = (chain: Chain, connection: string) =>
  Effect.map(
    Effect.promise(() => chain.run(readBack(`${chain.prefix}delivery-results`, "event-delivery-log"))),
    (results) => {
      const found = new Map<string, string>()
      for (const { connection_id, event_id, outcome, reason_code } of results)
        if (connection_id === connection)
          found.set(event_id, `${found.has(event_id) ? `${found.get(event_id)}+` : ""}${outcome} ${reason_code ?? ""}`)
      return found
    }
  )

const untilAll = (chain: Chain, connection: string, count: number) =>
  Effect.map(outcomesOf(chain, connection), ({ size }) => size >= count)

describe("a record that ends a delivery each time", { timeout: 480_000 }, () => {
  it.live("is a dead letter of its connection; every other event is sent, and no message twice", () =>
    Effect.gen(function* () {
      const sandbox = yield* startSandbox({ whatsapp: { pairWindowMillis: 0 } })
      const chain = yield* startChain({
        name: "poison",
        prefix: uniquePrefix("poison-delivery"),
        sandbox,
        connections: { text: connections },
        environment: { KAFKA_SESSION_TIMEOUT: "6 seconds" },
        programs: ["normalizer", "mapper"],
        services: { brokers: testBrokers().join(","), registryUrl: testRegistryUrl() }
      })
      const ids = Array.from({ length: 24 }, (_, index) => `e-${index}`)
      ids[5] = "throw-1"
      ids[9] = "loop-1"
      ids[14] = "heap-1"
      ids[17] = "answer-1"
      yield* Effect.promise(() =>
        chain.run(
          publish(
            chain.prefix,
            ids.map((id, index) => ({ key: id, value: Buffer.from(JSON.stringify(purchase(id, index))) }))
          )
        )
      )
      const poison = ["throw-1", "loop-1", "heap-1"]
      const all = ids.length
      const done = Effect.map(
        Effect.all([untilAll(chain, "strict-shop", all), untilAll(chain, "other-shop", all)]),
        (found) => found.every(Boolean)
      )
      const [meta, whatsapp] = yield* Effect.all(
        [runAgain(chain, "meta", done, 24), runAgain(chain, "whatsapp", untilAll(chain, "strict-messages", all), 24)],
        { concurrency: 2 }
      )
      const expected = (delivered: string, others: Readonly<Record<string, string>>) =>
        Object.fromEntries(ids.map((id) => [id, others[id] ?? delivered]))
      const deadLettered = Object.fromEntries(poison.map((id) => [id, "dead_lettered poison"]))
      assert.deepStrictEqual(
        Object.fromEntries(yield* outcomesOf(chain, "strict-shop")),
        expected("delivered ", { ...deadLettered, "answer-1": "dead_lettered poison" })
      )
      assert.deepStrictEqual(Object.fromEntries(yield* outcomesOf(chain, "other-shop")), expected("delivered ", {}))
      const messages = yield* outcomesOf(chain, "strict-messages")
      assert.strictEqual(messages.get("throw-1"), "dead_lettered poison")
      for (const [id, outcome] of messages)
        if (id !== "answer-1" && id !== "throw-1") assert.match(outcome, /^(accepted |unknown sent_before_crash)$/, id)
      // Its message was sent, and what reads the response ends the process: in doubt at the next start, or found by then.
      assert.match(messages.get("answer-1")!, /^(dead_lettered poison|unknown sent_before_crash)$/)

      const sent = yield* chain.control.ids("whatsapp")
      assert.deepStrictEqual(
        [...sent.values()].filter((times) => times > 1),
        [],
        "no message is sent twice"
      )
      const entries = yield* Effect.promise(() => chain.run(readBack(`${chain.prefix}dead-letters`, "dead-letter")))
      assert.lengthOf(
        entries.filter(({ platform }) => platform === "meta"),
        4
      )
      const message = entries.find(({ event_id, platform }) => platform === "whatsapp" && event_id === "answer-1")
      if (message !== undefined) assert.include(message.message, "It may have been sent before that.")
      for (const deadLetter of entries) {
        assert.deepInclude(deadLetter, { reason_code: "poison", sealed: true })
        assert.notInclude(String(deadLetter.original), "Purchase")
      }
      assert.isTrue(meta.some(({ signal, output }) => signal === "SIGKILL" && output.includes("was blocked for 3 s")))
      assert.isTrue(meta.some(({ output }) => output.includes("heap out of memory")))
      // Two ends of a batch, one of it alone in the process, and one of the record alone.
      for (const ends of [meta, whatsapp]) assert.isAtLeast(ends.length, 4)
      const { out, exitCode } = yield* chain.capi("ledger", "--json")
      const ledger = JSON.parse(out)
      assert.strictEqual(exitCode, 0, out)
      assert.isTrue(ledger.balanced)
      assert.deepInclude(
        ledger.connections.find((one: { readonly connection_id: string }) => one.connection_id === "strict-shop"),
        { consumed: 24, delivered: 20, dead_lettered: 4, in_flight: 0 }
      )
    }).pipe(Effect.scoped)
  )
})

const purchase = (id: string, index: number) => ({
  event_id: id,
  event_name: "purchase",
  event_time: Date.now(),
  action_source: "website",
  user: { phone: `+1415555${String(1_000 + index)}`, country: "US" },
  event_source_url: "https://shop.example/thanks",
  consent: { ad_user_data: "granted", ad_personalization: "granted" },
  properties: { value: 1, currency: "USD", order_id: id }
})
