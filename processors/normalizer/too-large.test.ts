import { assert, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as TestClock from "effect/testing/TestClock"
import { makeSealer } from "../../shared/credentials/sealer.ts"
import { valueBytesMax } from "../../shared/model/topics.ts"
import { makeMemoryCodecs, memoryCodecs } from "../../shared/testing/memory-codecs.ts"
import { runBatches } from "../../shared/testing/run-batches.ts"
import { normalizer } from "./normalizer.ts"

const now = Date.UTC(2026, 10, 23)
const config = {
  options: { defaultCountries: [], recipients: null, messageEvents: null, futureToleranceMillis: 86_400_000 },
  deadLetters: makeSealer(Redacted.make("a master key for tests")),
  recordBytesMax: 16 * 1_048_576,
  schemaTimeout: Duration.seconds(30)
}

const user = { email: "jane@shop.example" }
const run = (items: ReadonlyArray<object>) =>
  Effect.gen(function* () {
    yield* TestClock.setTime(now)
    const value = Buffer.from(
      JSON.stringify({ event_id: "e", event_name: "lead", event_time: now, user, properties: { items } })
    )
    const record = { topic: "raw-events", partition: 0, offset: 0, timestamp: now, key: null, value, headers: {} }
    const [step] = yield* runBatches(normalizer(config), [{ topic: "raw-events", partition: 0, records: [record] }])
    return step!.outputs[0]!
  }).pipe(Effect.provide(memoryCodecs))

it.effect("makes a dead letter of an event that is larger, normalized, than the next topic takes", () =>
  Effect.gen(function* () {
    const deadLetter = yield* run(Array(700).fill({ id: "1", name: "x".repeat(8_000) }))
    assert.strictEqual(deadLetter.topic, "dead-letters")
    const decoded = makeMemoryCodecs().decode("dead-letter", deadLetter.value)
    assert.strictEqual(decoded._tag === "Decoded" ? decoded.value.reason_code : decoded.message, "record_too_large")
    assert.isBelow(deadLetter.value!.length, valueBytesMax("dead-letters"))
  })
)

it.effect("writes what the next topic takes", () =>
  Effect.gen(function* () {
    assert.strictEqual((yield* run([{ id: "1" }])).topic, "normalized-events")
  })
)
