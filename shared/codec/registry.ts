/** Codecs over a schema registry: our schemas are registered at start, writers' schemas are fetched when they first appear. */
import * as Cause from "effect/Cause"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Schedule from "effect/Schedule"
import { monotonicMillis } from "../model/monotonic.ts"
import { makeDecoder, makeEncoder, WriterSchemas } from "./avro-codec.ts"
import { Codecs, RegistryError, type SchemaName, schemaIdOf } from "./codecs.ts"
import { makeRegistryClient, type RegistryAddress, type RegistryClient } from "./registry-client.ts"
import { schemaJson, topicSchemas } from "./schemas.ts"

export interface RegistryOptions extends RegistryAddress {
  /** Prefix of topics; a topic's subject is `<prefix><topic>-value`. */
  readonly prefix: string
  /** How long a start waits for a registry that does not answer. Default 30 seconds. */
  readonly startupTimeout?: Duration.Duration
}

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
      const writers = new WriterSchemas()
      const encode = makeEncoder()
      return Codecs.of({
        loadSchemas: schemaLoader(client, writers, ids),
        decode: makeDecoder(writers),
        encode: (_topic, schema, record) => encode(schema, ids.idOf(schema), record),
        encodePooled: encode.pooled
      })
    })
  )

interface OurIds extends KnownIds {
  readonly idOf: (schema: SchemaName) => number
}

/** Ids that the registry must let this program read: those of the schemas that it registered itself. */
export interface KnownIds {
  readonly has: (id: number) => boolean
  /** The one of them that says whether anything may be read: that of raw events, since producers bring new schemas for these. */
  readonly sample: number
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
    const ours = new Set(ids.values())
    return {
      idOf: (schema: SchemaName) => ids.get(schema)!,
      has: (id: number) => ours.has(id),
      sample: ids.get("raw-event")!
    }
  }).pipe(Effect.retry({ schedule: startupRetries(options), while: (error) => error.code === "unreachable" }))

const startupRetries = (options: RegistryOptions) =>
  Schedule.spaced("1 second").pipe(Schedule.upTo({ duration: options.startupTimeout ?? Duration.seconds(30) }))

/**
 * Fetches the schemas of ids that are not known yet, within a budget: whoever writes records with invented ids has the registry asked for
 * no more than `missesPerBatchMax` of them a batch and `missesPerMinuteMax` a minute. A schema that is found costs nothing of it.
 * Fails where the registry does not give a schema of `ours` either, as to a user who has lost its rights: some registries answer 403
 * then, some that there is no such schema. What it says of other ids means nothing then, and their records wait.
 *
 * @param ours null for a program that registers nothing: then an id is not known where the registry does not give it
 */
export const schemaLoader = (
  client: Pick<RegistryClient, "writerSchema">,
  writers: WriterSchemas,
  ours: KnownIds | null
): Codecs["Service"]["loadSchemas"] => {
  const unknown = new UnknownIds()
  const mayRead = (id: number) =>
    ours === null
      ? Effect.succeed(true)
      : ours.has(id)
        ? Effect.succeed(false)
        : Effect.map(client.writerSchema(ours.sample), (schema) => schema !== null)
  const fetchWriter = Effect.fnUntraced(function* (id: number, now: number) {
    const schema = yield* client.writerSchema(id)
    if (schema === null && !(yield* mayRead(id))) return yield* nothingReadable(id)
    // Without room it is asked for again later, as one that is not known: its records are dead letters meanwhile.
    if (schema === null || !writers.add(id, schema)) unknown.add(id, now)
    else unknown.delete(id)
  })
  /** By id. The client makes a schema for each who asks while it is on its way, and hundreds of connections ask together at the start. */
  const underWay = new Map<number, Deferred.Deferred<"fetched" | "interrupted", RegistryError>>()
  const fetchOnce = (id: number, now: number): Effect.Effect<void, RegistryError> =>
    Effect.suspend(() => {
      const other = underWay.get(id)
      if (other !== undefined)
        return Effect.flatMap(Deferred.await(other), (end) => (end === "fetched" ? Effect.void : fetchOnce(id, now)))
      const end = Deferred.makeUnsafe<"fetched" | "interrupted", RegistryError>()
      underWay.set(id, end)
      return Effect.onExit(fetchWriter(id, now), (exit) =>
        Effect.sync(() => {
          underWay.delete(id)
          if (Exit.isSuccess(exit)) Deferred.doneUnsafe(end, Exit.succeed("fetched"))
          else
            Deferred.doneUnsafe(
              end,
              Cause.hasInterruptsOnly(exit.cause) ? Exit.succeed("interrupted") : Exit.failCause(exit.cause)
            )
        })
      )
    })
  return (values) => {
    const missing = missingIds(values, writers)
    if (missing === null) return Effect.void
    return Effect.gen(function* () {
      const now = yield* monotonicMillis
      const wanted = unknown.dueOf(missing, now)
      const missesMax = unknown.missesMax(now)
      const before = unknown.misses
      // A few at a time, so that the misses of those before count for those after.
      for (let next = 0; next < wanted.length; ) {
        const left = missesMax - (unknown.misses - before)
        if (left <= 0) return
        const some = wanted.slice(next, next + Math.min(requestsAtOnceMax, left))
        next += some.length
        yield* Effect.forEach(some, (id) => fetchOnce(id, now), { concurrency: requestsAtOnceMax, discard: true })
      }
    })
  }
}

