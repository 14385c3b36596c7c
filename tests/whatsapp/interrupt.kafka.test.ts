/** Ctrl-C on the real broker: one finishes what is in flight, a second one ends at once, and one that arrives twice is one. */
import process from "node:process"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { waitUntil } from "../harness/wait-until.ts"
import { idsOf, startWhatsApp, type WhatsAppChain } from "./chain.ts"

/** A delivery with requests under way, whose answers come after so long; gives its process and how many messages wait. */
const startBusy = Effect.fnUntraced(function* (name: string, answerMillis: number) {
  const chain = yield* startWhatsApp("{}")
  yield* chain.programs.start(["normalizer", "mapper", "delivery-whatsapp"])
  yield* chain.control.add([{ kind: "latency", platform: "whatsapp", delay_ms: answerMillis }])
  const ids = idsOf(name, 6)
  yield* Effect.promise(() => chain.publish(ids))
  yield* Effect.promise(() =>
    waitUntil("all messages are under way", async () => (await chain.run(messagesOf(chain))) === ids.length)
  )
  const pid = chain.programs.pidOf("delivery-whatsapp") ?? assert.fail("It does not run.")
  return { chain, ids, pid }
})

const messagesOf = (chain: WhatsAppChain) =>
  Effect.map(chain.control.counts, (counts) => counts["whatsapp"]?.events ?? 0)

const untilEnded = (chain: WhatsAppChain, deadlineMillis: number) =>
  Effect.promise(() =>
    waitUntil("the program has ended", () => chain.programs.hasEnded("delivery-whatsapp"), deadlineMillis)
  )

const outcomesOf = (chain: WhatsAppChain) =>
  Effect.promise(async () =>
    [...(await chain.results()).values()].map((results) => results.map(({ outcome }) => outcome).join())
  )

describe("Ctrl-C", { timeout: 240_000 }, () => {
  it.live("that arrives twice, by the terminal and by npm, finishes and commits what is in flight", () =>
    Effect.gen(function* () {
      const { chain, ids, pid } = yield* startBusy("twice", 4_000)
      process.kill(pid, "SIGINT")
      yield* Effect.sleep("100 millis")
      process.kill(pid, "SIGINT")
      yield* untilEnded(chain, 30_000)
      assert.deepStrictEqual(
        yield* outcomesOf(chain),
        ids.map(() => "accepted")
      )
      assert.strictEqual(yield* messagesOf(chain), ids.length)
    }).pipe(Effect.scoped)
  )

  it.live("a second time ends the program at once", () =>
    Effect.gen(function* () {
      const { chain, ids, pid } = yield* startBusy("second", 120_000)
      // A first one, and more: those within a second of it, by when the program took it, are the same one.
      const press = () => {
        if (chain.programs.hasEnded("delivery-whatsapp")) return true
        process.kill(pid, "SIGINT")
        return false
      }
      yield* Effect.promise(() => waitUntil("a second one has ended the program", press, 30_000))
      assert.deepStrictEqual(yield* outcomesOf(chain), [])
      // What was in flight comes again: in doubt, since a message is never sent twice on its own.
      yield* chain.programs.start(["delivery-whatsapp"])
      yield* Effect.promise(() =>
        waitUntil("every event has its outcome", async () => (await chain.results()).size === ids.length, 60_000)
      )
      assert.deepStrictEqual(
        yield* outcomesOf(chain),
        ids.map(() => "unknown")
      )
      assert.strictEqual(yield* messagesOf(chain), ids.length)
    }).pipe(Effect.scoped)
  )
})
