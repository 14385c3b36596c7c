/** Codecs over a schema registry: our schemas are registered at start, writers' schemas are fetched when they first appear. */
import type avro from "avsc"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schedule from "effect/Schedule"
import { makeDecoder, makeEncoder } from "./avro-codec.ts"
import { Codecs, type RegistryError, type SchemaName, schemaIdOf } from "./codecs.ts"
import { makeRegistryClient, type RegistryAddress, type RegistryClient } from "./registry-client.ts"
import { schemaJson, topicSchemas } from "./schemas.ts"

export interface RegistryOptions extends RegistryAddress {
  /** Prefix of topics; a topic's subject is `<prefix><topic>-value`. */
  readonly prefix: string
  /** How long a start waits for a registry that does not answer. Default 30 seconds. */
  readonly startupTimeout?: Duration.Duration
}

/** An id that the registry does not know may be registered at any time: it is looked up again after this. */
const unknownFor = Duration.seconds(30)
const unknownIdsMax = 10_000
const requestsAtOnceMax = 4

/** The subject of a topic's values. */
export const subjectOf = (prefix: string, topic: string): string => `${prefix}${topic}-value`

/**
 * Codecs whose schemas live in the registry. Building the layer registers our schemas (FULL_TRANSITIVE) where they are not
 * registered yet; it fails with `unreachable` or `incompatible`. Known ids go on working while the registry is down.
 */
export const registryLayer = (options: RegistryOptions): Layer.Layer<Codecs, RegistryError> =>
  Layer.effect(
    Codecs,
    Effect.gen(function* () {
      const client = makeRegistryClient(options)
      const ids = yield* registerAll(client, options)
      const writers = new Map<number, avro.Type | "unsupported">()
      const encode = makeEncoder()
      return Codecs.of({
        loadSchemas: schemaLoader(client, writers),
        decode: makeDecoder(writers),
        encode: (_topic, schema, record) => encode(schema, ids.idOf(schema), record),
        encodePooled: encode.pooled
      })
    })
  )

interface OurIds {
  readonly idOf: (schema: SchemaName) => number
}

// A registry gives the same schema the same id under every subject, so one subject for each schema is enough.
const registerAll = (client: RegistryClient, options: RegistryOptions): Effect.Effect<OurIds, RegistryError> =>
  Effect.gen(function* () {
    const topicOf = new Map(topicSchemas.map(({ topic, schema }) => [schema, topic] as const).reverse())
    const entries = yield* Effect.forEach(
      topicOf,
      ([schema, topic]) =>
        Effect.map(
          client.register(subjectOf(options.prefix, topic), schemaJson[schema]),
          ({ id }) => [schema, id] as const
        ),
      { concurrency: requestsAtOnceMax }
    )
    const ids = new Map(entries)
    return { idOf: (schema: SchemaName) => ids.get(schema)! }
  }).pipe(Effect.retry({ schedule: startupRetries(options), while: (error) => error.code === "unreachable" }))

const startupRetries = (options: RegistryOptions) =>
  Schedule.spaced("1 second").pipe(Schedule.upTo({ duration: options.startupTimeout ?? Duration.seconds(30) }))

const schemaLoader = (
  client: RegistryClient,
  writers: Map<number, avro.Type | "unsupported">
): Codecs["Service"]["loadSchemas"] => {
  const unknownUntil = new Map<number, number>()
  const fetchWriter = Effect.fnUntraced(function* (id: number, now: number) {
    const schema = yield* client.writerSchema(id)
    if (schema !== null) {
      writers.set(id, schema)
      unknownUntil.delete(id)
      return
    }
    if (unknownUntil.size >= unknownIdsMax) unknownUntil.clear()
    unknownUntil.set(id, now + Duration.toMillis(unknownFor))
  })
  return (values) => {
    const missing = missingIds(values, writers)
    if (missing === null) return Effect.void
    return Effect.flatMap(Clock.currentTimeMillis, (now) =>
      Effect.forEach(
        [...missing].filter((id) => (unknownUntil.get(id) ?? 0) <= now),
        (id) => fetchWriter(id, now),
        { concurrency: requestsAtOnceMax, discard: true }
      )
    )
  }
}

// Runs for each batch: allocates nothing if all schemas are known.
const missingIds = (
  values: ReadonlyArray<Buffer | null>,
  writers: ReadonlyMap<number, unknown>
): ReadonlySet<number> | null => {
  let missing: Set<number> | null = null
  let last: number | null = null
  for (const value of values) {
    const id = schemaIdOf(value)
    if (id === null || id === last || writers.has(id)) continue
    last = id
    missing ??= new Set()
    missing.add(id)
  }
  return missing
}
