/** What tests of sealing and of erasures have in common, without Kafka: what the sealer writes is what the normalizer restores and reads. */
import { assert } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import * as TestClock from "effect/testing/TestClock"
import type { DeadLetter, EventDeliveryLog, NormalizedEvent, Suppression } from "../../../schemas/types.gen.ts"
import type { Codecs, SchemaName } from "../../../shared/codec/codecs.ts"
import { makeIdentityKey } from "../../../shared/credentials/identity-key.ts"
import { KafkaClient } from "../../../shared/kafka/client.ts"
import type { Batch, Inbound, Outbound, Step } from "../../../shared/runtime/contract.ts"
import { SuppressionTable, suppressionKey } from "../../../shared/suppression/suppressions.ts"
import { testSealer } from "../../../shared/testing/event-fixture.ts"
import { makeMemoryCodecs, memoryCodecs } from "../../../shared/testing/memory-codecs.ts"
import { MemoryKafka } from "../../../shared/testing/memory-kafka.ts"
import { runBatches } from "../../../shared/testing/run-batches.ts"
import { sha256 } from "../identity/text.ts"
import { makeLoadSchemas, sealedNormalizer } from "../normalizer.ts"
import { rawEventFromJson } from "../read/read-record.ts"
import { Erasures } from "./destroy-secrets.ts"
import { personOf, sealer } from "./sealer.ts"

export const now = Date.UTC(2026, 10, 23, 12)
export const identity = makeIdentityKey(Buffer.alloc(32, 3))
const codecs = makeMemoryCodecs()
export const partition = 2

export const config = {
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

const json = (id: string, user: object) => ({
  event_id: id,
  event_name: "purchase",
  event_time: now - 5_000,
  user
})
const jane = { email: " Jane@Shop.example", external_id: "u-77" }
export const raw: Array<Buffer | null> = [
  Buffer.from(JSON.stringify(json("jane-1", jane))),
  Buffer.from(JSON.stringify(json("jane-2", { external_id: "U-77" }))),
  Buffer.from(JSON.stringify(json("joe-1", { email: "joe@shop.example", phone: "+14155550132" }))),
  Buffer.from(JSON.stringify(json("cookie-1", { ip: "203.0.113.7" }))),
  Buffer.from("jane@shop.example, not json"),
  null
]
const avro = rawEventFromJson(json("jane-avro", jane))
if (avro._tag === "Read") raw.push(codecs.encode("raw-events", "raw-event", avro.raw))

export const inbound = (
  topic: string,
  records: ReadonlyArray<Pick<Outbound, "value"> & { readonly key?: string | null }>
) =>
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
export const batchOf = (topic: string, records: ReadonlyArray<Inbound>): Batch => ({ topic, partition, records })
export const rawBatch = batchOf(
  "raw-events",
  inbound(
    "raw-events",
    raw.map((value) => ({ key: "jane@shop.example", value }))
  )
)

/** The same events, all of them so much later. */
export const batchAfter = (millis: number): Batch =>
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

export const sealerSetup = () => {
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

export const ofTopic = ({ outputs }: Step, topic: string) => outputs.filter((output) => output.topic === topic)

export const read = <A>(schema: SchemaName, { value }: Pick<Outbound, "value">): A => {
  const decoded = codecs.decode(schema, value)
  return decoded._tag === "Decoded" ? (decoded.value as A) : assert.fail(decoded.message)
}

/** What the normalizer makes of sealed records, by their offset: an event id, a reason of a dead letter, or `erased`. */
export const normalized = (
  sealed: ReadonlyArray<Outbound>,
  keys: ReadonlyArray<Outbound>,
  suppressions: SuppressionTable
) =>
  Effect.gen(function* () {
    const [committed] = yield* runBatches(
      sealedNormalizer({ ...config, suppressions }, identity),
      [batchOf("sealed-events", inbound("sealed-events", sealed))],
      { log: inbound("person-keys", keys) }
    )
    return committed!.outputs
  })

export const described = (output: Outbound): string => {
  if (output.topic === "normalized-events") return read<NormalizedEvent>("normalized-event", output).event_id
  if (output.topic === "dead-letters") return read<DeadLetter>("dead-letter", output).reason_code
  const { outcome, reason_code, connection_id } = read<EventDeliveryLog>("event-delivery-log", output)
  return `${outcome}:${reason_code}${connection_id}`
}

const kafka = new MemoryKafka()
kafka.log.create("person-keys", 4)
const services = Layer.merge(memoryCodecs, Layer.succeed(KafkaClient, kafka.client))
export const test = <E>(effect: Effect.Effect<void, E, Codecs | KafkaClient | Scope.Scope>) =>
  Effect.andThen(TestClock.setTime(now), effect).pipe(Effect.scoped, Effect.provide(services))
