/** The encrypted credential store: reading, changing and writing it, whole and atomically. */
import { randomBytes, scrypt } from "node:crypto"
import { chmod, open, readFile, rename, rm } from "node:fs/promises"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Semaphore from "effect/Semaphore"
import { CredentialsError, readSecret } from "./credential.ts"
import { withLock } from "./file-lock.ts"
import { keyIdOf, type MasterKey, type MasterKeys } from "./master-key.ts"
import { nextStepToSet } from "./step-to-set.ts"
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
  /** Encrypts every entry again under the current master key; null where there is no store. */
  readonly rekey: Effect.Effect<Rekeyed | null, CredentialsError>
}

/** `from` is null where the file does not say with which key it was encrypted. */
export interface Rekeyed {
  readonly from: string | null
  readonly to: string
  readonly entries: number
  /** False where all was encrypted under the current key already. */
  readonly changed: boolean
}

/**
 * The store in `file`; it need not exist yet. `masterKeys` gives the keys as they are now: the store opens with whichever of them
 * it was encrypted under, and is written under the current one alone. Without a master key only `list` works.
 */
export const makeStore = (file: string, masterKeys: () => MasterKeys): Effect.Effect<CredentialStore> =>
  Effect.gen(function* () {
    const writing = yield* Semaphore.make(1)
    /** The last one that fitted, by the file's salt. */
    let unlocked: { readonly salt: string; readonly opened: Unlocked } | null = null

    const unlock = Effect.fnUntraced(function* (store: StoreFile) {
      const { current, previous, problem } = masterKeys()
      const isHeld = (keyId: string) => [current, ...previous].some((key) => key !== null && keyIdOf(key) === keyId)
      if (unlocked?.salt === store.kdf.salt && isHeld(unlocked.opened.keyId) && keyFits(store, unlocked.opened.key))
        return unlocked.opened
      if (current === null && previous.length === 0) return yield* problem ?? wrongKey(file)
      for (const masterKey of [current, ...previous]) {
        if (masterKey === null) continue
        const keyId = keyIdOf(masterKey)
        if (store.key_id !== undefined && store.key_id !== keyId) continue
        const key = yield* derive(masterKey, store.kdf)
        if (!keyFits(store, key)) continue
        const opened: Unlocked = { key, keyId }
        unlocked = { salt: store.kdf.salt, opened }
        return opened
      }
      return yield* problem !== null && previous.length === 0 ? problem : wrongKey(file)
    })

    const currentKey = Effect.suspend(() => {
      const { current, problem } = masterKeys()
      return current === null ? Effect.fail(problem ?? wrongKey(file)) : Effect.succeed(current)
    })

    /** Unlocked with the current key: nothing new is encrypted under an earlier one. */
    const unlockToWrite = Effect.fnUntraced(function* (store: StoreFile) {
      const { current } = masterKeys()
      const { key, keyId } = yield* unlock(store)
      if (current !== null && keyId !== keyIdOf(current)) return yield* previousKey(file)
      return key
    })

    const change = <A>(
      edit: (store: StoreFile) => Effect.Effect<readonly [StoreFile, A], CredentialsError>,
      orElse: Effect.Effect<StoreFile, CredentialsError> = Effect.flatMap(currentKey, fresh)
    ) =>
      withLock(
        file,
        Effect.fnUntraced(function* (lock) {
          const store = (yield* read(file)) ?? (yield* orElse)
          const [changed, result] = yield* edit(store)
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
        const value = openEntry((yield* unlock(store)).key, name, entry)
        return value ?? (yield* tampered(file, name))
      }),
      list: Effect.map(read(file), (store) =>
        Object.entries(store?.entries ?? {})
          .map(([name, entry]) => ({ name, fields: entry.fields, updatedAt: entry.updated_at }))
          .sort((left, right) => (left.name < right.name ? -1 : 1))
      ),
      set: (name, value) =>
        change(
          Effect.fnUntraced(function* (store) {
            const key = yield* unlockToWrite(store)
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
        change(
          Effect.fnUntraced(function* (store) {
            yield* unlock(store)
            if (entryOf(store, name) === undefined) return [store, false] as const
            const entries = Object.fromEntries(Object.entries(store.entries).filter(([other]) => other !== name))
            return [{ ...store, entries }, true] as const
          })
        ),
      rekey: Effect.gen(function* () {
        if ((yield* read(file)) === null) return null
        return yield* change(
          Effect.fnUntraced(function* (store): Effect.fn.Return<readonly [StoreFile, Rekeyed], CredentialsError> {
            const current = yield* currentKey
            const { key, keyId } = yield* unlock(store)
            const to = keyIdOf(current)
            const names = Object.keys(store.entries)
            const from = store.key_id ?? keyId
            if (store.key_id === to) return [store, { from, to, entries: names.length, changed: false }]
            let renewed = yield* fresh(current)
            const newKey = yield* derive(current, renewed.kdf)
            for (const [name, entry] of Object.entries(store.entries)) {
              // It cannot be set again before, as long as the store is under an earlier key.
              const value = openEntry(key, name, entry) ?? (yield* tampered(file, name, removeFirst(name)))
              const entries = {
                ...renewed.entries,
                [name]: sealEntry(newKey, name, entry.fields, entry.updated_at, value)
              }
              renewed = { ...renewed, entries }
            }
            return [renewed, { from, to, entries: names.length, changed: true }]
          })
        )
      })
    }
  })

interface Unlocked {
  readonly key: Buffer
  readonly keyId: string
}

const entryOf = (store: StoreFile, name: string): Entry | undefined =>
  Object.hasOwn(store.entries, name) ? store.entries[name] : undefined

const fresh = Effect.fnUntraced(function* (masterKey: MasterKey) {
  const salt = randomBytes(16)
  const { cost, blockSize, parallelization } = scryptParameters
  const kdf = { name: "scrypt", cost, block_size: blockSize, parallelization, salt: salt.toString("base64") } as const
  return newStore(yield* derive(masterKey, kdf), keyIdOf(masterKey), salt)
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

const previousKey = (file: string) =>
  new CredentialsError({
    code: "previous_key",
    message: `The credential store ${file} is still encrypted under an earlier master key.`,
    nextStep:
      "Run ./capi credentials rekey, when every program has the new CAPI_MASTER_KEY and this one as an earlier key.",
    cause: null
  })

const wrongKey = (file: string) =>
  new CredentialsError({
    code: "wrong_key",
    message: `CAPI_MASTER_KEY does not open the credential store ${file}.`,
    nextStep:
      "Set the key with which the store was made, as CAPI_MASTER_KEY or beside it as CAPI_MASTER_KEY_PREVIOUS; or move the file away and set the credentials again.",
    cause: null
  })

const removeFirst = (name: string): string =>
  `Remove it (./capi credentials remove ${name}), run ./capi credentials rekey, and set it again.`

const tampered = (file: string, name: string, nextStep = nextStepToSet(`store:${name}`, "its value again")) =>
  new CredentialsError({
    code: "store_corrupt",
    message: `The entry ${name} of the credential store ${file} was changed by something else than this program.`,
    nextStep,
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
