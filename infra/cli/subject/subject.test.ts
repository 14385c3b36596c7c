import { assert, describe, it } from "@effect/vitest"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import { sha256 } from "../../../processors/normalizer/identity/text.ts"
import { normalizeUser, personHashes } from "../../../processors/normalizer/identity/user.ts"
import { rawEventFromJson } from "../../../processors/normalizer/read/read-record.ts"
import { environmentProvider, SettingsService } from "../../../shared/config/settings.ts"
import { KafkaClient } from "../../../shared/kafka/client.ts"
import { MemoryKafka } from "../../../shared/testing/memory-kafka.ts"
import { declaredTopics } from "../../topics/declared-topics.ts"
import { deadlinesOf, graceOf, lastOf, lawfulMillis } from "./deadlines.ts"
import { identify } from "./identify.ts"

const hashesOf = (
  text: string,
  kind: "email" | "phone" | "external-id" | null = null,
  countries: ReadonlyArray<string> = []
) => Result.getOrThrow(identify(text, kind, countries)).hashes

/** What the normalizer gives an event's ids from. */
const ofEvent = (user: object): ReadonlyArray<string> => {
  const read = rawEventFromJson({ event_id: "e", event_name: "lead", event_time: 1_790_000_000_000, user })
  if (read._tag !== "Read" || read.raw.user === null) return assert.fail("The fixture is no event.")
  return personHashes(
    normalizeUser(read.raw.user, { defaultCountries: ["DE"], eventTime: 0, sealRecipient: null, drop: () => undefined })
  )
}

describe("an identifier on the command line", () => {
  it.each([
    [" Jane.Doe@Gmail.com ", { email: "jane.doe@gmail.com" }],
    ["+49 151 12345678", { phone: "0151 12345678" }],
    ["+49 151 12345678", { phone: sha256("4915112345678") }],
    ["jane.doe+x@gmail.com", { email: sha256("janedoe@gmail.com") }],
    ["U-77", { external_id: " u-77" }],
    ["V-1", { anonymous_id: "v-1" }],
    [sha256("jane@shop.example").toUpperCase(), { email: "jane@shop.example" }]
  ])("%s finds the event's %j", (text, user) => {
    const [expected] = ofEvent(user)
    assert.include(hashesOf(text), expected)
  })

  it("is what --kind says, and a national number needs a country", () => {
    assert.deepStrictEqual(hashesOf("a@b.example", "external-id"), [sha256("a@b.example")])
    assert.include(hashesOf("0151 12345678", "phone", ["DE"]), sha256("+4915112345678"))
    const refused = Result.getOrThrow(Result.flip(identify("0151 12345678", "phone", [])))
    assert.deepStrictEqual([refused.code, refused.exitCode], ["invalid_identifier", 2])
    assert.notInclude(refused.message, "0151")
  })
})

it.effect("a grace window begins at the request: one that ended before would spare what is newer", () =>
  Effect.gen(function* () {
    for (const [text, millis] of [
      ["0 millis", 0],
      ["12 hours", 43_200_000]
    ] as const)
      assert.strictEqual(yield* graceOf(text), millis)
    for (const text of ["-1 day", "infinity", "100000000 days", "soon", "3"])
      assert.strictEqual((yield* Effect.flip(graceOf(text))).code, "invalid_grace", text)
  })
)

describe("the deadlines of an erasure", () => {
  const deadlines = (eventLog: "raw-events" | "sealed-events", changes: Record<string, string> = {}) =>
    Effect.gen(function* () {
      const kafka = new MemoryKafka()
      const topics = declaredTopics("p.", 1, undefined, eventLog)
      const client = KafkaClient.of({
        ...kafka.client,
        topicConfigs: (names) =>
          Effect.succeed(
            topics
              .filter(({ name }) => names.includes(name))
              .map((topic) => ({
                ...topic,
                config: { ...topic.config, ...(topic.name === "p.dead-letters" ? changes : {}) }
              }))
          )
      })
      const variables = {
        KAFKA_BROKERS: "broker:9092",
        SCHEMA_REGISTRY_URL: "http://registry",
        CAPI_TOPIC_PREFIX: "p.",
        CAPI_EVENT_LOG: eventLog
      }
      const settings = Layer.provide(SettingsService.layer, ConfigProvider.layer(environmentProvider(variables)))
      return yield* deadlinesOf(0, 86_400_000).pipe(
        Effect.provide(Layer.merge(Layer.succeed(KafkaClient, client), settings))
      )
    })

  it.effect("are within the shortest month as the topics are declared, where raw events are sealed", () =>
    Effect.gen(function* () {
      const found = yield* deadlines("sealed-events")
      assert.include(
        found.map(({ topic }) => topic),
        "delivery-retry.meta"
      )
      for (const { topic, goneBy } of found) assert.isAtMost(goneBy ?? Number.POSITIVE_INFINITY, lawfulMillis, topic)
      assert.strictEqual(found.find(({ topic }) => topic === "sealed-events")?.by, "secret")
    })
  )

  it.effect("say what is kept for too long, or for ever", () =>
    Effect.gen(function* () {
      const plain = yield* deadlines("raw-events")
      assert.deepStrictEqual(
        plain.filter(({ goneBy }) => (goneBy ?? 0) > lawfulMillis).map(({ topic }) => topic),
        ["raw-events", "dead-letters"]
      )
      assert.isNull(lastOf(yield* deadlines("sealed-events", { "retention.ms": "-1" })))
    })
  )
})
