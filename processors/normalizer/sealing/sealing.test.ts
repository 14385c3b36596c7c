/** Sealing, opening, and destroying secrets, without Kafka: what the sealer writes is what the normalizer restores and reads. */
import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import * as TestClock from "effect/testing/TestClock"
import type { DeadLetter, EventDeliveryLog, NormalizedEvent, Suppression } from "../../../schemas/types.gen.ts"
import type { Codecs, SchemaName } from "../../../shared/codec/codecs.ts"
import { makeIdentityKey } from "../../../shared/credentials/identity-key.ts"
import { sealedIdsOf } from "../../../shared/credentials/sealed-event.ts"
import { KafkaClient } from "../../../shared/kafka/client.ts"
import type { Batch, Inbound, Outbound, Step } from "../../../shared/runtime/contract.ts"
import { SuppressionTable, suppressionKey } from "../../../shared/suppression/suppressions.ts"
import { testSealer } from "../../../shared/testing/event-fixture.ts"
import { makeMemoryCodecs, memoryCodecs } from "../../../shared/testing/memory-codecs.ts"
import { MemoryKafka } from "../../../shared/testing/memory-kafka.ts"
import { runBatches } from "../../../shared/testing/run-batches.ts"
import { sha256 } from "../identity/text.ts"
import { makeLoadSchemas, normalizer, sealedNormalizer } from "../normalizer.ts"
import { rawEventFromJson } from "../read/read-record.ts"
import { Erasures } from "./destroy-secrets.ts"
import { dayIdOf } from "./person-secrets.ts"
import { personOf, sealer } from "./sealer.ts"

const now = Date.UTC(2026, 10, 23, 12)
const identity = makeIdentityKey(Buffer.alloc(32, 3))
const codecs = makeMemoryCodecs()
const partition = 2

const config = {
  options: {
    defaultCountries: [],
    recipients: null,
    messageEvents: null,
    futureToleranceMillis: 86_400_000
  },
  personIdsOf: identity.idTextsOf,
  deadLetters: testSealer,
  recordBytesMax: 100_000,
  schemaTimeout: Duration.seconds(30)
}

const json = (id: string, user: object) => ({ event_id: id, event_name: "purchase", event_time: now - 5_000, user })
const jane = { email: " Jane@Shop.example", external_id: "u-77" }
const raw: Array<Buffer | null> = [
  Buffer.from(JSON.stringify(json("jane-1", jane))),
  Buffer.from(JSON.stringify(json("jane-2", { external_id: "U-77" }))),
  Buffer.from(JSON.stringify(json("joe-1", { email: "joe@shop.example", phone: "+14155550132" }))),
  Buffer.from(JSON.stringify(json("cookie-1", { ip: "203.0.113.7" }))),
  Buffer.from("jane@shop.example, not json"),
  null
]
const avro = rawEventFromJson(json("jane-avro", jane))
if (avro._tag === "Read") raw.push(codecs.encode("raw-events", "raw-event", avro.raw))

const inbound = (topic: string, records: ReadonlyArray<Pick<Outbound, "value"> & { readonly key?: string | null }>) =>
  records.map(
    ({ key, value }, offset): Inbound => ({
      topic,
      partition,
      offset,
      timestamp: now,
      key: key === null || key === undefined ? null : Buffer.from(key),
      value,
      headers: {}
    })
  )
const batchOf = (topic: string, records: ReadonlyArray<Inbound>): Batch => ({ topic, partition, records })
const rawBatch = batchOf(
  "raw-events",
  inbound(
    "raw-events",
    raw.map((value) => ({ key: "jane@shop.example", value }))
  )
)

/** The same events, all of them so much later. */
const batchAfter = (millis: number): Batch =>
  batchOf(
    "raw-events",
    rawBatch.records.map((record) => ({
      ...record,
      timestamp: now + millis,
      value:
        record.value?.[0] === 0x7b
          ? Buffer.from(JSON.stringify({ ...JSON.parse(String(record.value)), event_time: now + millis }))
          : record.value
    }))
  )

