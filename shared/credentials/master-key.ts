/**
 * The master key: the forms that are strong enough, and how a program gets it. `CAPI_MASTER_KEY` holds 32 random bytes, a
 * passphrase, or a reference to either; the earlier keys open what was sealed under them.
 */
import { hkdfSync, scrypt } from "node:crypto"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import type { FileSettings } from "../config/settings.ts"
import { CredentialsError, parseReference } from "./credential.ts"
import { readSource } from "./sources.ts"

/** What every key is derived from; a text with at least as many bits as an AES-256 key, or slow to guess. */
export type MasterKey = Redacted.Redacted

export interface MasterKeys {
  /** Seals and opens; null if none can be used. */
  readonly current: MasterKey | null
  /** Why no key can be used. */
  readonly problem: CredentialsError | null
  /** They open what was sealed under them, and seal nothing. */
  readonly previous: ReadonlyArray<MasterKey>
}

/** Keys that are known already. */
export const masterKeysOf = (current: MasterKey | null, previous: ReadonlyArray<MasterKey> = []): MasterKeys => ({
  current,
  problem: current === null ? missing : null,
  previous
})

/** A key for one purpose, by HKDF-SHA-256. */
export const deriveKey = (key: MasterKey, purpose: string, bytes: number): Buffer =>
  Buffer.from(hkdfSync("sha256", Redacted.value(key), "", purpose, bytes))

/** Names a master key: 8 hexadecimal digits derived from it, fit for logs and files. */
export const keyIdOf = (key: MasterKey): string => deriveKey(key, "capi-relay/sealer/v2/key-id", 4).toString("hex")

/** Whether a setting is read again while the program runs. */
export const areReferences = ({ masterKey, previousMasterKeys }: FileSettings): boolean =>
  [masterKey, ...previousMasterKeys].some((key) => key !== null && referenceOf(key) !== null)

/**
 * Reads the keys of the settings. A text of several lines, as a file may hold, is the current key and the earlier ones. Fails
 * only where a source cannot be read: a missing or weak key is a `problem`, which whoever needs the key reports.
 */
export const readMasterKeys = Effect.fnUntraced(function* (
  settings: Pick<FileSettings, "masterKey" | "previousMasterKeys" | "vault">
): Effect.fn.Return<MasterKeys, CredentialsError> {
  if (settings.masterKey === null) {
    const previous = yield* linesOf(settings.previousMasterKeys, settings)
    return masterKeysOf(null, yield* earlierKeys(previous))
  }
  const [first, ...more] = yield* linesOf([settings.masterKey], settings)
  const previous = yield* earlierKeys([...more, ...(yield* linesOf(settings.previousMasterKeys, settings))])
  if (first === undefined) return masterKeysOf(null, previous)
  const material = strongMaterial(Redacted.value(first))
  if (Result.isFailure(material)) return { current: null, problem: material.failure, previous }
  return masterKeysOf(yield* stretched(material.success), previous)
})

const linesOf = (keys: ReadonlyArray<Redacted.Redacted>, settings: Pick<FileSettings, "vault">) =>
  Effect.map(
    Effect.forEach(keys, (key) => {
      const reference = referenceOf(key)
      return reference === null
        ? Effect.succeed(key)
        : Effect.flatMap(readSource(reference, settings), (text) =>
            text === null ? Effect.fail(notFound(Redacted.value(key))) : Effect.succeed(text)
          )
    }),
    (texts) =>
      texts.flatMap((text) =>
        Redacted.value(text)
          .split("\n")
          .map((line) => line.trim())
          .filter((line) => line !== "")
          .map((line) => Redacted.make(line))
      )
  )

const referenceOf = (key: Redacted.Redacted) => {
  const reference = parseReference(Redacted.value(key))
  return reference !== null && reference.source !== "env" && reference.source !== "store" ? reference : null
}

/** Of any form: what was sealed under a key that is too weak by now must still be opened. */
const earlierKeys = (keys: ReadonlyArray<Redacted.Redacted>) =>
  Effect.forEach(keys, (key) =>
    stretched(Result.getOrElse(strongMaterial(Redacted.value(key)), () => ({ text: Redacted.value(key), slow: false })))
  )

interface Material {
  readonly text: string
  /** A passphrase: each guess must cost the attacker time and memory. */
  readonly slow: boolean
}

const passphrasePrefix = "passphrase:"
const passphraseCharactersMin = 20
const keyBytesMin = 32
/** Of 32 random bytes, fewer than this are different once in 10^15 keys; a key that was typed repeats itself. */
const differentBytesMin = 20
const differentCharactersMin = 8

const strongMaterial = (key: string): Result.Result<Material, CredentialsError> => {
  if (key.startsWith(passphrasePrefix)) {
    const phrase = key.slice(passphrasePrefix.length)
    return phrase.length >= passphraseCharactersMin && new Set(phrase).size >= differentCharactersMin
      ? Result.succeed({ text: phrase, slow: true })
      : Result.fail(weak(`its passphrase has fewer than ${passphraseCharactersMin} characters, or repeats few of them`))
  }
  const bytes = bytesOf(key)
  if (bytes === null || bytes.length < keyBytesMin)
    return Result.fail(weak(`it is not ${keyBytesMin} random bytes in base64 or hexadecimal digits`))
  return new Set(bytes).size < differentBytesMin
    ? Result.fail(weak("its bytes are not random"))
    : Result.succeed({ text: key, slow: false })
}

const bytesOf = (key: string): Buffer | null => {
  if (/^(?:[0-9a-f]{2}){32,}$/i.test(key)) return Buffer.from(key, "hex")
  if (/^[A-Za-z0-9+/]{42,}={0,2}$/.test(key)) return Buffer.from(key, "base64")
  return /^[A-Za-z0-9_-]{42,}$/.test(key) ? Buffer.from(key, "base64url") : null
}

/** 64 MiB and about a fifth of a second a guess. All programs derive the same key, so the salt is the same for all. */
const passphraseCost = { cost: 65_536, blockSize: 8, parallelization: 1, maxmem: 2 * 128 * 65_536 * 8 }
const passphraseSalt = "capi-relay/master-key/v1/passphrase"

const stretched = ({ text, slow }: Material): Effect.Effect<MasterKey, CredentialsError> =>
  slow
    ? Effect.callback((resume) => {
        scrypt(text, passphraseSalt, keyBytesMin, passphraseCost, (error, key) =>
          resume(
            error === null
              ? Effect.succeed(Redacted.make(key.toString("base64")))
              : Effect.fail(weak("it cannot be derived"))
          )
        )
      })
    : Effect.succeed(Redacted.make(text))

const forms =
  "Set CAPI_MASTER_KEY to the output of `openssl rand -base64 32`, or to passphrase:<text>, the same for every program, and keep it safe."

const missing = new CredentialsError({
  code: "no_master_key",
  message: "CAPI_MASTER_KEY is not set.",
  nextStep: forms,
  cause: null
})

const weak = (why: string) =>
  new CredentialsError({
    code: "weak_master_key",
    message: `CAPI_MASTER_KEY is too weak: ${why}.`,
    nextStep: `${forms} Put the key that you had in CAPI_MASTER_KEY_PREVIOUS, and run ./capi credentials rekey.`,
    cause: null
  })

const notFound = (reference: string) =>
  new CredentialsError({
    code: "not_found",
    message: `The master key ${reference} does not exist.`,
    nextStep: "Create it, or correct CAPI_MASTER_KEY and CAPI_MASTER_KEY_PREVIOUS.",
    cause: null
  })
