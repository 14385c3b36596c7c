/** A delivery whose master key is not the normalizer's sends nothing, says so before the first event, and loses nothing. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { waitUntil } from "../harness/wait-until.ts"
import { connectionId, idsOf, masterKey, startWhatsApp, type WhatsAppChain } from "./chain.ts"

const resilience = "{ pause: { first_probe: 1 second, probe_max: 1 second } }"
const another = "YW5vdGhlci0wMTIzNDU2Nzg5YWJjZGVmZ2hpamtsbW4="

/** The normalizer wraps the identity key under the new key, and opens it with the earlier one first. */
const changed = { CAPI_MASTER_KEY: another, CAPI_MASTER_KEY_PREVIOUS: masterKey }

/** Waits until the delivery is up and its readiness names the master key with these words. */
const untilKeyRefused = (chain: WhatsAppChain, words: string) =>
  Effect.promise(() =>
    waitUntil(
      `/readyz says ${words}`,
      async () => {
        const answer = await chain.run(chain.programs.readiness("delivery-whatsapp"))
        return answer !== null && !answer.ok && answer.text.includes("master key") && answer.text.includes(words)
      },
      60_000
    )
  )

const untilTaken = (chain: WhatsAppChain, ids: ReadonlyArray<string>) =>
  Effect.promise(() =>
    waitUntil(
      `${ids.length} messages arrive`,
      async () => (await chain.run(messagesOf(chain))) === ids.length && ids.length,
      60_000
    )
  )

/** Messages that the platform was asked to send; its probe is not counted. */
const messagesOf = (chain: WhatsAppChain) =>
  Effect.map(chain.control.counts, (counts) => counts["whatsapp"]?.events ?? 0)

/** Every event has one result, which is no refusal, and WhatsApp was asked for messages alone. */
const assertAllAccepted = (chain: WhatsAppChain, ids: ReadonlyArray<string>) =>
  Effect.gen(function* () {
    const results = yield* Effect.promise(() =>
      waitUntil("every event has a result", async () => {
        const found = await chain.results()
        return found.size >= ids.length && found
      })
    )
    for (const id of ids)
      assert.deepStrictEqual(
        results.get(id)?.map(({ outcome }) => outcome),
        ["accepted"],
        id
      )
  })

/** Whether the connection's state shows the operator the pause. */
const untilPaused = (chain: WhatsAppChain) =>
  Effect.promise(() =>
    waitUntil(
      "the connection is paused",
      async () => {
        const states = await chain.states()
        const last = states.filter(({ connection_id }) => connection_id === connectionId).at(-1)
        return last?.paused === true && last.cause === "configuration"
      },
      30_000
    )
  )

describe("the master key of WhatsApp's delivery", { timeout: 240_000 }, () => {
  it.live("that differs from the normalizer's, or is missing, pauses the connection before the first event", () =>
    Effect.gen(function* () {
      const chain = yield* startWhatsApp(resilience)
      yield* chain.programs.start(["normalizer", "mapper"])
      yield* chain.programs.launch("delivery-whatsapp", { CAPI_MASTER_KEY: another })
      yield* untilKeyRefused(chain, "another CAPI_MASTER_KEY")
      yield* untilPaused(chain)
      const ids = idsOf("first", 20)
      yield* Effect.promise(() => chain.publish(ids))
      yield* Effect.promise(() => waitUntil("the events are mapped", async () => (await chain.mapped()) >= ids.length))
      yield* chain.programs.stop(["delivery-whatsapp"])
      yield* chain.programs.launch("delivery-whatsapp", { CAPI_MASTER_KEY: "" })
      yield* untilKeyRefused(chain, "CAPI_MASTER_KEY is not set")
      yield* chain.programs.stop(["delivery-whatsapp"])
      assert.strictEqual(yield* messagesOf(chain), 0)
      assert.strictEqual((yield* Effect.promise(chain.results)).size, 0)
      yield* chain.programs.start(["delivery-whatsapp"])
      yield* untilTaken(chain, ids)
      yield* assertAllAccepted(chain, ids)
    }).pipe(Effect.scoped)
  )

  it.live("that was changed opens what waits when the earlier one is given beside it", () =>
    Effect.gen(function* () {
      const chain = yield* startWhatsApp(resilience)
      yield* chain.programs.start(["normalizer", "mapper"])
      const ids = idsOf("old", 10)
      yield* Effect.promise(() => chain.publish(ids))
      yield* Effect.promise(() => waitUntil("the events are mapped", async () => (await chain.mapped()) >= ids.length))
      yield* chain.programs.stop(["normalizer"])
      yield* chain.programs.launch("normalizer", changed)
      // Both have the new key; what waits is sealed under the old one.
      yield* chain.programs.launch("delivery-whatsapp", { CAPI_MASTER_KEY: another })
      yield* untilKeyRefused(chain, "sealed under another master key")
      yield* untilPaused(chain)
      const more = idsOf("new", 10)
      yield* Effect.promise(() => chain.publish(more))
      yield* chain.programs.stop(["delivery-whatsapp"])
      assert.strictEqual(yield* messagesOf(chain), 0)
      yield* chain.programs.launch("delivery-whatsapp", {
        CAPI_MASTER_KEY: another,
        CAPI_MASTER_KEY_PREVIOUS: masterKey
      })
      yield* untilTaken(chain, [...ids, ...more])
      yield* assertAllAccepted(chain, [...ids, ...more])
    }).pipe(Effect.scoped)
  )

  it.live("goes on by itself when the normalizer comes back with the right one", () =>
    Effect.gen(function* () {
      const chain = yield* startWhatsApp(resilience)
      yield* chain.programs.start(["normalizer", "mapper", "delivery-whatsapp"])
      yield* chain.programs.stop(["normalizer"])
      yield* chain.programs.launch("normalizer", changed)
      yield* untilKeyRefused(chain, "another CAPI_MASTER_KEY")
      yield* chain.programs.stop(["normalizer"])
      yield* chain.programs.launch("normalizer", { CAPI_MASTER_KEY_PREVIOUS: another })
      yield* Effect.promise(() =>
        waitUntil(
          "the delivery is ready",
          async () => (await chain.run(chain.programs.readiness("delivery-whatsapp")))?.ok === true,
          60_000
        )
      )
      const ids = idsOf("after", 10)
      yield* Effect.promise(() => chain.publish(ids))
      yield* untilTaken(chain, ids)
      yield* assertAllAccepted(chain, ids)
    }).pipe(Effect.scoped)
  )
})
