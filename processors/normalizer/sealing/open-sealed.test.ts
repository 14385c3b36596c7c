import { assert, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as TestClock from "effect/testing/TestClock"
import { makeIdentityKey } from "../../../shared/credentials/identity-key.ts"
import { KafkaClient } from "../../../shared/kafka/client.ts"
import { SuppressionTable } from "../../../shared/suppression/suppressions.ts"
import { MemoryKafka } from "../../../shared/testing/memory-kafka.ts"
import { makeSealedReader } from "./open-sealed.ts"

it.effect("reads what the sealer has written since once a minute, also where the clock was set back", () =>
  Effect.gen(function* () {
    const kafka = new MemoryKafka()
    kafka.log.create("person-keys", 1)
    let asked = 0
    const client: KafkaClient["Service"] = {
      ...kafka.client,
      topicOffsets: (topic) =>
        Effect.suspend(() => {
          asked++
          return kafka.client.topicOffsets(topic)
        })
    }
    const reader = makeSealedReader(makeIdentityKey(Buffer.alloc(32, 3)), new SuppressionTable(), 0)
    const refresh = Effect.provideService(reader.refresh([]), KafkaClient, client)
    yield* TestClock.setTime(3_600_000)
    yield* refresh
    yield* TestClock.adjust("59 seconds")
    yield* refresh
    assert.strictEqual(asked, 1)
    yield* TestClock.setTime(0)
    yield* TestClock.adjust("1 second")
    yield* refresh
    assert.strictEqual(asked, 2)
  })
)
