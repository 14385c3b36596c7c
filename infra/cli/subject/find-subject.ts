/** What the topics hold about a person: every record that carries one of the person's keyed ids. Reads all of them, and changes nothing. */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import { readRecord } from "../../../processors/normalizer/read/read-record.ts"
import { PersonSecrets } from "../../../processors/normalizer/sealing/person-secrets.ts"
import { personOf } from "../../../processors/normalizer/sealing/sealer.ts"
import { Codecs } from "../../../shared/codec/codecs.ts"
import { environment, loadFileSettings } from "../../../shared/config/settings.ts"
import { defaultCountriesOf } from "../../../shared/connections/connection.ts"
import { loadConnections } from "../../../shared/connectors/load-connections.ts"
import { type IdentityKey, splitPersonIds } from "../../../shared/credentials/identity-key.ts"
import { openEvent, sealedIdsOf } from "../../../shared/credentials/sealed-event.ts"
import type { FetchedRecord } from "../../../shared/kafka/client.ts"
import { readTopic } from "../../../shared/kafka/read-topic.ts"
import { platforms } from "../../../shared/model/platform.ts"
import { topicNames } from "../../../shared/model/topics.ts"
import { originalOpener, scanDeadLetters } from "../../../shared/redrive/dead-letter-entries.ts"
import { count } from "../output.ts"

/** A record about the person; `record` is null where its secret is destroyed. */
export interface Finding {
  readonly topic: string
  readonly partition: number
  readonly offset: number
  /** Kafka's, in milliseconds since the epoch. */
  readonly timestamp: number
  readonly record: unknown
  /** Keyed ids of the record, the person's own among them. */
  readonly ids: ReadonlyArray<string>
}

const bytesMax = 16 * 1_048_576
const beginning = { _tag: "Beginning" } as const

/**
 * Calls back with each record that has one of the ids. The results of the events come last, found by their event ids.
 *
 * @param ids keyed ids of the person
 * @returns what could not be looked into
 */
export const findSubject = Effect.fnUntraced(function* <E, R>(
  identity: IdentityKey,
  ids: ReadonlySet<string>,
  onFound: (finding: Finding) => Effect.Effect<void, E, R>
) {
  const codecs = yield* Codecs
  const rawPersonOf = personOf(yield* defaultCountries, bytesMax)
  const secrets = yield* readSecrets
  const eventIds = new Set<string>()
  const isMine = (found: ReadonlyArray<string>) => found.some((id) => ids.has(id))
  const rawOf = (value: Buffer | null): unknown => {
    const read = readRecord(value, (bytes) => codecs.decode("raw-event", bytes), bytesMax)
    return read._tag === "Read" ? read.raw : null
  }
  const idsOfRaw = (value: Buffer | null) =>
    splitPersonIds(identity.idTextOf(rawPersonOf({ value, timestamp: 0 }, codecs).hashes) ?? "")
  /** A raw record, in clear or sealed. */
  const raw = (
    partition: number,
    value: Buffer | null
  ): { readonly ids: ReadonlyArray<string>; readonly open: () => unknown } => {
    const sealedIds = sealedIdsOf(value)
    if (sealedIds === null || value === null) return { ids: idsOfRaw(value), open: () => rawOf(value) }
    return {
      ids: splitPersonIds(sealedIds.toString("base64url")),
      open: () => {
        const found = secrets.get(partition)?.secretsOf(sealedIds) ?? null
        if (found === null) return null
        return Result.match(openEvent(identity, value, found), {
          onSuccess: (original) => rawOf(original.value),
          onFailure: () => null
        })
      }
    }
  }
  const later = (schema: "normalized-event" | "mapped-event", value: Buffer | null) => {
    const decoded = codecs.decode(schema, value)
    return decoded._tag === "Decoded" ? decoded.value : null
  }
  const report = (
    topic: string,
    { partition, offset, timestamp }: Place,
    found: ReadonlyArray<string>,
    record: unknown
  ) => {
    const id = (record as { readonly event_id?: unknown } | null)?.event_id
    if (typeof id === "string") eventIds.add(id)
    return onFound({ topic, partition, offset, timestamp, record, ids: found })
  }
  const eachOf = (topic: string, use: (record: FetchedRecord) => Effect.Effect<void, E, R>) =>
    readTopic({
      topic,
      from: beginning,
      follow: false,
      releases: true,
      onRecords: Effect.fnUntraced(function* (records: ReadonlyArray<FetchedRecord>) {
        yield* codecs.loadSchemas(records.map(({ value }) => value))
        for (const record of records) yield* use(record)
      })
    })

  for (const topic of [topicNames.raw, topicNames.sealed])
    yield* eachOf(topic, (record) => {
      const found = raw(record.partition, record.value)
      return isMine(found.ids) ? report(topic, record, found.ids, found.open()) : Effect.void
    })
  const events = [topicNames.normalized, ...platforms.flatMap((one) => [topicNames.mapped(one), topicNames.retry(one)])]
  for (const topic of events)
    yield* eachOf(topic, (record) => {
      const event = later(topic === topicNames.normalized ? "normalized-event" : "mapped-event", record.value)
      const found = splitPersonIds(event?.person_ids ?? "")
      return isMine(found) ? report(topic, record, found, event) : Effect.void
    })
  const open = yield* originalOpener
  let unopened: Unopened | null = null
  yield* scanDeadLetters(beginning, (entries) =>
    Effect.gen(function* () {
      for (const { id, deadLetter } of entries) {
        const original = open(deadLetter)
        if (Result.isFailure(original)) {
          unopened = { deadLetters: (unopened?.deadLetters ?? 0) + 1, error: original.failure }
          continue
        }
        const { value } = original.success
        const isRaw = deadLetter.stage === "normalizer"
        const event = isRaw ? null : later(deadLetter.stage === "mapper" ? "normalized-event" : "mapped-event", value)
        const ofRaw = isRaw ? raw(deadLetter.source_partition, value) : null
        const found = ofRaw?.ids ?? splitPersonIds(event?.person_ids ?? "")
        if (!isMine(found)) continue
        const [partition = 0, offset = 0] = id.split(":").map(Number)
        const place = { partition, offset, timestamp: deadLetter.timestamp }
        yield* report(topicNames.deadLetters, place, found, {
          ...deadLetter,
          original_key: null,
          original: ofRaw === null ? event : ofRaw.open()
        })
      }
    })
  )
  yield* eachOf(topicNames.results, (record) => {
    const decoded = codecs.decode("event-delivery-log", record.value)
    if (decoded._tag !== "Decoded" || !eventIds.has(decoded.value.event_id)) return Effect.void
    return report(topicNames.results, record, [], decoded.value)
  })
  return unopened as Unopened | null
})

