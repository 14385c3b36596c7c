import { assert, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { SettingsService } from "../config/settings.ts"
import { KafkaClient, KafkaError } from "../kafka/client.ts"
import { MemoryKafka } from "../testing/memory-kafka.ts"
import { readRecords } from "./read-records.ts"

const failure = (code: KafkaError["code"]) =>
  Effect.fail(new KafkaError({ code, operation: "read", message: "No.", nextStep: "", cause: null }))

it.effect("records are read though others are on a topic that is gone or not the user's", () =>
  Effect.gen(function* () {
    const kafka = new MemoryKafka()
    for (const topic of ["p.here", "p.theirs"]) kafka.log.create(topic, 1)
    const { topicOffsets, listTopics } = kafka.client
    const codes: Readonly<Record<string, KafkaError["code"]>> = {
      "p.gone": "unknown_topic",
      "p.theirs": "unauthorized"
    }
    const client = Layer.succeed(KafkaClient, {
      ...kafka.client,
      listTopics: Effect.map(listTopics, (names) => names.filter((name) => codes[name] === undefined)),
      topicOffsets: (name) => (codes[name] === undefined ? topicOffsets(name) : failure(codes[name]))
    })
    const settings = Layer.succeed(SettingsService, { topicPrefix: "p." } as SettingsService["Service"])
    yield* kafka.client.produce([{ topic: "p.here", key: "e", value: Buffer.from("1") }])
    const position = (topic: string, offset: number) => ({ topic, partition: 0, offset })
    const read = yield* readRecords([
      ...[position("here", 0), position("here", 7), position("gone", 0), position("theirs", 0)]
    ]).pipe(Effect.provide(Layer.merge(client, settings)))
    assert.deepStrictEqual(
      read.records.map(({ topic, offset }) => [topic, offset]),
      [["here", 0]]
    )
    assert.deepStrictEqual([read.gone, read.unreadable], [1, ["gone", "theirs"]])
  })
)
