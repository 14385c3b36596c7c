/**
 * The sealer: raw-events in; sealed-events and person-keys out. Each raw record becomes one sealed record in the partition of the same
 * number, in the transaction that writes the secrets it needs. It also destroys the secrets of erased persons.
 */

import { randomBytes } from "node:crypto"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Metric from "effect/Metric"
import type { Codecs, RegistryError } from "../../../shared/codec/codecs.ts"
import { personIdBytes } from "../../../shared/credentials/identity-key.ts"
import { sealEvent } from "../../../shared/credentials/sealed-event.ts"
import { nonceBytes } from "../../../shared/credentials/sealer.ts"
import { topicNames } from "../../../shared/model/topics.ts"
import type { AssignedPartition, Batch, Inbound, Outbound, Processor, Step } from "../../../shared/runtime/contract.ts"
import { wordsOfBytes } from "../../../shared/suppression/id-map.ts"
import { tracePartOf } from "../../../shared/telemetry/trace-context.ts"
import { CurrentTracing } from "../../../shared/telemetry/tracing.ts"
import { normalizeUser, personHashes } from "../identity/user.ts"
import { omittedHeaders } from "../read/omitted.ts"
import { readRecord } from "../read/read-record.ts"
import { type DestroyOptions, makeDestroyer } from "./destroy-secrets.ts"
import { dayIdOf, PersonSecrets, secretBytes, secretRecord } from "./person-secrets.ts"

export interface SealerConfig extends DestroyOptions {
  readonly personOf: (record: Inbound, codecs: Codecs["Service"]) => RawPerson
  /** Codecs that know the writers' schemas of a batch. */
  readonly loadSchemas: (batch: Pick<Batch, "records">) => Effect.Effect<Codecs["Service"], RegistryError, Codecs>
  /** How often erasures are looked for that are due. */
  readonly checkEvery: Duration.Duration
}

export const sealer = (config: SealerConfig): Processor<RegistryError, Codecs> => ({
  name: "sealer",
  topics: [topicNames.raw],
  batch: { recordsMax: 2_000, bytesMax: 4_000_000, linger: Duration.millis(5), lingersWhileBusy: true },
  // One step at a time: the secrets that a step makes must be known to the next.
  concurrency: 1,
  stepDeadline: Duration.minutes(2),
  releasesInputBuffers: true,
  open: (assigned) => Effect.sync(() => openPartition(config, assigned))
})

// The secrets belong to this opening: what a step that is not committed made is gone with it.
const openPartition = (config: SealerConfig, { partition }: AssignedPartition) => {
  const secrets = new PersonSecrets()
  const destroyer = makeDestroyer(config, secrets, partition)
  return {
    restore: [
      {
        topic: topicNames.personKeys,
        since: "beginning" as const,
        until: "end" as const,
        apply: (records: ReadonlyArray<Inbound>) =>
          Effect.sync(() => {
            for (const record of records) secrets.restore(record)
          })
      }
    ],
    step: (batch: Batch) => Effect.tap(sealBatch(config, secrets, batch), () => report(secrets, partition)),
    tick: { every: config.checkEvery, step: destroyer }
  }
}

const sealBatch = Effect.fn("sealer.sealBatch")(function* (config: SealerConfig, secrets: PersonSecrets, batch: Batch) {
  const codecs = yield* config.loadSchemas(batch)
  const now = yield* Clock.currentTimeMillis
  const outputs: Array<Outbound> = []
  const tracing = yield* CurrentTracing
  const nonces = randomBytes(batch.records.length * nonceBytes)
  for (const [index, record] of batch.records.entries()) {
    const { hashes, at } = config.personOf(record, codecs)
    const own = hashes.length === 0 ? null : config.identity.idsOf(hashes)
    const ids = own === null || outlivesErasure(config, secrets, own, at) ? dayIdOf(config.identity, now) : own
    outputs.push(...newSecrets(secrets, ids, batch.partition, now))
    const nonce = nonces.subarray(index * nonceBytes, (index + 1) * nonceBytes)
    const value = sealEvent(config.identity, { ids, secrets: secrets.secretsOf(ids) ?? [], nonce }, record)
    // Without a key, since a producer's may name a person: the partition is the raw record's, so that its order stays.
    const sealedRecord: Outbound = { topic: topicNames.sealed, key: null, value, partition: batch.partition }
    // A producer's trace goes on; one of the events' own begins when they are normalized.
    const isTraced = tracing !== null && record.headers["traceparent"] !== undefined
    const trace = isTraced ? tracePartOf(record.headers) : undefined
    const omitted = omittedHeaders(record)
    const hasHeaders = trace !== undefined || omitted !== undefined
    outputs.push(hasHeaders ? { ...sealedRecord, headers: { ...trace, ...omitted } } : sealedRecord)
  }
  yield* Metric.update(sealed, batch.records.length)
  return { outputs } satisfies Step
})

