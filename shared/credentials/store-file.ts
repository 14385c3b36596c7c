/**
 * The encrypted store as a file: JSON with one AES-256-GCM box per entry. The key comes from the master key by scrypt
 * with the file's own salt. Names, field names and ages are in clear, so that a list needs no key; the box is bound to
 * them, so that two swapped entries are noticed.
 */
import { randomBytes } from "node:crypto"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { CredentialsError } from "./credential.ts"
import { boxBytes, nonceBytes, openBox, sealBox } from "./sealer.ts"

const Entry = Schema.Struct({
  /** Names of the fields, sorted. */
  fields: Schema.Array(Schema.String),
  /** Milliseconds since the epoch. */
  updated_at: Schema.Int,
  /** Nonce (12 bytes), ciphertext and tag (16 bytes), base64. */
  box: Schema.String
})
export type Entry = typeof Entry.Type

const StoreFile = Schema.Struct({
  format: Schema.Literal("capi-credentials"),
  version: Schema.Literal(1),
  kdf: Schema.Struct({
    name: Schema.Literal("scrypt"),
    cost: Schema.Int,
    block_size: Schema.Int,
    parallelization: Schema.Int,
    salt: Schema.String
  }),
  /** Of the master key (`keyIdOf`); files of earlier versions have none. */
  key_id: Schema.optionalKey(Schema.String),
  /** A box of nothing: opening it proves the key before any entry is touched. */
  check: Schema.String,
  entries: Schema.Record(Schema.String, Entry)
})
export type StoreFile = typeof StoreFile.Type

/** scrypt's figures for new stores: about 60 ms and 32 MiB. */
export const scryptParameters = { cost: 32_768, blockSize: 8, parallelization: 1 } as const
/** What a file may ask of us: neither so much that it exhausts memory or time, nor so little that the key is guessed quickly. */
const scryptLimits = { costMin: 16_384, memoryBytesMax: 128 * 1_048_576, parallelizationMax: 4 } as const
/** A store of thousands of credentials is far below. */
const storeCharactersMax = 8 * 1_048_576

const decode = Schema.decodeUnknownResult(Schema.fromJsonString(StoreFile))

/** Reads the file's text. */
export const parseStore = (file: string, text: string): Result.Result<StoreFile, CredentialsError> => {
  if (text.length > storeCharactersMax) return Result.fail(corrupt(file, "it is too large"))
  return Result.flatMap(
    Result.mapError(decode(text), (cause) => corrupt(file, cause.message)),
    (store) =>
      isAcceptable(store.kdf)
        ? Result.succeed(store)
        : Result.fail(corrupt(file, "the parameters of its key derivation are out of bounds"))
  )
}

/** scrypt takes 128 bytes for each unit of cost and block size, and a cost that is a power of two. (RFC 7914.) */
const isAcceptable = ({ cost, block_size, parallelization }: StoreFile["kdf"]): boolean =>
  cost >= scryptLimits.costMin &&
  Number.isInteger(Math.log2(cost)) &&
  block_size >= scryptParameters.blockSize &&
  128 * cost * block_size <= scryptLimits.memoryBytesMax &&
  parallelization >= 1 &&
  parallelization <= scryptLimits.parallelizationMax

export const newStore = (key: Buffer, keyId: string, salt: Buffer): StoreFile => ({
  format: "capi-credentials",
  version: 1,
  kdf: {
    name: "scrypt",
    cost: scryptParameters.cost,
    block_size: scryptParameters.blockSize,
    parallelization: scryptParameters.parallelization,
    salt: salt.toString("base64")
  },
  key_id: keyId,
  check: seal(key, Buffer.alloc(0), "check"),
  entries: {}
})

/** Whether the key is the one that the store was made with. */
export const keyFits = (store: StoreFile, key: Buffer): boolean => open(key, store.check, "check") !== null

export const sealEntry = (
  key: Buffer,
  name: string,
  fields: ReadonlyArray<string>,
  updatedAt: number,
  text: Redacted.Redacted
): Entry => {
  const sorted = [...fields].sort()
  return {
    fields: sorted,
    updated_at: updatedAt,
    box: seal(key, Buffer.from(Redacted.value(text), "utf8"), binding(name, sorted, updatedAt))
  }
}

/** Opens an entry; null where the box was changed or belongs to another entry. */
export const openEntry = (key: Buffer, name: string, entry: Entry): Redacted.Redacted | null => {
  const opened = open(key, entry.box, binding(name, entry.fields, entry.updated_at))
  return opened === null ? null : Redacted.make(opened.toString("utf8"))
}

const binding = (name: string, fields: ReadonlyArray<string>, updatedAt: number): string =>
  JSON.stringify(["entry", name, fields, updatedAt])

const seal = (key: Buffer, plaintext: Buffer, boundTo: string): string => {
  const box = Buffer.allocUnsafe(boxBytes(plaintext.length))
  box.set(randomBytes(nonceBytes))
  sealBox(key, box, plaintext, aadOf(boundTo))
  return box.toString("base64")
}

const open = (key: Buffer, box: string, boundTo: string): Buffer | null =>
  Result.getOrNull(openBox(key, Buffer.from(box, "base64"), aadOf(boundTo)))

const aadOf = (boundTo: string): Buffer => Buffer.from(`capi-credentials/1/${boundTo}`)

const corrupt = (file: string, why: string) =>
  new CredentialsError({
    code: "store_corrupt",
    message: `The credential store ${file} cannot be read: ${why.replaceAll(/\s+/g, " ")}.`,
    nextStep: "Restore it from a backup, or move it away and set the credentials again.",
    cause: null
  })
