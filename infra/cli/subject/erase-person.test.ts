/** An erasure from the request to its proof, and taking it back, with a broker in memory and virtual time. */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, it } from "@effect/vitest"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as TestClock from "effect/testing/TestClock"
import { sha256 } from "../../../processors/normalizer/identity/text.ts"
import type { Suppression } from "../../../schemas/types.gen.ts"
import { Codecs } from "../../../shared/codec/codecs.ts"
import { environmentProvider, SettingsService } from "../../../shared/config/settings.ts"
import { makeIdentityKey } from "../../../shared/credentials/identity-key.ts"
import { makeSealer, sealedDeadLetter } from "../../../shared/credentials/sealer.ts"
import { KafkaClient } from "../../../shared/kafka/client.ts"
import { describeFailure } from "../../../shared/runtime/exit.ts"
import { readSuppressions } from "../../../shared/suppression/follow-suppressions.ts"
import { memoryCodecs } from "../../../shared/testing/memory-codecs.ts"
import { MemoryKafka } from "../../../shared/testing/memory-kafka.ts"
import { declaredTopics } from "../../topics/declared-topics.ts"
import { Json } from "../cli.ts"
import { readProofs } from "../commands/erasures.ts"
import { Output, outputTo } from "../output.ts"
import { cancelErasure } from "./cancel-erasure.ts"
import { erasePerson } from "./erase-person.ts"
import { findSubject, unopenedText } from "./find-subject.ts"
import type { Person } from "./person.ts"

const now = Date.UTC(2026, 10, 23, 12)
const identity = makeIdentityKey(Buffer.alloc(32, 3))
const personOf = (...identifiers: ReadonlyArray<string>): Person => {
  const hashes = identifiers.map(sha256)
  return {
    identity,
    identifier: { kind: "hash", hashes },
    ids: new Set(hashes.map((hash) => identity.idTextOf([hash])!))
  }
}
const jane = personOf("jane@shop.example", "janedoe@shop.example")
const masterKey = "cHJlc2VudC0wMTIzNDU2Nzg5YWJjZGVmZ2hpamtsbW4="
const erasing = { graceMillis: 86_400_000, linked: false, dryRun: false, yes: true }

/** A broker with all topics. `onRead` runs before each topic is read. */
const services = (onRead: Effect.Effect<void> = Effect.void) => {
  const kafka = new MemoryKafka()
  const topics = declaredTopics("", 1, undefined, "sealed-events")
  for (const { name } of topics) kafka.log.create(name, 1)
  const client = KafkaClient.of({
    ...kafka.client,
    read: (options) => Effect.andThen(onRead, kafka.client.read(options)),
    topicConfigs: (names) => Effect.succeed(topics.filter(({ name }) => names.includes(name)))
  })
  const provider = ConfigProvider.layer(
    environmentProvider({
      KAFKA_BROKERS: "broker:9092",
      SCHEMA_REGISTRY_URL: "http://registry",
      CAPI_EVENT_LOG: "sealed-events",
      CAPI_CONNECTIONS: "/nowhere",
      CAPI_MASTER_KEY: masterKey
    })
  )
  const silent = () => Effect.void
  const output = outputTo({ out: silent, error: silent, colours: false, interactive: false })
  return Layer.mergeAll(
    Layer.succeed(KafkaClient, client),
    memoryCodecs,
    Layer.succeed(Output, output),
    Layer.succeed(Json, true),
    NodeServices.layer,
    Layer.provideMerge(SettingsService.layer, provider)
  )
}

const suppressions = Effect.gen(function* () {
  const found = new Map<string, Suppression>()
  yield* readSuppressions((key, record) => {
    if (record === null) found.delete(key)
    else found.set(key, record)
  })
  return [...found.values()]
})

it.effect("an erasure is of the time when it is written, however long the topics were read", () =>
  Effect.gen(function* () {
    yield* TestClock.setTime(now)
    yield* Effect.gen(function* () {
      yield* erasePerson(jane, erasing)
      const found = yield* suppressions
      assert.strictEqual(found.length, 2)
      const written = found[0]!.at
      // Topics are read afterwards too, for the proof.
      assert.isAtLeast(written - now, Duration.toMillis("8 minutes"))
      const [proof] = yield* readProofs
      assert.strictEqual(proof!.requested_at, written)
      for (const { at, destroy_at } of found) assert.deepStrictEqual([at, destroy_at], [written, written + 86_400_000])
    }).pipe(Effect.provide(services(TestClock.adjust("1 minute"))))
  })
)

