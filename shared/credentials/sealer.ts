/**
 * Seals what must not be readable on a topic: the recipient's number for WhatsApp and the original bytes of dead
 * letters. AES-256-GCM with a synthetic nonce (an HMAC of what is sealed), so that a replay gives the same bytes and
 * equal nonces mean equal messages. Format: version byte 1, nonce (12 bytes), ciphertext, tag (16 bytes).
 */
import { createCipheriv, createDecipheriv, createSecretKey, hash, hkdfSync, type KeyObject } from "node:crypto"
import * as Context from "effect/Context"
import * as Data from "effect/Data"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"

/** Bytes that could not be opened; says nothing of what was in them. */
export class SealError extends Data.TaggedError("SealError")<{
  readonly code: "malformed" | "unknown_version" | "wrong_key_or_tampered"
  readonly message: string
  readonly nextStep: string
}> {}

export interface SealerShape {
  /** Seals the bytes, bound to `aad`: they open with the same `aad` only. The same input gives the same bytes. */
  readonly seal: (plaintext: Buffer, aad: string) => Buffer
  readonly open: (sealed: Buffer, aad: string) => Result.Result<Buffer, SealError>
}

export class Sealer extends Context.Service<Sealer, SealerShape>()("shared/credentials/Sealer") {}

/** A sealer of this master key. Encryption and nonces have keys of their own, derived by HKDF-SHA-256. */
export const fromKey = (key: Redacted.Redacted): SealerShape => {
  // As a key object: Node takes ten times as long to find out that a buffer is a key.
  const cipherKey = createSecretKey(derive(key, "capi-relay/sealer/v1/cipher"))
  const nonceKey = hmacPads(derive(key, "capi-relay/sealer/v1/nonce"))
  return {
    seal: (plaintext, aad) => seal(cipherKey, nonceKey, plaintext, aad),
    open: (sealed, aad) => open(cipherKey, sealed, aad)
  }
}

/** The `aad` of a dead letter's original value or key. */
export const deadLetterAad = (part: "value" | "key", topic: string, partition: number, offset: number): string =>
  `dead-letter-${part}:${topic}/${partition}/${offset}`

/** Seals a WhatsApp recipient (E.164) of an event, as base64 text. */
export const sealRecipient = (sealer: SealerShape, e164: string, eventId: string): string =>
  sealer.seal(Buffer.from(e164), recipientAad(eventId)).toString("base64")

/** Opens what `sealRecipient` made for the same event. */
export const openRecipient = (sealer: SealerShape, sealed: string, eventId: string): Result.Result<string, SealError> =>
  Result.map(sealer.open(Buffer.from(sealed, "base64"), recipientAad(eventId)), (bytes) => bytes.toString("utf8"))

const recipientAad = (eventId: string): string => `recipient:${eventId}`

const version = 1
const nonceBytes = 12
const tagBytes = 16
const nonceAt = 1
const bodyAt = nonceAt + nonceBytes

const derive = (key: Redacted.Redacted, purpose: string): Buffer =>
  Buffer.from(hkdfSync("sha256", Redacted.value(key), "", purpose, 32))

const seal = (cipherKey: KeyObject, nonceKey: HmacPads, plaintext: Buffer, aad: string): Buffer => {
  const aadBytes = Buffer.from(aad)
  const sealed = Buffer.allocUnsafe(bodyAt + plaintext.length + tagBytes)
  sealed[0] = version
  sealed.write(syntheticNonce(nonceKey, plaintext, aadBytes), nonceAt, nonceBytes, "latin1")
  const cipher = createCipheriv("aes-256-gcm", cipherKey, sealed.subarray(nonceAt, bodyAt), {
    authTagLength: tagBytes
  })
  cipher.setAAD(aadBytes)
  sealed.set(cipher.update(plaintext), bodyAt)
  cipher.final()
  sealed.set(cipher.getAuthTag(), bodyAt + plaintext.length)
  return sealed
}

const open = (cipherKey: KeyObject, sealed: Buffer, aad: string): Result.Result<Buffer, SealError> => {
  if (sealed.length < 1 + nonceBytes + tagBytes) return Result.fail(malformed)
  if (sealed[0] !== version) return Result.fail(unknownVersion)
  const tagAt = sealed.length - tagBytes
  const decipher = createDecipheriv("aes-256-gcm", cipherKey, sealed.subarray(1, 1 + nonceBytes), {
    authTagLength: tagBytes
  })
  decipher.setAAD(Buffer.from(aad))
  decipher.setAuthTag(sealed.subarray(tagAt))
  const body = decipher.update(sealed.subarray(1 + nonceBytes, tagAt))
  // `final` throws where the tag does not fit: the only sign that key, aad or bytes are not the ones sealed.
  return Result.try({ try: () => Buffer.concat([body, decipher.final()]), catch: () => wrongKey })
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
const wrongKey = new SealError({
  code: "wrong_key_or_tampered",
  message: "These bytes do not open with this key.",
  nextStep: "Set CAPI_MASTER_KEY to the key under which they were sealed."
})
