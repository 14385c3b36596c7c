/**
 * Seals what must not be readable on a topic: the recipient of a message and the original bytes of dead letters.
 * AES-256-GCM with a synthetic nonce (an HMAC of what is sealed), so that a replay gives the same bytes and
 * equal nonces mean equal messages. Format: version byte 2, key id (4 bytes), nonce (12 bytes), ciphertext, tag (16 bytes).
 * The key id separates bytes of another key from damaged ones. Version 1, which has none, is still opened.
 */

import { type CipherKey, createCipheriv, createDecipheriv, createSecretKey, hash, type KeyObject } from "node:crypto"
import * as Context from "effect/Context"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import type { DeadLetter } from "../../schemas/types.gen.ts"
import { type DeadLetterFields, type DeadLetterSource, deadLetter } from "../model/dead-letter.ts"
import { CredentialsError } from "./credential.ts"
import { KeyRing } from "./key-ring.ts"
import { deriveKey, keyIdOf, type MasterKeys } from "./master-key.ts"

/** Bytes that could not be opened; says nothing of what was in them. */
export class SealError extends Data.TaggedError("SealError")<{
  /**
   * `other_key`: sealed under a key that is not at hand. `tampered`: sealed under a key that is, and changed since, or
   * bound to another `aad`. `wrong_key_or_tampered`: version 1 does not say which of the two.
   */
  readonly code: "malformed" | "unknown_version" | "other_key" | "tampered" | "wrong_key_or_tampered"
  readonly message: string
  readonly nextStep: string
}> {}

export interface SealerShape {
  /** Names the key that seals: 8 hexadecimal digits derived from it, fit for logs. */
  readonly keyId: string
  /** Whether bytes of the key of this id can be opened: the sealing key, or an earlier one. */
  readonly opensKey: (keyId: string) => boolean
  /** Seals the bytes, bound to `aad`: they open with the same `aad` only. The same input gives the same bytes. */
  readonly seal: (plaintext: Buffer, aad: string) => Buffer
  readonly open: (sealed: Buffer, aad: string) => Result.Result<Buffer, SealError>
}

export class Sealer extends Context.Service<Sealer, SealerShape>()("shared/credentials/Sealer") {}

/**
 * A sealer of this master key, which also opens what was sealed under the `previous` ones. Encryption, nonces and key ids
 * have separate keys, derived by HKDF-SHA-256.
 */
export const makeSealer = (key: Redacted.Redacted, previous: ReadonlyArray<Redacted.Redacted> = []): SealerShape => {
  const current = openingKey(key)
  const keys = new Map(
    [current, ...previous.map(openingKey)].reverse().map((entry) => [entry.id.toString("hex"), entry])
  )
  const nonceKey = hmacPads(deriveKey(key, "capi-relay/sealer/v1/nonce", 32))
  return {
    keyId: current.id.toString("hex"),
    opensKey: (keyId) => keys.has(keyId),
    seal: (plaintext, aad) => seal(current, nonceKey, plaintext, aad),
    open: (sealed, aad) => open(keys, sealed, aad)
  }
}

/** The sealer of these keys; null where none of them seals. */
export const sealerOfKeys = ({ current, previous }: MasterKeys): SealerShape | null =>
  current === null ? null : makeSealer(current, previous)

/** A sealer of the keys that a program has now, whenever it is used; null where it has none that seals. */
export const sealerOfRing = (ring: KeyRing["Service"]): SealerShape | null => {
  let keys = ring.now()
  const first = sealerOfKeys(keys)
  if (first === null) return null
  let sealer = first
  const latest = (): SealerShape => {
    const now = ring.now()
    if (now !== keys) {
      keys = now
      sealer = sealerOfKeys(now) ?? sealer
    }
    return sealer
  }
  return {
    get keyId() {
      return latest().keyId
    },
    opensKey: (keyId) => latest().opensKey(keyId),
    seal: (plaintext, aad) => latest().seal(plaintext, aad),
    open: (sealed, aad) => latest().open(sealed, aad)
  }
}

/** Fails where `CAPI_MASTER_KEY` is absent or too weak. */
export const requiredSealer: Effect.Effect<SealerShape, CredentialsError, KeyRing> = Effect.gen(function* () {
  const ring = yield* KeyRing
  const sealer = sealerOfRing(ring)
  if (sealer !== null) return sealer
  const { problem } = ring.now()
  return yield* new CredentialsError({
    code: problem?.code ?? "no_master_key",
    message: `This program seals personal data. ${problem?.message ?? ""}`.trim(),
    nextStep: problem?.nextStep ?? "Set CAPI_MASTER_KEY.",
    cause: null
  })
})

