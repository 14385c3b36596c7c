/** Erasure and withdrawn consent where an event waits: in the backlog, in a retry, and in the engine itself. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as TestClock from "effect/testing/TestClock"
import type { Consent, MappedEvent, Suppression } from "../../../schemas/types.gen.ts"
import { Codecs } from "../../../shared/codec/codecs.ts"
import type { Connector } from "../../../shared/connectors/connector.ts"
import { uniformVerdict, verdictMeta } from "../../../shared/connectors/verdicts.ts"
import { SuppressionTable, suppressionKey } from "../../../shared/suppression/suppressions.ts"
import { deliveryDefaults } from "./settings.ts"
import {
  connection,
  connectorWith,
  type FakePlatform,
  fakePlatform,
  mappedEvent,
  ok,
  processorOver,
  readStep,
  recordsOfEvents,
  respond,
  strictCodecs,
  verdict
} from "./testing.ts"

const jane = "janejanejanejane"
const [before, erasedAt] = [1_000_000_000_000, 1_100_000_000_000]
const granted: Consent = { ad_user_data: "granted", ad_personalization: "granted", sale_of_data: "granted" }
const eventOf = (id: string, personIds: string | null, fields: Partial<MappedEvent> = {}) =>
  mappedEvent(id, {
    person_ids: personIds,
    event_time: before,
    source: { topic: "raw-events", partition: 0, offset: 0, timestamp: before },
    consent: granted,
    ...fields
  })
const record = (denied: Partial<Suppression> = {}): Suppression => ({
  at: erasedAt,
  erasure: "e",
  destroy_at: null,
  ad_user_data: null,
  ad_personalization: null,
  sale_of_data: null,
  ...denied
})
const tableOf = (kind: "erased" | "consent", value: Suppression) => {
  const table = new SuppressionTable()
  table.apply(suppressionKey(kind, jane), value)
  return table
}

const delivered = (
  events: ReadonlyArray<MappedEvent>,
  table: SuppressionTable,
  options: { readonly topic?: string; readonly connector?: Connector; readonly platform?: FakePlatform } = {}
) =>
  Effect.gen(function* () {
    const { topic = "mapped-events.meta", connector = connectorWith() } = options
    yield* TestClock.setTime(erasedAt + 3_600_000)
    const platform = options.platform ?? fakePlatform(() => Effect.succeed(respond(ok)))
    const services = { ...platform, suppressions: table }
    const processor = yield* processorOver({ connector, connection, settings: deliveryDefaults, services })
    const task = yield* processor.open({ topic, partition: 0 })
    const step = yield* task.step({ topic, partition: 0, records: recordsOfEvents(events, topic) })
    return { ...readStep(step), sent: platform.asked.flatMap(({ ids }) => ids) }
  }).pipe(Effect.provide(Layer.sync(Codecs, strictCodecs)))

describe("an erased person's event", () => {
  it.effect.each(["mapped-events.meta", "delivery-retry.meta"])("that waits in %s is not sent", (topic) =>
    Effect.gen(function* () {
      const events = [
        eventOf("hers", `joejoejoejoejoej${jane}`),
        eventOf("his", "joejoejoejoejoej"),
        eventOf("none", null)
      ]
      const found = yield* delivered(events, tableOf("erased", record()), { topic })
      assert.deepStrictEqual(found.outcomes, { hers: "skipped:erased", his: "delivered", none: "delivered" })
      assert.sameMembers(found.sent, ["his", "none"])
      assert.deepStrictEqual([found.deadLetters, found.retries], [{}, {}])
    })
  )

  it.effect("that is being retried is not sent again: the erasure holds from the next request on", () =>
    Effect.gen(function* () {
      const table = new SuppressionTable()
      const platform = fakePlatform((asked) =>
        Effect.sync(() => {
          const answer = asked.ids.includes("hers") ? uniformVerdict(verdictMeta, verdict("transient", "2")) : ok
          table.apply(suppressionKey("erased", jane), record())
          return respond(answer, 503)
        })
      )
      const running = yield* delivered([eventOf("hers", jane), eventOf("his", null)], table, { platform }).pipe(
        Effect.forkChild
      )
      for (let second = 0; second < 60; second++) yield* TestClock.adjust("1 second")
      const { outcomes } = yield* Fiber.join(running)
      assert.deepStrictEqual(outcomes, { hers: "skipped:erased", his: "delivered" })
      assert.deepStrictEqual(
        platform.asked.map(({ ids }) => ids),
        [["hers", "his"], ["his"]]
      )
    })
  )

  it.effect("goes out where the customer came back after the erasure", () =>
    Effect.gen(function* () {
      const later = erasedAt + 5_000
      const event = eventOf("again", jane, {
        event_time: later,
        source: { topic: "raw-events", partition: 0, offset: 1, timestamp: later }
      })
      assert.deepStrictEqual((yield* delivered([event], tableOf("erased", record()))).outcomes, { again: "delivered" })
    })
  )
})

describe("consent that was withdrawn after the mapping", () => {
  const outcomesAfter = (denied: Partial<Suppression>, connector?: Connector) =>
    Effect.map(
      delivered(
        [eventOf("hers", jane)],
        tableOf("consent", record(denied)),
        connector === undefined ? {} : { connector }
      ),
      ({ outcomes }) => outcomes["hers"]
    )

  it.effect("keeps the event, where the payload was made with what is denied now", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* outcomesAfter({ ad_user_data: "denied" }), "skipped:consent_withdrawn")
      assert.strictEqual(yield* outcomesAfter({ ad_personalization: "denied" }), "skipped:consent_withdrawn")
      // The kind of connection has a flag for restricted use, which this payload does not carry.
      assert.strictEqual(yield* outcomesAfter({ sale_of_data: "denied" }), "skipped:consent_withdrawn")
    })
  )

  it.effect("is a refusal: published again with the consent that is left, the event goes to the connection", () =>
    Effect.gen(function* () {
      const refusals = (table: SuppressionTable, fields: Partial<MappedEvent> = {}) =>
        Effect.map(delivered([eventOf("hers", jane, fields)], table), ({ outcomes, others }) => [
          outcomes["hers"],
          others.filter(({ topic, key }) => topic === "delivery-refusals" && key === "hers").length
        ])
      const withdrawal = tableOf("consent", record({ ad_user_data: "denied" }))
      assert.deepStrictEqual(yield* refusals(withdrawal), ["skipped:consent_withdrawn", 1])
      const denied = { consent: { ...granted, ad_user_data: "denied" } }
      assert.deepStrictEqual(yield* refusals(new SuppressionTable(), denied), ["skipped:consent", 1])
      assert.deepStrictEqual(yield* refusals(tableOf("erased", record())), ["skipped:erased", 0])
    })
  )

  it.effect("changes nothing where it does not concern the platform, or allows more", () =>
    Effect.gen(function* () {
      const unconcerned = connectorWith({ restrictedUse: "not_concerned" })
      assert.strictEqual(yield* outcomesAfter({ sale_of_data: "denied" }, unconcerned), "delivered")
      assert.strictEqual(yield* outcomesAfter({ ad_user_data: "granted" }), "delivered")
    })
  )
})