const sealerSetup = () => {
  const erasures = new Erasures()
  const suppressions = new SuppressionTable()
  const processor = sealer({
    identity,
    erasures,
    suppressions,
    personOf: personOf([], 100_000),
    loadSchemas: makeLoadSchemas(Duration.seconds(30)),
    checkEvery: Duration.minutes(1)
  })
  const erase = (identifier: string, changes: Partial<Suppression> = {}): void => {
    const key = suppressionKey("erased", identity.idTextOf([sha256(identifier)])!)
    const record = { at: now + 1_000, erasure: "e-1", destroy_at: now + 60_000, ...noConsent, ...changes }
    suppressions.apply(key, record)
    erasures.add(key, record)
  }
  const cancel = (identifier: string): void => {
    const key = suppressionKey("erased", identity.idTextOf([sha256(identifier)])!)
    suppressions.apply(key, null)
    erasures.add(key, null)
  }
  const open = Effect.map(processor.open({ topic: "raw-events", partition }), (task) => ({
    step: task.step,
    check: task.tick?.step ?? Effect.die("There is no check.")
  }))
  return { open, erase, cancel, suppressions }
}
const noConsent = { ad_user_data: null, ad_personalization: null, sale_of_data: null }

const ofTopic = ({ outputs }: Step, topic: string) => outputs.filter((output) => output.topic === topic)

const read = <A>(schema: SchemaName, { value }: Pick<Outbound, "value">): A => {
  const decoded = codecs.decode(schema, value)
  return decoded._tag === "Decoded" ? (decoded.value as A) : assert.fail(decoded.message)
}

/** What the normalizer makes of sealed records, by their offset: an event id, a reason of a dead letter, or `erased`. */
const normalized = (sealed: ReadonlyArray<Outbound>, keys: ReadonlyArray<Outbound>, suppressions: SuppressionTable) =>
  Effect.gen(function* () {
    const [committed] = yield* runBatches(
      sealedNormalizer({ ...config, suppressions }, identity),
      [batchOf("sealed-events", inbound("sealed-events", sealed))],
      { log: inbound("person-keys", keys) }
    )
    return committed!.outputs
  })

const described = (output: Outbound): string => {
  if (output.topic === "normalized-events") return read<NormalizedEvent>("normalized-event", output).event_id
  if (output.topic === "dead-letters") return read<DeadLetter>("dead-letter", output).reason_code
  const { outcome, reason_code, connection_id } = read<EventDeliveryLog>("event-delivery-log", output)
  return `${outcome}:${reason_code}${connection_id}`
}

const kafka = new MemoryKafka()
kafka.log.create("person-keys", 4)
const services = Layer.merge(memoryCodecs, Layer.succeed(KafkaClient, kafka.client))
const test = <E>(effect: Effect.Effect<void, E, Codecs | KafkaClient | Scope.Scope>) =>
  Effect.andThen(TestClock.setTime(now), effect).pipe(Effect.scoped, Effect.provide(services))