it.effect("one that is cancelled says so in its proof, and one that was never asked for is refused", () =>
  Effect.gen(function* () {
    yield* TestClock.setTime(now)
    yield* Effect.gen(function* () {
      yield* erasePerson(jane, erasing)
      const stranger = yield* Effect.exit(cancelErasure(personOf("jana@shop.example"), true))
      assert.strictEqual(stranger._tag === "Failure" ? describeFailure(stranger.cause)?.code : null, "not_erased")
      assert.strictEqual((yield* readProofs)[0]!.cancelled, 0)

      yield* cancelErasure(personOf("jane@shop.example"), true)
      const [half] = yield* readProofs
      assert.deepStrictEqual([half!.cancelled, half!.cancelled_at, half!.gone_by !== null], [1, now, true])
      yield* cancelErasure(jane, true)
      const [whole] = yield* readProofs
      assert.deepStrictEqual([whole!.cancelled, whole!.gone_by], [2, null])
      assert.deepStrictEqual(yield* suppressions, [])
      const again = yield* Effect.exit(cancelErasure(jane, true))
      assert.strictEqual(again._tag, "Failure")
    }).pipe(Effect.provide(services()))
  })
)

it.effect("removes a change of consent by a tombstone that is known from one of a producer", () =>
  Effect.gen(function* () {
    const codecs = yield* Codecs
    const kafka = yield* KafkaClient
    const [, hash] = jane.identifier.hashes
    const value = codecs.encode("consent-changes", "consent-change", {
      ad_user_data: "denied",
      ad_personalization: null,
      sale_of_data: null,
      changed_at: null
    })
    yield* kafka.produce([{ topic: "consent-changes", key: hash!, value }])
    yield* erasePerson(jane, erasing)
    const [proof] = yield* readProofs
    const tombstones: Array<readonly [string, boolean, string | undefined]> = []
    yield* kafka.read({
      topic: "consent-changes",
      ranges: [{ partition: 0, from: 1, to: 10 }],
      onRecords: (records) => {
        for (const { key, value, headers } of records)
          tombstones.push([String(key), value === null, headers["erasure"]])
      }
    })
    assert.deepStrictEqual(tombstones, [[hash!, true, proof!.erasure]])
  }).pipe(Effect.provide(services()))
)

it.effect("what is sealed under a master key that is gone is counted", () =>
  Effect.gen(function* () {
    const codecs = yield* Codecs
    const source = { topic: "sealed-events", partition: 0, offset: 3, timestamp: 0, key: null, value: Buffer.from("x") }
    const why = { stage: "normalizer", reason_code: "undecodable", message: "", timestamp: 0, event_id: null }
    const records = ["bG9zdC1rZXktMDEyMzQ1Njc4OWFiY2RlZmdoaWprbG1ubw==", masterKey].map((key) => ({
      topic: "dead-letters",
      key: null,
      value: codecs.encode("dead-letters", "dead-letter", sealedDeadLetter(makeSealer(Redacted.make(key)), source, why))
    }))
    yield* KafkaClient.use((kafka) => kafka.produce(records))
    const unopened = yield* findSubject(identity, jane.ids, () => Effect.void)
    assert.strictEqual(unopened?.deadLetters, 1)
    assert.include(unopened === null ? "" : unopenedText(unopened), "another master key")
  }).pipe(Effect.provide(services()))
)

it.effect("of two that are written at the same time, one says that it was not", () =>
  Effect.gen(function* () {
    const kafka = yield* KafkaClient
    const fencing = KafkaClient.of({
      ...kafka,
      transactional: (id) => Effect.tap(kafka.transactional(id), () => kafka.transactional(id))
    })
    const lost = yield* Effect.exit(Effect.provideService(erasePerson(jane, erasing), KafkaClient, fencing))
    const failure = lost._tag === "Failure" ? describeFailure(lost.cause) : null
    assert.deepStrictEqual([failure?.code, failure?.nextStep], ["erasure_running", "Run the command again."])
    assert.deepStrictEqual(yield* suppressions, [])
  }).pipe(Effect.provide(services()))
)
