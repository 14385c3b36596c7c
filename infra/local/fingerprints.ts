/**
 * A record in Kafka names its schema by id. If the registry's store is lost while the log is kept, ids are given again and old
 * records would be read with the wrong schema. So each id's meaning is noted beside the log and compared at start-up.
 */
import { hash } from "node:crypto"
import path from "node:path"
import * as Effect from "effect/Effect"
import { type LocalError, problem } from "./problem.ts"
import type { LocalSource } from "./source.ts"
import { readJson, writeJson } from "./state.ts"

type Fingerprints = Readonly<Record<string, string>>

// The log of Docker's volume and the one of the state folder have different ids.
const fileOf = (stateDirectory: string, source: LocalSource) =>
  path.join(stateDirectory, source === "docker" ? "schema-ids-docker.json" : "schema-ids.json")

/** Notes what every id of the registry means now. Call it after schemas were registered. */
export const recordSchemaIds = (
  stateDirectory: string,
  url: string,
  source: LocalSource
): Effect.Effect<void, LocalError> =>
  Effect.gen(function* () {
    const subjects = yield* get<ReadonlyArray<string>>(url, "/subjects")
    const found: Record<string, string> = {}
    for (const subject of subjects ?? []) {
      const name = encodeURIComponent(subject)
      for (const version of (yield* get<ReadonlyArray<number>>(url, `/subjects/${name}/versions`)) ?? []) {
        const entry = yield* get<{ readonly id: number; readonly schema: string }>(
          url,
          `/subjects/${name}/versions/${version}`
        )
        if (entry !== null) found[String(entry.id)] = fingerprint(entry.schema)
      }
    }
    yield* Effect.sync(() => {
      const known = readJson<Fingerprints>(fileOf(stateDirectory, source), {})
      writeJson(fileOf(stateDirectory, source), { ...known, ...found })
    })
  })

/** Fails with `schema_ids_changed` if a noted id is unknown to the registry now, or means another schema. */
export const checkSchemaIds = (
  stateDirectory: string,
  url: string,
  source: LocalSource
): Effect.Effect<void, LocalError> =>
  Effect.gen(function* () {
    const known = readJson<Fingerprints>(fileOf(stateDirectory, source), {})
    for (const [id, expected] of Object.entries(known)) {
      const entry = yield* get<{ readonly schema: string }>(url, `/schemas/ids/${id}`)
      if (entry !== null && fingerprint(entry.schema) === expected) continue
      return yield* problem(
        "schema_ids_changed",
        entry === null
          ? `Schema id ${id}, which records of the log name, is unknown to the registry: its store was lost.`
          : `Schema id ${id} means another schema than at the last start: the registry's store was lost, or is another's.`,
        "Bring the registry's store back, or run `make clean` to start with an empty log and an empty registry."
      )
    }
  })

/** The same for the same schema, however its JSON is spaced. */
const fingerprint = (schema: string): string => hash("sha256", JSON.stringify(JSON.parse(schema)), "hex")

// Null where the registry says 404.
const get = <A>(url: string, route: string): Effect.Effect<A | null, LocalError> =>
  Effect.tryPromise({
    try: async () => {
      const response = await fetch(`${url}${route}`, { signal: AbortSignal.timeout(10_000) })
      if (response.status === 404) return null
      if (!response.ok) throw new Error(`status ${response.status}`)
      return (await response.json()) as A
    },
    catch: (cause) =>
      problem(
        "registry_unreachable",
        `The schema registry does not answer (${route}).`,
        "Look at its log and start again.",
        cause
      )
  })
