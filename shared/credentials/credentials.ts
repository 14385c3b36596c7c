/** Credentials by reference: the one way in which a program gets a secret. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import { environment, type FileSettings, SettingsService } from "../config/settings.ts"
import { CurrentKnownSecrets } from "../telemetry/redaction.ts"
import {
  type CredentialFields,
  type CredentialReference,
  CredentialsError,
  parseReference,
  readSecret,
  referenceForms,
  type Secret,
  storeName
} from "./credential.ts"
import { KeyRing } from "./key-ring.ts"
import { readMasterKeys } from "./master-key.ts"
import { readSource, type SourceSettings } from "./sources.ts"
import { nextStepToSet } from "./step-to-set.ts"
import { type CredentialStore, makeStore, type Rekeyed, type StoredCredential } from "./store.ts"

export class Credentials extends Context.Service<
  Credentials,
  {
    /**
     * The fields of a credential. Reads the store each time, so that a credential set meanwhile is found.
     * What it returns is hidden from every later log line.
     */
    readonly resolve: (reference: string, shape: CredentialFields) => Effect.Effect<Secret, CredentialsError>
    /** Whether a reference leads to something; its value is not opened. */
    readonly exists: (reference: string) => Effect.Effect<boolean, CredentialsError>
    /** When the credential was set, in milliseconds since the epoch; null where no store says so. */
    readonly storedAt: (reference: string) => Effect.Effect<number | null, CredentialsError>
    /** Entries of the store: names, fields and times, never values. */
    readonly list: Effect.Effect<ReadonlyArray<StoredCredential>, CredentialsError>
    readonly set: (name: string, value: Redacted.Redacted) => Effect.Effect<StoredCredential, CredentialsError>
    readonly remove: (name: string) => Effect.Effect<boolean, CredentialsError>
    /** Encrypts the store again under the current master key; null where there is no store. */
    readonly rekey: Effect.Effect<Rekeyed | null, CredentialsError>
  }
>()("shared/credentials/Credentials") {
  /** Credentials by the shared settings: `CAPI_CREDENTIALS_FILE`, `CAPI_MASTER_KEY` and the environment. */
  static readonly layer: Layer.Layer<Credentials, never, SettingsService | KeyRing> = Layer.effect(
    Credentials,
    Effect.gen(function* () {
      const settings = yield* SettingsService
      const store = yield* makeStore(settings.credentialsFile, (yield* KeyRing).now)
      return yield* makeCredentials(store, environment(), settings)
    })
  )
}

/** Credentials of the process's environment and of the store that the settings name. */
export const credentialsOf = Effect.fnUntraced(function* (settings: FileSettings) {
  const keys = yield* readMasterKeys(settings)
  const store = yield* makeStore(settings.credentialsFile, () => keys)
  return yield* makeCredentials(store, environment(), settings)
})

/** Credentials over a store and environment variables. */
export const makeCredentials = Effect.fnUntraced(function* (
  store: CredentialStore,
  variables: Readonly<Record<string, string | undefined>>,
  sources: SourceSettings = { vault: null }
) {
  const known = yield* CurrentKnownSecrets
  /** What each source outside of this program held last. */
  const last = new Map<string, Redacted.Redacted>()

  // A source that is away changes nothing: the platform says whether what it held before is still right.
  const fromSource = (reference: string, parsed: CredentialReference) =>
    readSource(parsed, sources).pipe(
      Effect.tap((text) =>
        Effect.sync(() => {
          if (text === null) last.delete(reference)
          else last.set(reference, text)
        })
      ),
      Effect.catch((error) => {
        const held = last.get(reference)
        if (held === undefined || error.code !== "source_unreachable") return Effect.fail(error)
        return Effect.as(
          Effect.logWarning("A secret could not be read again; what it was before stays in use.").pipe(
            Effect.annotateLogs({ credential: reference, reason: error.message, nextStep: error.nextStep })
          ),
          held
        )
      })
    )

  const find = Effect.fnUntraced(function* (reference: string) {
    const parsed = parseReference(reference)
    if (parsed === null) return yield* invalidReference(reference)
    if (parsed.source === "store") return yield* store.get(parsed.name)
    if (parsed.source !== "env") return yield* fromSource(reference, parsed)
    const value = Object.hasOwn(variables, parsed.name) ? variables[parsed.name] : undefined
    return value === undefined || value.trim() === "" ? null : Redacted.make(value)
  })

  return Credentials.of({
    resolve: Effect.fnUntraced(function* (reference, shape) {
      const text = yield* find(reference)
      if (text === null) return yield* notFound(reference)
      const secret = yield* Effect.fromResult(readSecret(reference, text, shape)).pipe(
        Effect.tapError(() => Effect.sync(() => known.add(text)))
      )
      known.add(Redacted.make(Redacted.value(text).trim()))
      for (const value of Object.values(secret)) known.add(value)
      return secret
    }),
    exists: Effect.fnUntraced(function* (reference) {
      const parsed = parseReference(reference)
      if (parsed === null) return yield* invalidReference(reference)
      if (parsed.source !== "store") return (yield* find(reference)) !== null
      return (yield* store.list).some((entry) => entry.name === parsed.name)
    }),
    storedAt: (reference) => {
      const parsed = parseReference(reference)
      return parsed?.source === "store"
        ? Effect.map(store.list, (entries) => entries.find(({ name }) => name === parsed.name)?.updatedAt ?? null)
        : Effect.succeed(null)
    },
    list: store.list,
    set: (name, value) =>
      storeName.test(name)
        ? Effect.andThen(
            Effect.sync(() => known.add(value)),
            store.set(name, Redacted.make(Redacted.value(value).trim()))
          )
        : Effect.fail(
            new CredentialsError({
              code: "reference_invalid",
              message: `${JSON.stringify(name)} is not a name for a credential.`,
              nextStep: "Use A-Z, a-z, 0-9, dots, dashes and underscores, at most 100.",
              cause: null
            })
          ),
    remove: store.remove,
    rekey: store.rekey
  })
})

const invalidReference = (reference: string) =>
  new CredentialsError({
    code: "reference_invalid",
    // A person may have put the token itself where its reference belongs: it is not repeated.
    message: `The credential reference ${reference.length > 40 ? "(a long text)" : `of form ${shapeOf(reference)}`} is not one.`,
    nextStep: `Write ${referenceForms}.`,
    cause: null
  })

const shapeOf = (reference: string): string => {
  const prefix = /^[a-z]{2,8}(?=:)/.exec(reference)?.[0]
  return prefix === undefined ? "without a source" : `${prefix}:…`
}

const notFound = (reference: string) =>
  new CredentialsError({
    code: "not_found",
    message: `The credential ${reference} does not exist.`,
    nextStep: `${nextStepToSet(reference, "its value")} Or correct the reference in the file of connections.`,
    cause: null
  })
