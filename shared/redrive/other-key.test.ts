/** Dead letters that a master key sealed which is not at hand any more. */
import { assert, it } from "@effect/vitest"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import { Codecs } from "../codec/codecs.ts"
import { SettingsService } from "../config/settings.ts"
import { makeSealer, sealedDeadLetter } from "../credentials/sealer.ts"
import { KafkaClient } from "../kafka/client.ts"
import { memoryCodecs } from "../testing/memory-codecs.ts"
import { MemoryKafka } from "../testing/memory-kafka.ts"
import { redriveDeadLetters } from "./redrive.ts"
import { planRedrive } from "./redrive-plan.ts"

const [lost, present] = [
  Buffer.alloc(32, "lost key, lost key").toString("base64"),
  "cHJlc2VudC0wMTIzNDU2Nzg5YWJjZGVmZ2hpamtsbW4="
]

const services = () => {
  const kafka = new MemoryKafka()
  for (const topic of ["dead-letters", "raw-events"]) kafka.log.create(topic, 1)
  const provider = ConfigProvider.layer(
    ConfigProvider.fromEnv({
      env: { KAFKA_BROKERS: "a:1", SCHEMA_REGISTRY_URL: "http://b:1", CAPI_MASTER_KEY: present }
    })
  )
  return Layer.mergeAll(kafka.layer, memoryCodecs, Layer.provideMerge(SettingsService.layer, provider))
}

/** Of one partition, in this order. */
const write = (keys: ReadonlyArray<string>) =>
  Effect.gen(function* () {
    const codecs = yield* Codecs
    const records = keys.map((key, offset) => {
      const source = {
        topic: "raw-events",
        partition: 0,
        offset,
        timestamp: 0,
        key: null,
        value: Buffer.from(`event-${offset}`)
      }
      const why = { stage: "normalizer", reason_code: "undecodable", message: "", timestamp: offset, event_id: null }
      const deadLetter = sealedDeadLetter(makeSealer(Redacted.make(key)), source, why)
      return {
        topic: "dead-letters",
        partition: 0,
        key: null,
        value: codecs.encode("dead-letters", "dead-letter", deadLetter)
      }
    })
    yield* KafkaClient.use((kafka) => kafka.produce(records))
  })

const choice = {
  from: { _tag: "Beginning" as const },
  selection: {
    ids: [],
    reason: Option.none(),
    stage: Option.none(),
    connection: Option.none(),
    event: Option.none(),
    until: Number.MAX_SAFE_INTEGER
  },
  connections: new Map<string, string>(),
  again: false,
  remap: false
}

it.effect("stay where they are, and are counted as such, while the others go", () =>
  Effect.gen(function* () {
    yield* write([lost, present, lost, present])
    const plan = yield* planRedrive(choice)
    assert.deepStrictEqual([plan.deadLetters, plan.left], [2, { other_key: 2 }])
    assert.deepStrictEqual(yield* redriveDeadLetters(choice), { redriven: 2, missing: 0 })
    const sent: Array<string> = []
    yield* KafkaClient.use((kafka) =>
      kafka.read({
        topic: "raw-events",
        ranges: [{ partition: 0, from: 0, to: 10 }],
        onRecords: (records) => {
          for (const { value } of records) sent.push(String(value))
        }
      })
    )
    assert.deepStrictEqual(sent, ["event-1", "event-3"])
    assert.deepStrictEqual((yield* planRedrive(choice)).left, { other_key: 2, redriven_before: 2 })
  }).pipe(Effect.provide(services()))
)
