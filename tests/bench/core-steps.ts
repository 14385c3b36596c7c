/** What a step of the normalizer and of the mapper does to a batch of records, without Kafka: decode, decide, encode. */
import * as Duration from "effect/Duration"
import * as Redacted from "effect/Redacted"
import { decide as decideMapper } from "../../processors/mapper/decide.ts"
import { DuplicateFilter } from "../../processors/mapper/dedup/duplicate-filter.ts"
import { decide as decideNormalizer } from "../../processors/normalizer/decide.ts"
import { defaultNormalizerOptions } from "../../processors/normalizer/normalize/normalize.ts"
import type { Codecs } from "../../shared/codec/codecs.ts"
import { builtinConnection } from "../../shared/connectors/load-connections.ts"
import { connectorFor } from "../../shared/connectors/registry.ts"
import { makeIdentityKey } from "../../shared/credentials/identity-key.ts"
import { makeSealer } from "../../shared/credentials/sealer.ts"
import { noSuppressions } from "../../shared/suppression/suppressions.ts"
import { batchOf, type RecordInput } from "../../shared/testing/run-batches.ts"

/** A step; throws unless all records are written for what they are made for. */
export type Step = (values: ReadonlyArray<Buffer>) => void

/** With the ids of persons. */
export const normalizerStep = (codecs: Codecs["Service"], now: number): Step => {
  const config = {
    options: { ...defaultNormalizerOptions, defaultCountries: ["US"] },
    deadLetters: makeSealer(Redacted.make("a key of the benchmark alone")),
    recordBytesMax: 1_000_000,
    schemaTimeout: Duration.minutes(1),
    personIdsOf: makeIdentityKey(Buffer.alloc(32, 1)).idTextsOf
  }
  return (values) => {
    const batch = batchOf("raw-events", records(values, now))
    const { value, release } = codecs.encodePooled(() => decideNormalizer(batch, config, codecs, now))
    release()
    if (value.normalized !== values.length)
      throw new Error(`Of ${values.length} events ${value.normalized} are normalized.`)
  }
}

/** For one connection of Meta; each event is remembered. */
export const mapperStep = (codecs: Codecs["Service"], now: number): Step => {
  const connection = builtinConnection("meta")
  const context = {
    targets: [{ connection, connector: connectorFor("meta") }],
    codecs,
    duplicates: new DuplicateFilter(
      { window: Duration.hours(1), idsMax: 300_000 },
      { topic: "normalized-events", partition: 0 }
    ),
    sealer: makeSealer(Redacted.make("a key of the benchmark alone")),
    suppressions: noSuppressions,
    now
  }
  return (values) => {
    const batch = batchOf("normalized-events", records(values, now))
    const { value, release } = codecs.encodePooled(() => decideMapper(batch, context))
    context.duplicates.drain()
    release()
    if (value.outputs.length !== values.length)
      throw new Error(`Of ${values.length} events ${value.outputs.length} are mapped.`)
  }
}

const records = (values: ReadonlyArray<Buffer>, now: number): ReadonlyArray<RecordInput> =>
  values.map((value) => ({ value, timestamp: now }))