/** As `requiredSealer`, for programs that ask for it as a service. */
export const sealerLayer: Layer.Layer<Sealer, CredentialsError, KeyRing> = Layer.effect(Sealer, requiredSealer)

interface OpeningKey {
  readonly id: Buffer
  readonly cipherKey: KeyObject
}

const openingKey = (key: Redacted.Redacted): OpeningKey => ({
  id: Buffer.from(keyIdOf(key), "hex"),
  // As a key object: Node takes ten times as long to find out that a buffer is a key.
  cipherKey: createSecretKey(deriveKey(key, "capi-relay/sealer/v1/cipher", 32))
})

/** The id of the key that sealed these bytes; null where they do not say it. */
export const sealedUnder = (sealed: Buffer): string | null =>
  sealed[0] === version && sealed.length >= boxAt ? sealed.toString("hex", keyIdAt, boxAt) : null

/** The `aad` of a dead letter's original value or key. */
export const deadLetterAad = (part: "value" | "key", topic: string, partition: number, offset: number): string =>
  `dead-letter-${part}:${topic}/${partition}/${offset}`

/**
 * A dead letter whose original record is sealed, bound to its position: what could not go on may hold personal data at every stage.
 * Without a sealer it holds no original, since bytes that anyone may read must not stand on the topic.
 */
export const sealedDeadLetter = (
  sealer: SealerShape | null,
  source: DeadLetterSource,
  fields: Omit<DeadLetterFields, "sealed">
): DeadLetter => {
  const { topic, partition, offset, timestamp } = source
  const position = { topic, partition, offset, timestamp }
  if (sealer === null) return deadLetter(position, fields)
  const sealed = (part: "value" | "key", bytes: Buffer | null | undefined): Buffer | null =>
    bytes === null || bytes === undefined ? null : sealer.seal(bytes, deadLetterAad(part, topic, partition, offset))
  const key = sealed("key", source.key)
  const value = source.omittedBytes === undefined ? sealed("value", source.value) : null
  return deadLetter({ ...position, key, value }, { ...fields, sealed: value !== null || key !== null })
}

/** Seals a WhatsApp recipient (a number in E.164 or a business-scoped user id) of an event, as base64 text. */
export const sealRecipient = (sealer: SealerShape, recipient: string, eventId: string): string =>
  sealer.seal(Buffer.from(recipient), recipientAad(eventId)).toString("base64")

/** Opens what `sealRecipient` made for the same event. */
export const openRecipient = (sealer: SealerShape, sealed: string, eventId: string): Result.Result<string, SealError> =>
  Result.map(sealer.open(Buffer.from(sealed, "base64"), recipientAad(eventId)), (bytes) => bytes.toString("utf8"))

const recipientAad = (eventId: string): string => `recipient:${eventId}`

const version = 2
/** Without a key id: the box follows the version. */
const versionWithoutKeyId = 1
const keyIdAt = 1
const keyIdBytes = 4
/** From here on the box. */
const boxAt = keyIdAt + keyIdBytes

const seal = ({ id, cipherKey }: OpeningKey, nonceKey: HmacPads, plaintext: Buffer, aad: string): Buffer => {
  const aadBytes = Buffer.from(aad)
  const sealed = Buffer.allocUnsafe(boxAt + boxBytes(plaintext.length))
  sealed[0] = version
  sealed.set(id, keyIdAt)
  sealed.write(syntheticNonce(nonceKey, plaintext, aadBytes), boxAt, nonceBytes, "latin1")
  sealBox(cipherKey, sealed.subarray(boxAt), plaintext, aadBytes)
  return sealed
}

const open = (keys: ReadonlyMap<string, OpeningKey>, sealed: Buffer, aad: string): Result.Result<Buffer, SealError> => {
  if (sealed[0] === versionWithoutKeyId) return openWithoutKeyId(keys, sealed, aad)
  if (sealed.length < boxAt + boxBytes(0)) return Result.fail(malformed)
  if (sealed[0] !== version) return Result.fail(unknownVersion)
  const keyId = sealed.toString("hex", keyIdAt, boxAt)
  const key = keys.get(keyId)
  if (key === undefined) return Result.fail(otherKey(keyId))
  return Result.mapError(openBox(key.cipherKey, sealed.subarray(boxAt), Buffer.from(aad)), () => tampered)
}