describe("the sealer", () => {
  it.effect("writes one sealed record for each raw one, in its partition, and nothing of a person in clear", () =>
    test(
      Effect.gen(function* () {
        const step = yield* (yield* sealerSetup().open).step(rawBatch)
        const sealed = ofTopic(step, "sealed-events")
        assert.strictEqual(sealed.length, raw.length)
        assert.deepStrictEqual([...new Set(step.outputs.map((output) => output.partition))], [partition])
        // Jane's email and id, Joe's email and phone, and the day.
        assert.strictEqual(ofTopic(step, "person-keys").length, 5)
        const bytes = Buffer.concat(
          step.outputs.flatMap(({ key, value }) => [Buffer.from(key ?? ""), value ?? Buffer.alloc(0)])
        )
        for (const text of ["jane", "Jane", "joe", "u-77", "U-77", "4155550132", "203.0.113.7", "purchase"])
          assert.notInclude(bytes.toString("latin1"), text)
        for (const hash of ["jane@shop.example", "u-77", "+14155550132"].map(sha256)) {
          assert.notInclude(bytes.toString("latin1"), hash)
          assert.strictEqual(bytes.indexOf(Buffer.from(hash, "hex").subarray(0, 8)), -1)
        }
      })
    )
  )

  it.effect("gives the normalizer the producers' bytes back: the same events and dead letters as without it", () =>
    test(
      Effect.gen(function* () {
        const step = yield* (yield* sealerSetup().open).step(rawBatch)
        const outputs = yield* normalized(
          ofTopic(step, "sealed-events"),
          ofTopic(step, "person-keys"),
          new SuppressionTable()
        )
        const [direct] = yield* runBatches(normalizer(config), [rawBatch])
        assert.deepStrictEqual(outputs.map(described), direct!.outputs.map(described))
        assert.include(outputs.map(described), "jane-avro")
        const event = read<NormalizedEvent>("normalized-event", outputs[0]!)
        const expected = read<NormalizedEvent>("normalized-event", direct!.outputs[0]!)
        assert.deepStrictEqual({ ...event, source: null }, { ...expected, source: null })
        assert.strictEqual(event.source.topic, "sealed-events")
        assert.strictEqual(event.person_ids, identity.idTextOf(["jane@shop.example", "u-77"].map(sha256)))
      })
    )
  )
})