/**
 * Whether a record is of an erased person and from before the erasure, and comes when the secrets from then are gone: under new ones,
 * which nothing destroys, it would stay readable for as long as the topic keeps it.
 */
const outlivesErasure = (
  { suppressions }: Pick<SealerConfig, "suppressions">,
  secrets: PersonSecrets,
  ids: Buffer,
  at: number
): boolean => {
  if (suppressions.size === 0) return false
  let isErased = false
  for (let start = 0; start < ids.length; start += personIdBytes) {
    const id = wordsOfBytes(ids, start)
    if (!suppressions.isErased([id], at)) continue
    // It is destroyed when the grace window is over, and the record with it.
    if (secrets.isFrom(id, Math.floor(at / 1_000))) return false
    isErased = true
  }
  return isErased
}

/** Makes the secrets that are missing; gives their records. */
const newSecrets = (secrets: PersonSecrets, ids: Buffer, partition: number, now: number): ReadonlyArray<Outbound> => {
  const records: Array<Outbound> = []
  for (let at = 0; at < ids.length; at += personIdBytes) {
    const words = wordsOfBytes(ids, at)
    if (secrets.has(words)) continue
    const secret = randomBytes(secretBytes)
    secrets.put(words, secret, now)
    records.push(secretRecord(ids.subarray(at, at + personIdBytes), secret, partition))
  }
  return records
}

const report = (secrets: PersonSecrets, partition: number) =>
  Effect.andThen(
    Metric.update(Metric.withAttributes(heldSecrets, { partition: String(partition) }), secrets.size),
    Metric.update(Metric.withAttributes(heldBytes, { partition: String(partition) }), secrets.bytes)
  )

const sealed = Metric.counter("capi_sealer_events_total", { incremental: true, description: "Raw records sealed." })
const heldSecrets = Metric.gauge("capi_sealer_secrets", { description: "Secrets of identifiers, by partition." })
const heldBytes = Metric.gauge("capi_sealer_secrets_bytes", { description: "Memory of these secrets." })

/** Of a raw record. */
export interface RawPerson {
  /** SHA-256 of each identifier; none where the record cannot be read or has none. */
  readonly hashes: ReadonlyArray<string>
  /** The earlier of the record's time and its event's, in milliseconds since the epoch. */
  readonly at: number
}

/** The person of a raw record, by the normalizer's reader and rules: what it would not find could not be erased. */
export const personOf =
  (defaultCountries: ReadonlyArray<string>, recordBytesMax: number) =>
  (
    { value, timestamp }: Pick<Inbound, "value" | "timestamp">,
    codecs: Pick<Codecs["Service"], "decode">
  ): RawPerson => {
    const read = readRecord(value, (bytes) => codecs.decode("raw-event", bytes), recordBytesMax)
    if (read._tag === "Problem" || read.raw.user === null) return { hashes: none, at: timestamp }
    const { event_time: eventTime, user } = read.raw
    const context = { defaultCountries, eventTime, sealRecipient: null, drop: ignored }
    return { hashes: personHashes(normalizeUser(user, context)), at: earlierOf(eventTime, timestamp) }
  }

/** An event's time that could not be read is no number. */
const earlierOf = (eventTime: number, timestamp: number): number =>
  Number.isNaN(eventTime) ? timestamp : Math.min(eventTime, timestamp)

const none: ReadonlyArray<string> = []
const ignored = (): void => undefined
