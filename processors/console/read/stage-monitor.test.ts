/** What the live view says while Kafka is away. */
import { assert, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as TestClock from "effect/testing/TestClock"
import { SettingsService } from "../../../shared/config/settings.ts"
import { KafkaClient, KafkaError } from "../../../shared/kafka/client.ts"
import { topicNames } from "../../../shared/model/topics.ts"
import { memoryCodecs } from "../../../shared/testing/memory-codecs.ts"
import { MemoryKafka } from "../../../shared/testing/memory-kafka.ts"
import type { LiveTick } from "../api.ts"
import { ConsoleState } from "../state/console-state.ts"
import { monitorStages } from "./stage-monitor.ts"

const away = Effect.fail(
  new KafkaError({ code: "unreachable", operation: "read", message: "No broker answers.", nextStep: "", cause: null })
)

it.effect("says in each tick that Kafka cannot be read, until it can again", () =>
  Effect.gen(function* () {
    const kafka = new MemoryKafka()
    for (const topic of [topicNames.raw, topicNames.normalized, topicNames.results, topicNames.positions])
      kafka.log.create(topic, 1)
    let isAway = false
    const client = Layer.succeed(KafkaClient, {
      ...kafka.client,
      topicOffsets: (name) => (isAway ? away : kafka.client.topicOffsets(name))
    })
    const settings = Layer.succeed(SettingsService, {
      topicPrefix: "",
      eventLog: topicNames.raw
    } as SettingsService["Service"])
    const state = new ConsoleState([])
    const ticks: Array<LiveTick> = []
    state.hub.subscribe(
      (text) => {
        const [, data] = /^event: tick\ndata: (.*)\n\n$/.exec(text) ?? []
        if (data !== undefined) ticks.push(JSON.parse(data) as LiveTick)
        return true
      },
      null,
      0
    )
    const services = Layer.mergeAll(client, memoryCodecs, settings)
    yield* Effect.forkScoped(monitorStages(state, []).pipe(Effect.provide(services)))
    const pass = Effect.repeat(
      Effect.andThen(TestClock.adjust("500 millis"), Effect.repeat(Effect.yieldNow, { times: 50 })),
      { times: 12 }
    )
    yield* pass
    assert.isNull(ticks.at(-1)?.not_read)
    isAway = true
    yield* pass
    assert.strictEqual(ticks.at(-1)?.not_read, "No broker answers.")
    isAway = false
    yield* pass
    assert.isNull(ticks.at(-1)?.not_read)
  }).pipe(Effect.scoped)
)
