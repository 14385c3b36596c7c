/** The encrypted credential store: reading, changing and writing it, whole and atomically. */
import { randomBytes, scrypt } from "node:crypto"
import { chmod, open, readFile, rename, rm } from "node:fs/promises"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Semaphore from "effect/Semaphore"
import { CredentialsError, masterKeyCharactersMin, readSecret } from "./credential.ts"
import { withLock } from "./file-lock.ts"
import {
  type Entry,
  keyFits,
  newStore,
  openEntry,
  parseStore,
  type StoreFile,
  scryptParameters,
  sealEntry
} from "./store-file.ts"

/** What may be shown of a stored credential. */
export interface StoredCredential {
  readonly name: string
  readonly fields: ReadonlyArray<string>
  /** Milliseconds since the epoch. */
  readonly updatedAt: number
}

export interface CredentialStore {
  /** Null where there is no such entry. */
  readonly get: (name: string) => Effect.Effect<Redacted.Redacted | null, CredentialsError>
  readonly list: Effect.Effect<ReadonlyArray<StoredCredential>, CredentialsError>
  readonly set: (name: string, value: Redacted.Redacted) => Effect.Effect<StoredCredential, CredentialsError>
  /** False where there was no such entry. */
  readonly remove: (name: string) => Effect.Effect<boolean, CredentialsError>
}

/** The store in `file`; it need not exist yet. Without a master key only `list` works. */
export const makeStore = (file: string, masterKey: Redacted.Redacted | null): Effect.Effect<CredentialStore> =>
  Effect.gen(function* () {
    const writing = yield* Semaphore.make(1)
    const keys = new Map<string, Buffer>()

    const keyOf = Effect.fnUntraced(function* (kdf: StoreFile["kdf"]) {
      const known = keys.get(kdf.salt)
      if (known !== undefined) return known
      const derived = yield* derive(yield* usableMasterKey(masterKey), kdf)
      keys.clear()
      keys.set(kdf.salt, derived)
      return derived
    })

    const unlock = Effect.fnUntraced(function* (store: StoreFile) {
      const key = yield* keyOf(store.kdf)
      return keyFits(store, key) ? key : yield* wrongKey(file)
    })

    const change = <A>(
      edit: (store: StoreFile, key: Buffer) => Effect.Effect<readonly [StoreFile, A], CredentialsError>
    ) =>
      withLock(
        file,
        Effect.fnUntraced(function* (lock) {
          const existing = yield* read(file)
          const store = existing ?? (yield* fresh(masterKey))
          const key = yield* unlock(store)
          const [changed, result] = yield* edit(store, key)
          if (changed === store) return result
          if (!(yield* lock.isHeld)) return yield* locked(file, null)
          yield* write(file, changed)
          return result
        })
      ).pipe(
        Effect.catchIf(
          (error) => error._tag === "LockFailure",
          ({ code, cause }) =>
            Effect.fail(
              code === "locked"
                ? locked(file, cause)
                : unreadable(`The credential store ${file} cannot be written (${code}).`, cause)
            )
        ),
        writing.withPermits(1)
      )

    return {
      get: Effect.fnUntraced(function* (name) {
        const store = yield* read(file)
        const entry = store === null ? undefined : entryOf(store, name)
        if (store === null || entry === undefined) return null
        const value = openEntry(yield* unlock(store), name, entry)
        return value ?? (yield* tampered(file, name))
      }),
      list: Effect.map(read(file), (store) =>
        Object.entries(store?.entries ?? {})
          .map(([name, entry]) => ({ name, fields: entry.fields, updatedAt: entry.updated_at }))
          .sort((left, right) => (left.name < right.name ? -1 : 1))
      ),
      set: (name, value) =>
        change(
          Effect.fnUntraced(function* (store, key) {
            const secret = yield* Effect.fromResult(readSecret(`store:${name}`, value, { required: [], optional: [] }))
            const now = yield* Clock.currentTimeMillis
            const entry = sealEntry(key, name, Object.keys(secret), now, value)
            const entries = { ...store.entries, [name]: entry }
            return [
              { ...store, entries },
              { name, fields: entry.fields, updatedAt: now }
            ] as const
          })
        ),
      remove: (name) =>
        change((store) => {
          if (entryOf(store, name) === undefined) return Effect.succeed([store, false] as const)
          const entries = Object.fromEntries(Object.entries(store.entries).filter(([other]) => other !== name))
          return Effect.succeed([{ ...store, entries }, true] as const)
        })
    }
  })

