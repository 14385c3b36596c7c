import { assert, describe, it } from "@effect/vitest"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as TestClock from "effect/testing/TestClock"
import topicTable from "../../schemas/topics.json" with { type: "json" }
import { loadSettings, SettingsService } from "../config/settings.ts"
import { Connections, connectionsOf } from "../connections/connections.ts"
import type { KafkaError } from "../kafka/client.ts"
import { loaded, minimal } from "../testing/connections-file.ts"
import { MemoryKafka } from "../testing/memory-kafka.ts"
import { Readiness } from "./health.ts"
import { awaitTopics, missingTopics, topicsOf } from "./services.ts"

const all = topicsOf("normalizer", ["meta"])

describe("the topics of a program", () => {
  it("are those of its platform, or of the connections'", () => {
    assert.includeMembers([...all], ["raw-events", "normalized-events", "dead-letters", "sealing-keys"])
    assert.notInclude(all.join(), "mapped-events")
    assert.includeMembers(
      [...topicsOf("mapper", ["meta", "meta", "tiktok"])],
      ["mapped-events.meta", "mapped-events.tiktok", "mapper-dedup"]
    )
    const meta = topicsOf("delivery-meta", ["meta", "whatsapp"])
    assert.includeMembers([...meta], ["mapped-events.meta", "delivery-retry.meta", "delivery-results"])
    assert.notInclude(meta.join(), "whatsapp")
    assert.notInclude(meta, "send-intents")
    assert.includeMembers([...topicsOf("delivery-whatsapp", ["whatsapp"])], ["send-intents", "sealing-keys"])
    assert.deepStrictEqual(topicsOf("delivery-meta", ["tiktok"]), [])
  })

  it("are named for each declared topic", () => {
    for (const { name, programs } of topicTable.topics) assert.isNotEmpty(programs, name)
  })
})

describe("what is said of missing topics", () => {
  it("names them, what to type, and the prefix with which the broker has them", () => {
    assert.isNull(missingTopics(all, all, ""))
    assert.isNull(
      missingTopics(
        all,
        all.map((name) => `shop.${name}`),
        "shop."
      )
    )
    const some = missingTopics(all, all.slice(1), "")
    assert.include(some?.message, `: ${all[0]}.`)
    assert.include(some?.nextStep, "./capi topics --create")
    assert.notInclude(some?.nextStep, "The broker has")
    const wrong = missingTopics(
      all,
      all.map((name) => `prod.${name}`),
      "prdo."
    )
    assert.include(wrong?.message, "CAPI_TOPIC_PREFIX is prdo.")
    assert.include(wrong?.nextStep, "CAPI_TOPIC_PREFIX=prod.")
    assert.include(missingTopics(all, all, "prod.")?.nextStep, "an empty CAPI_TOPIC_PREFIX")
    const many = missingTopics(["a", "b", "c", "d", "e", "f", "g"], [], "")
    assert.include(many?.message, "a, b, c, d, e and 2 more")
  })
})

/** A program's start on a broker whose topics are made later. */
const starting = Effect.fnUntraced(function* () {
  const lines: Array<string> = []
  const kafka = new MemoryKafka()
  const env = { KAFKA_BROKERS: "a:1", SCHEMA_REGISTRY_URL: "http://b:1", STARTUP_TIMEOUT: "1 minute" }
  const settings = yield* Effect.provide(loadSettings, ConfigProvider.layer(ConfigProvider.fromEnv({ env })))
  const services = Layer.mergeAll(
    kafka.layer,
    Layer.succeed(SettingsService, settings),
    Layer.succeed(Connections, connectionsOf(loaded(minimal).connections)),
    Readiness.layer,
    Logger.layer([Logger.make(({ message }) => void lines.push(String(message)))])
  )
  const { fiber, readiness } = yield* Effect.gen(function* () {
    const readiness = yield* Readiness
    return { readiness, fiber: yield* Effect.forkDetach(awaitTopics(["normalizer"])) }
  }).pipe(Effect.provide(services))
  const create = () => {
    for (const topic of all) kafka.log.create(topic, 1)
  }
  return { fiber, lines, report: readiness.report, create }
})

it.effect("says within seconds what is missing, and goes on when it is there", () =>
  Effect.gen(function* () {
    const { fiber, lines, report, create } = yield* starting()
    yield* TestClock.adjust("3 seconds")
    assert.strictEqual(lines.length, 1)
    assert.include(lines[0], "raw-events")
    assert.include((yield* report).dependencies["topics"]?.reason, "./capi topics --create")
    yield* TestClock.adjust("30 seconds")
    assert.isBelow(lines.length, 4)
    create()
    yield* TestClock.adjust("1 second")
    yield* Fiber.join(fiber)
    assert.deepStrictEqual((yield* report).dependencies, {})
  })
)

it.effect("logs nothing where the topics exist soon, and fails after STARTUP_TIMEOUT", () =>
  Effect.gen(function* () {
    const soon = yield* starting()
    yield* TestClock.adjust("1 second")
    soon.create()
    yield* TestClock.adjust("1 second")
    yield* Fiber.join(soon.fiber)
    assert.deepStrictEqual(soon.lines, [])
    const never = yield* starting()
    yield* TestClock.adjust("61 seconds")
    const error: KafkaError = yield* Effect.flip(Fiber.join(never.fiber))
    assert.strictEqual(error.code, "unknown_topic")
  })
)

it("names the prefix first that is most like the given one, however many the broker has", () => {
  const present = ["alpha.", "beta.", "gamma.", "delta.", "prod."].map((prefix) => `${prefix}raw-events`)
  const step = missingTopics(["raw-events"], present, "prd.")?.nextStep ?? ""
  assert.match(step, /has such topics with CAPI_TOPIC_PREFIX=prod\. or /)
})
