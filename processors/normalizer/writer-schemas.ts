/** Fetches the schemas that raw records were written with, and bounds how long a registry that does not answer holds them up. */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type { Codecs, RegistryError, Undecodable } from "../../shared/codec/codecs.ts"

/** Prepares a batch's values; false if the registry does not answer, so that schemas may be missing. */
export type FetchSchemas = (
  codecs: Codecs["Service"],
  values: ReadonlyArray<Buffer | null>
) => Effect.Effect<boolean, RegistryError>

/**
 * Fails, so that the partition is tried again, until the registry has not answered for `timeout`; from then on it gives false and
 * asks again every 30 seconds. All partitions of a process share it, since they share the registry.
 */
export const makeFetchSchemas = (timeout: Duration.Duration): FetchSchemas => {
  let failingSince: number | null = null
  let askAgainAt = 0
  return Effect.fnUntraced(function* (codecs, values) {
    const startedAt = yield* Clock.currentTimeMillis
    if (startedAt < askAgainAt) return false
    return yield* codecs.loadSchemas(values).pipe(
      Effect.map(() => {
        failingSince = null
        return true
      }),
      Effect.catchIf(
        (error) => error.code === "unreachable",
        (error) =>
          Effect.gen(function* () {
            const now = yield* Clock.currentTimeMillis
            failingSince ??= startedAt
            if (now - failingSince < Duration.toMillis(timeout)) return yield* error
            askAgainAt = now + askAgainMillis
            yield* Effect.logError("Records with schemas that are not known yet become dead letters. " + error.message)
            return false
          })
      )
    )
  })
}

/** Codecs that say of a schema they do not know that it could not be asked for. */
export const withoutRegistry = (codecs: Codecs["Service"]): Codecs["Service"] => ({
  ...codecs,
  decode: (schema, value) => {
    const decoded = codecs.decode(schema, value)
    return decoded._tag === "Undecodable" && decoded.reason === "unknown_schema_id" ? unavailable : decoded
  }
})

const unavailable: Undecodable = {
  _tag: "Undecodable",
  reason: "schema_unavailable",
  message: "The record's schema is not known here, and the schema registry did not answer."
}

const askAgainMillis = 30_000