const openWithoutKeyId = (
  keys: ReadonlyMap<string, OpeningKey>,
  sealed: Buffer,
  aad: string
): Result.Result<Buffer, SealError> => {
  if (sealed.length < 1 + boxBytes(0)) return Result.fail(malformed)
  for (const { cipherKey } of keys.values()) {
    const opened = openBox(cipherKey, sealed.subarray(1), Buffer.from(aad))
    if (Result.isSuccess(opened)) return Result.succeed(opened.success)
  }
  return Result.fail(wrongKey)
}

/**
 * The length before the aad keeps the two fields apart, so that no other pair gives the same input. The nonce as a text of
 * a character for each byte (`binary`), since `hash` takes four times as long to give a buffer.
 */
const syntheticNonce = ({ inner, outer }: HmacPads, plaintext: Buffer, aad: Buffer): string => {
  const message = Buffer.allocUnsafe(blockBytes + 4 + aad.length + plaintext.length)
  message.set(inner)
  message.writeUInt32BE(aad.length, blockBytes)
  message.set(aad, blockBytes + 4)
  message.set(plaintext, blockBytes + 4 + aad.length)
  outer.write(hash("sha256", message, "binary"), blockBytes, hashBytes, "latin1")
  return hash("sha256", outer, "binary")
}

/** HMAC-SHA-256 (RFC 2104) as two plain hashes, which cost a fraction of Node's object for it. */
interface HmacPads {
  readonly inner: Buffer
  /** With room behind it for the inner hash. */
  readonly outer: Buffer
}

const blockBytes = 64
const hashBytes = 32

const hmacPads = (key: Buffer): HmacPads => {
  const block = Buffer.concat([key], blockBytes)
  const outer = Buffer.alloc(blockBytes + hashBytes)
  outer.set(block.map((byte) => byte ^ 0x5c))
  return { inner: Buffer.from(block.map((byte) => byte ^ 0x36)), outer }
}

const malformed = new SealError({
  code: "malformed",
  message: "These bytes are too short to be sealed.",
  nextStep: "Check that the field was copied whole."
})
const unknownVersion = new SealError({
  code: "unknown_version",
  message: "These bytes were sealed by a version that this program does not know.",
  nextStep: "Use the version of the program that sealed them, or a newer one."
})
const otherKey = (keyId: string) =>
  new SealError({
    code: "other_key",
    message: `These bytes were sealed under another master key (key id ${keyId}).`,
    nextStep:
      "Set CAPI_MASTER_KEY to the key under which they were sealed, or add that key to CAPI_MASTER_KEY_PREVIOUS."
  })
const tampered = new SealError({
  code: "tampered",
  message: "These bytes were changed since they were sealed, or belong to another record.",
  nextStep: "Find out what wrote them; the original is with whoever published the event."
})
const wrongKey = new SealError({
  code: "wrong_key_or_tampered",
  message: "These bytes do not open with this key.",
  nextStep: "Set CAPI_MASTER_KEY to the key under which they were sealed."
})

export const nonceBytes = 12
const tagBytes = 16

/** The bytes of a box (AES-256-GCM: nonce, ciphertext, tag), by those of its plaintext. */
export const boxBytes = (plaintextBytes: number): number => nonceBytes + plaintextBytes + tagBytes

/** Encrypts into a box of `boxBytes` that begins with its nonce, which must never come with another message. */
export const sealBox = (key: CipherKey, box: Buffer, plaintext: Buffer, aad: Buffer): void => {
  const cipher = createCipheriv("aes-256-gcm", key, box.subarray(0, nonceBytes), { authTagLength: tagBytes })
  cipher.setAAD(aad)
  box.set(cipher.update(plaintext), nonceBytes)
  cipher.final()
  box.set(cipher.getAuthTag(), nonceBytes + plaintext.length)
}

/** Fails where key, `aad` or bytes are not the ones sealed, or where the box is too short. */
export const openBox = (key: CipherKey, box: Buffer, aad: Buffer): Result.Result<Buffer, null> => {
  if (box.length < boxBytes(0)) return Result.fail(null)
  const tagAt = box.length - tagBytes
  const decipher = createDecipheriv("aes-256-gcm", key, box.subarray(0, nonceBytes), { authTagLength: tagBytes })
  decipher.setAAD(aad)
  decipher.setAuthTag(box.subarray(tagAt))
  const body = decipher.update(box.subarray(nonceBytes, tagAt))
  // `final` throws where the tag does not fit.
  return Result.try({ try: () => Buffer.concat([body, decipher.final()]), catch: () => null })
}