/** Dead letters that no key at hand opens: whether they are about the person is not known. */
export interface Unopened {
  readonly deadLetters: number
  /** Of the last one. */
  readonly error: { readonly message: string; readonly nextStep: string }
}

/** For people. */
export const unopenedText = ({ deadLetters, error }: Unopened): string =>
  `${count(deadLetters, "dead letter")} could not be looked into: ${error.message}`

type Place = Pick<Finding, "partition" | "offset" | "timestamp">

/** Those of the hashes under which `consent-changes` holds something. */
export const hashesWithChanges = Effect.fnUntraced(function* (hashes: ReadonlyArray<string>) {
  const found = new Set<string>()
  yield* readTopic({
    topic: topicNames.consentChanges,
    from: beginning,
    follow: false,
    onRecords: (records) => {
      for (const { key, value } of records) {
        const hash = String(key).toLowerCase()
        if (!hashes.includes(hash)) continue
        if (value === null) found.delete(String(key))
        else found.add(String(key))
      }
    }
  })
  return found
})

/** How many secrets of the ids there still are. */
export const countSecrets = Effect.fnUntraced(function* (ids: ReadonlySet<string>) {
  let secrets = 0
  for (const ofPartition of (yield* readSecrets).values()) for (const id of ids) if (ofPartition.hasText(id)) secrets++
  return secrets
})

const readSecrets = Effect.gen(function* () {
  const secrets = new Map<number, PersonSecrets>()
  yield* readTopic({
    topic: topicNames.personKeys,
    from: beginning,
    follow: false,
    onRecords: (records) => {
      for (const record of records) {
        const ofPartition = secrets.get(record.partition) ?? new PersonSecrets()
        secrets.set(record.partition, ofPartition)
        ofPartition.restore(record)
      }
    }
  })
  return secrets
})

/** Those of the connections: a national number in an event is read as the normalizer reads it. */
export const defaultCountries = Effect.gen(function* () {
  const { connectionsFile } = yield* loadFileSettings
  const { connections } = yield* loadConnections(connectionsFile, environment())
  return defaultCountriesOf(connections)
}).pipe(Effect.orElseSucceed((): ReadonlyArray<string> => []))
