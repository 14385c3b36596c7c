/** Loads the schemas that raw records were written with, and bounds how long a registry that does not answer holds them up. */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { Codecs, type RegistryError, type Undecodable } from "../../shared/codec/codecs.ts"
import type { Batch } from "../../shared/runtime/contract.ts"

/** The codecs that decode a batch's Avro records. */
export type LoadSchemas = (batch: Pick<Batch, "records">) => Effect.Effect<Codecs["Service"], RegistryError, Codecs>

/**
 * Fails, so that the partition is retried, until the registry has not answered for `timeout`. From then on it gives codecs without
 * a registry, and asks again every 30 seconds. All partitions of a process share it, since they share the registry.
 */
export const makeLoadSchemas = (timeout: Duration.Duration): LoadSchemas => {
  let failingSince: number | null = null
  let askAgainAt = 0
  return Effect.fnUntraced(function* ({ records }) {
    const codecs = yield* Codecs
    const startedAt = yield* Clock.currentTimeMillis
    if (startedAt < askAgainAt) return withoutRegistry(codecs)
    // JSON has no schema.
    return yield* codecs.loadSchemas(records.map(({ value }) => (value?.[0] === 0 ? value : null))).pipe(
      Effect.map(() => {
        failingSince = null
        return codecs
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
            return withoutRegistry(codecs)
          })
      )
    )
  })
}

/** Codecs that report an unknown schema as one that could not be fetched. */
const withoutRegistry = (codecs: Codecs["Service"]): Codecs["Service"] => ({
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
