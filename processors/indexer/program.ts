/** The indexer as a program: the file of the index, the reader that fills it, and the server that answers from it. */
import { existsSync, mkdirSync, rmSync } from "node:fs"
import path from "node:path"
import * as Config from "effect/Config"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Redacted from "effect/Redacted"
import * as Schedule from "effect/Schedule"
import { optional, text, textOr } from "../../shared/config/setting.ts"
import { decodeSettings, portOrFree, SettingsError, SettingsService } from "../../shared/config/settings.ts"
import { readIdentityKey } from "../../shared/credentials/identity-key-topic.ts"
import { Sealer, sealerLayer } from "../../shared/credentials/sealer.ts"
import { Readiness } from "../../shared/runtime/health.ts"
import type { Program } from "../../shared/runtime/program.ts"
import { beginning, followTopics, IndexError } from "./follower.ts"
import { IndexStore } from "./index-store.ts"
import { isLoopback, serveLookups } from "./server.ts"
import { makeTermHasher } from "./terms.ts"

export const indexerProgram: Program = {
  name: "indexer",
  work: Effect.gen(function* () {
    const { topicPrefix, health } = yield* SettingsService
    const given = yield* decodeSettings(indexerSettings)
    const settings = { ...given, host: given.host ?? (given.token === null ? "127.0.0.1" : health.host) }
    yield* checkIndexer(settings)
    const hasher = makeTermHasher(yield* awaitIdentityKey)
    const retentionMillis = Duration.toMillis(settings.retention)
    const store = yield* openStore(settings.file, `${hasher.keyName} ${topicPrefix}`, retentionMillis)
    const progress = beginning()
    const { host, port, token, retention } = settings
    yield* serveLookups({ host, port, token, store, hasher, progress, retentionMillis })
    return yield* followTopics({ store, hasher, group: "indexer", retention, pollEvery }, progress)
  }).pipe(Effect.provide(sealerLayer))
}

/** Each look is a request for each topic, so not often; a lookup is a reason to look at once. */
const pollEvery = Duration.seconds(15)

const indexerSettings = Config.all({
  file: textOr("CAPI_INDEXER_FILE"),
  retention: Config.Duration("CAPI_INDEXER_RETENTION").pipe(Config.withDefault(Duration.days(7))),
  host: optional(text("CAPI_INDEXER_HOST")),
  port: portOrFree("CAPI_INDEXER_PORT"),
  token: optional(Config.Redacted("CAPI_INDEXER_TOKEN"))
})

/** With what holds hashes of a person longer, an erasure would not be complete within a month (docs/erasure.md). */
const retentionMax = Duration.days(26)

interface Checked {
  readonly host: string
  readonly token: Redacted.Redacted | null
  readonly retention: Duration.Duration
}

/** What would hold hashes for too long, or serve them to whoever reaches the port, is refused. */
export const checkIndexer = Effect.fnUntraced(function* ({ host, token, retention }: Checked) {
  if (Duration.isGreaterThan(retention, retentionMax))
    return yield* invalid(
      "CAPI_INDEXER_RETENTION is longer than 26 days, and an erasure is to be complete within 27.",
      "Set it to 26 days or less."
    )
  if (Duration.isLessThan(retention, Duration.hours(1)))
    return yield* invalid("CAPI_INDEXER_RETENTION is shorter than an hour.", "Set it to 1 hour or more.")
  if (token === null && !isLoopback(host))
    return yield* invalid(
      `CAPI_INDEXER_HOST is ${host}, which other machines reach, and no CAPI_INDEXER_TOKEN is set.`,
      "Set CAPI_INDEXER_TOKEN to a long random text, for the indexer and for who asks it, or CAPI_INDEXER_HOST to 127.0.0.1."
    )
})

const invalid = (message: string, nextStep: string) =>
  new SettingsError({ code: "invalid", message, nextStep, cause: null })

/** The normalizer makes it at its first start. */
const awaitIdentityKey = Effect.gen(function* () {
  const readiness = yield* Readiness
  const sealer = yield* Sealer
  const found = yield* readIdentityKey(sealer).pipe(
    Effect.flatMap((identity) =>
      identity === null
        ? Effect.andThen(
            readiness.set("identity-key", false, "The normalizer, which makes the key of keyed ids, has not run yet."),
            Effect.fail("missing" as const)
          )
        : Effect.succeed(identity)
    ),
    Effect.retry({ schedule: Schedule.spaced("1 second"), while: (error) => error === "missing" }),
    Effect.catchIf(
      (error) => error === "missing",
      () => Effect.never
    )
  )
  yield* readiness.remove("identity-key")
  return found
})

/** Opens the file until the scope closes, or says what is wrong with it. */
export const openStore = (file: string, owner: string, retentionMillis: number) =>
  Effect.acquireRelease(
    Effect.try({
      try: () => {
        mkdirSync(path.dirname(file), { recursive: true })
        // Of a file that was deleted: SQLite would take its journal for the new one's.
        if (!existsSync(file)) for (const suffix of ["-wal", "-shm"]) rmSync(file + suffix, { force: true })
        return new IndexStore({ file, owner, retentionMillis })
      },
      catch: (cause) =>
        new IndexError({
          code: "index_file",
          message: `The file of the index ${file} cannot be opened (${cause instanceof Error ? cause.message : String(cause)}).`,
          nextStep: isLocked(cause)
            ? "Another indexer has it: end that one, or name another file in CAPI_INDEXER_FILE."
            : "Check CAPI_INDEXER_FILE and its folder. A file that is damaged may be deleted: it is built again.",
          cause
        })
    }),
    (store) => Effect.sync(() => store.close())
  )

/** SQLITE_BUSY. */
const isLocked = (cause: unknown): boolean => cause instanceof Error && "errcode" in cause && cause.errcode === 5