const nothingReadable = (id: number): RegistryError =>
  new RegistryError({
    code: "other",
    message: `The schema registry does not give this program the schemas any more that it registered itself, so that schema ${id} may be there and is not seen.`,
    nextStep:
      "Let its user (SCHEMA_REGISTRY_USERNAME) read the subjects again; where the registry has lost its schemas, restart the programs, which register theirs.",
    cause: null
  })

/** Ids that the registry does not know: when each may be asked for again, and how many were asked for in vain. */
class UnknownIds {
  /** The oldest first. */
  readonly #ids = new Map<number, { readonly until: number; readonly forMillis: number }>()
  #minute = 0
  #missesOfMinute = 0
  misses = 0

  /** An id may be registered at any time. Each time that it is not, it rests twice as long. */
  add(id: number, now: number): void {
    const before = this.#ids.get(id)?.forMillis ?? 0
    const forMillis = Math.min(unknownMillisMax, Math.max(unknownMillisMin, 2 * before))
    this.#ids.delete(id)
    this.#ids.set(id, { until: now + forMillis, forMillis })
    if (this.#ids.size > unknownIdsMax) this.#ids.delete(this.#ids.keys().next().value!)
    this.misses++
    this.#missesOfMinute++
  }

  delete(id: number): void {
    this.#ids.delete(id)
  }

  /** Those to ask for now; the ones of most records first, so that a schema in use is not behind invented ids. */
  dueOf(counts: ReadonlyMap<number, number>, now: number): ReadonlyArray<number> {
    return [...counts]
      .filter(([id]) => (this.#ids.get(id)?.until ?? 0) <= now)
      .sort(([, left], [, right]) => right - left)
      .map(([id]) => id)
  }

  /** How many of a batch may be asked for in vain; one at least, so that no schema waits for ever. */
  missesMax(now: number): number {
    const minute = Math.floor(now / 60_000)
    if (minute !== this.#minute) {
      this.#minute = minute
      this.#missesOfMinute = 0
    }
    return Math.max(1, Math.min(missesPerBatchMax, missesPerMinuteMax - this.#missesOfMinute))
  }
}

const missesPerBatchMax = 16
const missesPerMinuteMax = 120
const unknownMillisMin = 30_000
const unknownMillisMax = 3_600_000
const unknownIdsMax = 100_000

// Runs for each batch: allocates nothing if all schemas are known. The number of records by id.
const missingIds = (
  values: ReadonlyArray<Buffer | null>,
  writers: WriterSchemas
): ReadonlyMap<number, number> | null => {
  let missing: Map<number, number> | null = null
  let known = -1
  writers.begin()
  for (const value of values) {
    const id = schemaIdOf(value)
    // Most batches have one schema.
    if (id === null || id === known) continue
    if (writers.use(id)) {
      known = id
      continue
    }
    missing ??= new Map()
    missing.set(id, (missing.get(id) ?? 0) + 1)
  }
  return missing
}
