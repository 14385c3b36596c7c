/** Records whose values were not kept: a dead letter at each reader of what others write, which holds no original. */
import { assert, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as TestClock from "effect/testing/TestClock"
import { makeIdentityKey } from "../../../shared/credentials/identity-key.ts"
import { deadLetterAad } from "../../../shared/credentials/sealer.ts"
import { KafkaClient } from "../../../shared/kafka/client.ts"
import { type Inbound, inboundOf, type Outbound, type Processor } from "../../../shared/runtime/contract.ts"
import { SuppressionTable } from "../../../shared/suppression/suppressions.ts"
import { testSealer } from "../../../shared/testing/event-fixture.ts"
import { makeMemoryCodecs, memoryCodecs } from "../../../shared/testing/memory-codecs.ts"
import { MemoryKafka } from "../../../shared/testing/memory-kafka.ts"
import { runBatches } from "../../../shared/testing/run-batches.ts"
import { consentChanges } from "../consent-changes.ts"
import { makeLoadSchemas, normalizer, sealedNormalizer } from "../normalizer.ts"
import { Erasures } from "../sealing/destroy-secrets.ts"
import { personOf, sealer } from "../sealing/sealer.ts"

const now = Date.UTC(2026, 10, 23)
const identity = makeIdentityKey(Buffer.alloc(32, 3))
const config = {
  options: { defaultCountries: [], recipients: null, messageEvents: null, futureToleranceMillis: 86_400_000 },
  deadLetters: testSealer,
  recordBytesMax: 4_096,
  schemaTimeout: Duration.seconds(30)
}
const kafka = new MemoryKafka()
kafka.log.create("person-keys", 1)
const services = Layer.merge(memoryCodecs, Layer.succeed(KafkaClient, kafka.client))

/** As a client gives it, under a topic's name with a prefix. */
const omitted = (topic: string, omittedBytes: number): Inbound =>
  inboundOf(
    {
      ...{ topic: `prefix.${topic}`, partition: 0, offset: 7, timestamp: now, headers: {} },
      ...{ key: Buffer.from("ab".repeat(32)), value: Buffer.alloc(0), omittedBytes }
    },
    topic
  )

const run = <E, R>(processor: Processor<E, R>, records: ReadonlyArray<Inbound>, log: ReadonlyArray<Inbound> = []) =>
  Effect.map(
    runBatches(processor, [{ topic: records[0]!.topic, partition: 0, records }], { log }),
    (steps) => steps[0]!.outputs
  )

const lettersOf = (outputs: ReadonlyArray<Outbound>) =>
  outputs.map(({ topic, value }) => {
    assert.strictEqual(topic, "dead-letters")
    const decoded = makeMemoryCodecs().decode("dead-letter", value)
    return decoded._tag === "Decoded" ? decoded.value : assert.fail(decoded.message)
  })

const test = <E, R>(effect: Effect.Effect<void, E, R>) =>
  Effect.andThen(TestClock.setTime(now), effect).pipe(Effect.scoped, Effect.provide(services))

it.effect("is a dead letter of the normalizer, with its size and key, and nothing to redrive", () =>
  test(
    Effect.gen(function* () {
      const [known, unknown] = lettersOf(
        yield* run(normalizer(config), [omitted("raw-events", 300_000_000), omitted("raw-events", 0)])
      )
      assert.deepStrictEqual(
        [known!, unknown!].map(({ reason_code, source_offset, original }) => [reason_code, source_offset, original]),
        [
          ["record_too_large", 7, null],
          ["record_too_large", 7, null]
        ]
      )
      assert.match(known!.message, / 300000000 bytes/)
      assert.match(unknown!.message, /^The record lies so far behind/)
      const key = testSealer.open(known!.original_key!, deadLetterAad("key", "raw-events", 0, 7))
      assert.strictEqual(key._tag === "Success" ? String(key.success) : key.failure.message, "ab".repeat(32))
    })
  )
)

it.effect("is undecodable where its batch is damaged", () =>
  test(
    Effect.gen(function* () {
      const [letter] = lettersOf(yield* run(normalizer(config), [omitted("raw-events", -1)]))
      assert.deepStrictEqual([letter!.reason_code, letter!.original], ["undecodable", null])
      assert.match(letter!.message, /^The compressed batch that the record is in cannot be decompressed/)
    })
  )
)

it.effect("is one where events are sealed as well", () =>
  test(
    Effect.gen(function* () {
      const sealing = sealer({
        identity,
        erasures: new Erasures(),
        suppressions: new SuppressionTable(),
        personOf: personOf([], 4_096),
        loadSchemas: makeLoadSchemas(Duration.seconds(30)),
        checkEvery: Duration.minutes(1)
      })
      const inbound = ({ topic, key, value, headers = {} }: Outbound, offset: number): Inbound => ({
        ...{ topic, partition: 0, offset, timestamp: now, value, headers },
        key: key === null ? null : Buffer.from(key)
      })
      const outputs = yield* run(sealing, [omitted("raw-events", 300_000_000)])
      const of = (topic: string) => outputs.filter((output) => output.topic === topic).map(inbound)
      const letters = lettersOf(yield* run(sealedNormalizer(config, identity), of("sealed-events"), of("person-keys")))
      assert.deepStrictEqual(
        letters.map(({ reason_code, source_topic }) => [reason_code, source_topic]),
        [["record_too_large", "sealed-events"]]
      )
      assert.match(letters[0]!.message, / 300000000 bytes/)
    })
  )
)

it.effect("takes no consent back", () =>
  test(
    Effect.gen(function* () {
      const letters = lettersOf(
        yield* run(consentChanges(identity, testSealer), [omitted("consent-changes", 20_000_000)])
      )
      assert.deepStrictEqual(
        letters.map(({ stage, reason_code, original }) => [stage, reason_code, original]),
        [["consent-changes", "record_too_large", null]]
      )
    })
  )
)
