/** WhatsApp has no idempotency: what an outage and a late commit may cost, on the real broker and over real connections. */
import process from "node:process"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { waitUntil } from "../harness/wait-until.ts"
import { idsOf, startWhatsApp, type WhatsAppChain } from "./chain.ts"

const resilience =
  "{ circuit_breaker: { recovery: 2 seconds }, retry: { delays: [200 ms, 400 ms] }, catch_up: { from_percent: 100, over: 1 second } }"
const concurrency = 10

/** Waits until every event has a result, and gives each one's outcomes. */
const outcomesOf = (chain: WhatsAppChain, count: number) =>
  Effect.promise(() =>
    waitUntil(
      `${count} events have a result`,
      async () => {
        const results = await chain.results()
        return (
          results.size >= count && new Map([...results].map(([id, all]) => [id, all.map(({ outcome }) => outcome)]))
        )
      },
      120_000
    )
  )

const messagesOf = (chain: WhatsAppChain) =>
  Effect.map(chain.control.counts, (counts) => counts["whatsapp"]?.events ?? 0)

const count = (outcomes: ReadonlyMap<string, ReadonlyArray<string>>, outcome: string) =>
  [...outcomes.values()].filter((all) => all.length === 1 && all[0] === outcome).length

describe("WhatsApp's delivery", { timeout: 240_000 }, () => {
  it.live("leaves unknown at most the messages that were under way when the platform began to cut connections", () =>
    Effect.gen(function* () {
      const chain = yield* startWhatsApp(resilience)
      yield* chain.programs.start(["normalizer", "mapper", "delivery-whatsapp"])
      const ids = idsOf("outage", 200)
      yield* Effect.promise(() => chain.publish(ids.slice(0, 100)))
      yield* Effect.promise(() =>
        waitUntil("some messages arrive", async () => (await chain.run(messagesOf(chain))) >= 20)
      )
      yield* chain.control.add([{ kind: "dead", platform: "whatsapp", duration_ms: 12_000 }])
      yield* Effect.promise(() => chain.publish(ids.slice(100)))
      const outcomes = yield* outcomesOf(chain, ids.length)
      const unknown = count(outcomes, "unknown")
      assert.isAtMost(unknown, concurrency)
      assert.strictEqual(unknown + count(outcomes, "accepted"), ids.length)
      assert.strictEqual(yield* messagesOf(chain), ids.length - unknown)
    }).pipe(Effect.scoped)
  )

  it.live("leaves none unknown where the host is not to be reached", () =>
    Effect.gen(function* () {
      const chain = yield* startWhatsApp(resilience)
      yield* chain.programs.start(["normalizer", "mapper", "delivery-whatsapp"])
      yield* chain.proxy.refuse
      const ids = idsOf("refused", 60)
      yield* Effect.promise(() => chain.publish(ids))
      yield* Effect.promise(() =>
        waitUntil("the circuit is open", async () =>
          (await chain.states()).some(({ circuit_state }) => circuit_state === "OPEN")
        )
      )
      yield* chain.proxy.accept
      const outcomes = yield* outcomesOf(chain, ids.length)
      assert.strictEqual(count(outcomes, "accepted"), ids.length)
      assert.strictEqual(yield* messagesOf(chain), ids.length)
    }).pipe(Effect.scoped)
  )

  it.live("knows its answers though their commit came too late and the partition is opened again", () =>
    Effect.gen(function* () {
      const chain = yield* startWhatsApp(resilience)
      yield* chain.programs.start(["normalizer", "mapper"])
      yield* chain.programs.launch("delivery-whatsapp", { KAFKA_SESSION_TIMEOUT: "6 seconds" })
      yield* chain.control.add([{ kind: "latency", platform: "whatsapp", delay_ms: 500 }])
      const ids = idsOf("late", 160)
      yield* Effect.promise(() => chain.publish(ids))
      yield* Effect.promise(() =>
        waitUntil("some messages arrive", async () => (await chain.run(messagesOf(chain))) >= 20, 60_000)
      )
      // Longer than the session: the group gives the partitions away, and what is committed afterwards is refused.
      const pid = chain.programs.pidOf("delivery-whatsapp") ?? assert.fail("It does not run.")
      process.kill(pid, "SIGSTOP")
      yield* Effect.promise(() =>
        waitUntil("the group is without its member", async () => (await chain.members()) === 0, 60_000)
      )
      process.kill(pid, "SIGCONT")
      const outcomes = yield* outcomesOf(chain, ids.length)
      assert.strictEqual(count(outcomes, "accepted"), ids.length, JSON.stringify([...outcomes].slice(0, 50)))
      assert.strictEqual(yield* messagesOf(chain), ids.length)
    }).pipe(Effect.scoped)
  )
})