const entryOf = (store: StoreFile, name: string): Entry | undefined =>
  Object.hasOwn(store.entries, name) ? store.entries[name] : undefined

const usableMasterKey = (masterKey: Redacted.Redacted | null): Effect.Effect<Redacted.Redacted, CredentialsError> => {
  if (masterKey === null) return Effect.fail(noMasterKey("No master key is set, so the credential store stays closed."))
  return Redacted.value(masterKey).length < masterKeyCharactersMin
    ? Effect.fail(noMasterKey(`The master key has fewer than ${masterKeyCharactersMin} characters.`))
    : Effect.succeed(masterKey)
}

const fresh = Effect.fnUntraced(function* (masterKey: Redacted.Redacted | null) {
  const salt = randomBytes(16)
  const { cost, blockSize, parallelization } = scryptParameters
  const kdf = { name: "scrypt", cost, block_size: blockSize, parallelization, salt: salt.toString("base64") } as const
  return newStore(yield* derive(yield* usableMasterKey(masterKey), kdf), salt)
})

const derive = (masterKey: Redacted.Redacted, kdf: StoreFile["kdf"]): Effect.Effect<Buffer, CredentialsError> =>
  Effect.callback((resume) => {
    const options = {
      cost: kdf.cost,
      blockSize: kdf.block_size,
      parallelization: kdf.parallelization,
      maxmem: 256 * kdf.cost * kdf.block_size
    }
    scrypt(Redacted.value(masterKey), Buffer.from(kdf.salt, "base64"), 32, options, (error, key) =>
      resume(error === null ? Effect.succeed(key) : Effect.fail(unreadable("The key could not be derived.", null)))
    )
  })

const read = (file: string): Effect.Effect<StoreFile | null, CredentialsError> =>
  Effect.tryPromise({ try: () => readFile(file, "utf8"), catch: (cause) => cause }).pipe(
    Effect.flatMap((text) => Effect.fromResult(parseStore(file, text))),
    Effect.catch((cause): Effect.Effect<StoreFile | null, CredentialsError> => {
      if (cause instanceof CredentialsError) return Effect.fail(cause)
      return codeOf(cause) === "ENOENT"
        ? Effect.succeed(null)
        : Effect.fail(unreadable(`The credential store ${file} cannot be opened (${codeOf(cause)}).`, cause))
    })
  )

// A crash at any time leaves the old file or the new one, never half of one: other readers see a rename.
const write = (file: string, store: StoreFile): Effect.Effect<void, CredentialsError> =>
  Effect.tryPromise({
    try: async () => {
      const temporary = `${file}.${randomBytes(6).toString("hex")}.tmp`
      const handle = await open(temporary, "wx", 0o600)
      await handle
        .writeFile(`${JSON.stringify(store, null, 2)}\n`)
        .then(() => handle.sync())
        .finally(() => handle.close())
      await rename(temporary, file).catch((cause: unknown) =>
        rm(temporary, { force: true }).then(() => Promise.reject(cause))
      )
      await chmod(file, 0o600)
    },
    catch: (cause) => unreadable(`The credential store ${file} cannot be written (${codeOf(cause)}).`, cause)
  })

const codeOf = (cause: unknown): string =>
  typeof cause === "object" && cause !== null && "code" in cause ? String(cause.code) : "unknown error"

const noMasterKey = (message: string) =>
  new CredentialsError({
    code: "no_master_key",
    message,
    nextStep: "Set CAPI_MASTER_KEY, such as the output of `openssl rand -base64 32`, and keep it safe.",
    cause: null
  })

const wrongKey = (file: string) =>
  new CredentialsError({
    code: "wrong_key",
    message: `CAPI_MASTER_KEY does not open the credential store ${file}.`,
    nextStep: "Set the key with which the store was made, or move the file away and set the credentials again.",
    cause: null
  })

const tampered = (file: string, name: string) =>
  new CredentialsError({
    code: "store_corrupt",
    message: `The entry ${name} of the credential store ${file} was changed by something else than this program.`,
    nextStep: `Set it again: ./capi credentials set ${name}.`,
    cause: null
  })

const locked = (file: string, cause: unknown) =>
  new CredentialsError({
    code: "store_locked",
    message: `Another program is changing the credential store ${file}.`,
    nextStep: "Try again; nothing was changed.",
    cause
  })

const unreadable = (message: string, cause: unknown) =>
  new CredentialsError({
    code: "store_unreadable",
    message,
    nextStep: "Check the path CAPI_CREDENTIALS_FILE and its permissions.",
    cause
  })