describe("an erasure", () => {
  const run = (eraseNow: (erase: (identifier: string) => void) => void, wait: Duration.Duration) =>
    Effect.gen(function* () {
      const { open, erase, suppressions } = sealerSetup()
      const task = yield* open
      const first = yield* task.step(rawBatch)
      eraseNow(erase)
      yield* TestClock.adjust(wait)
      const check = yield* task.check
      const keys = [...ofTopic(first, "person-keys"), ...ofTopic(check, "person-keys")]
      const outputs = yield* normalized(ofTopic(first, "sealed-events"), keys, suppressions)
      return { task, check, keys, outputs, suppressions, sealed: ofTopic(first, "sealed-events") }
    })

  it.effect("closes what has the identifier, and leaves the others, a result for each", () =>
    test(
      Effect.gen(function* () {
        const { outputs, check } = yield* run((erase) => erase("jane@shop.example"), Duration.minutes(2))
        assert.deepStrictEqual(outputs.map(described), [
          "skipped:erased",
          "jane-2",
          "joe-1",
          "cookie-1",
          "not_avro_not_json",
          "empty",
          "skipped:erased"
        ])
        assert.deepStrictEqual(
          ofTopic(check, "erasure-log").map((output) => {
            const { erasure, step, partition: at, secrets } = read<Record<string, unknown>>("erasure-log-entry", output)
            return [erasure, step, at, secrets]
          }),
          [["e-1", "keys_destroyed", partition, 1]]
        )
      })
    )
  )

  it.effect("holds without the suppression too, once the secret is destroyed: no key opens the record", () =>
    test(
      Effect.gen(function* () {
        const { sealed, keys } = yield* run((erase) => erase("jane@shop.example"), Duration.minutes(2))
        const outputs = yield* normalized(sealed, keys, new SuppressionTable())
        assert.deepStrictEqual(outputs.map(described).slice(0, 2), ["secret_missing", "jane-2"])
      })
    )
  )

  it.effect("destroys nothing within its grace window, though events are skipped from the request on", () =>
    test(
      Effect.gen(function* () {
        const { check, outputs } = yield* run((erase) => erase("jane@shop.example"), Duration.seconds(30))
        assert.deepStrictEqual(ofTopic(check, "person-keys"), [])
        assert.strictEqual(described(outputs[0]!), "skipped:erased")
      })
    )
  )

  it.effect("that is cancelled destroys nothing, and events go on", () =>
    test(
      Effect.gen(function* () {
        const { open, erase, cancel, suppressions } = sealerSetup()
        const task = yield* open
        const first = yield* task.step(rawBatch)
        erase("jane@shop.example")
        cancel("jane@shop.example")
        yield* TestClock.adjust(Duration.minutes(2))
        assert.deepStrictEqual((yield* task.check).outputs, [])
        const outputs = yield* normalized(ofTopic(first, "sealed-events"), ofTopic(first, "person-keys"), suppressions)
        assert.strictEqual(described(outputs[0]!), "jane-1")
      })
    )
  )

  it.effect("that is asked for again after it was cancelled has the grace window of the second time", () =>
    test(
      Effect.gen(function* () {
        const { open, erase, cancel } = sealerSetup()
        const task = yield* open
        yield* task.step(rawBatch)
        erase("jane@shop.example")
        cancel("jane@shop.example")
        erase("jane@shop.example", { erasure: "e-2", destroy_at: now + 300_000 })
        yield* TestClock.adjust(Duration.minutes(2))
        assert.deepStrictEqual((yield* task.check).outputs, [])
        yield* TestClock.adjust(Duration.minutes(4))
        const [entry] = ofTopic(yield* task.check, "erasure-log")
        assert.strictEqual(read<{ readonly erasure: string }>("erasure-log-entry", entry!).erasure, "e-2")
      })
    )
  )

  it.effect("leaves no secret to what comes too late: an event from before it, when the secrets are destroyed", () =>
    test(
      Effect.gen(function* () {
        const { task, keys, suppressions } = yield* run((erase) => erase("jane@shop.example"), Duration.minutes(2))
        // The customer is back, with a new secret, before the late record comes.
        const back = yield* task.step(batchAfter(120_000))
        const late = yield* task.step(rawBatch)
        assert.deepStrictEqual(ofTopic(late, "person-keys"), [])
        const ids = ofTopic(late, "sealed-events").map(({ value }) => sealedIdsOf(value)!.toString("base64url"))
        const [first, , , cookie] = ids
        assert.strictEqual(first, dayIdOf(identity, now).toString("base64url"))
        assert.strictEqual(first, cookie)
        const held = [...keys, ...ofTopic(back, "person-keys")]
        const outputs = yield* normalized(ofTopic(late, "sealed-events"), held, suppressions)
        assert.deepStrictEqual(outputs.map(described).slice(0, 3), ["skipped:erased", "jane-2", "joe-1"])
      })
    )
  )

  it.effect("does not touch the secret of a customer who comes back", () =>
    test(
      Effect.gen(function* () {
        const { task, keys, suppressions } = yield* run((erase) => erase("jane@shop.example"), Duration.minutes(2))
        const back = yield* task.step(batchAfter(120_000))
        assert.strictEqual(ofTopic(back, "person-keys").length, 1)
        assert.deepStrictEqual(ofTopic(yield* task.check, "erasure-log"), [])
        const later = inbound("sealed-events", ofTopic(back, "sealed-events")).map((record) => ({
          ...record,
          timestamp: now + 120_000
        }))
        const [committed] = yield* runBatches(sealedNormalizer(config, identity), [batchOf("sealed-events", later)], {
          log: inbound("person-keys", [...keys, ...ofTopic(back, "person-keys")])
        })
        assert.strictEqual(described(committed!.outputs[0]!), "jane-1")
        assert.isNotNull(suppressions)
      })
    )
  )
})

it.effect("the secret of a day is destroyed when its records have been kept long enough", () =>
  test(
    Effect.gen(function* () {
      const task = yield* sealerSetup().open
      const first = yield* task.step(rawBatch)
      yield* TestClock.adjust(Duration.days(28))
      const check = yield* task.check
      const tombstones = ofTopic(check, "person-keys").filter(({ value }) => value === null)
      assert.strictEqual(tombstones.length, 1)
      const keys = [...ofTopic(first, "person-keys"), ...tombstones]
      const outputs = yield* normalized(ofTopic(first, "sealed-events"), keys, new SuppressionTable())
      assert.deepStrictEqual(outputs.map(described), [
        "jane-1",
        "jane-2",
        "joe-1",
        "skipped:erased",
        "skipped:erased",
        "skipped:erased",
        "jane-avro"
      ])
    })
  )
)
