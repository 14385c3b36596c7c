/** AES-256-GCM as one box of bytes: nonce (12), ciphertext, tag (16). */
import { type CipherKey, createCipheriv, createDecipheriv } from "node:crypto"
import * as Result from "effect/Result"

export const nonceBytes = 12
const tagBytes = 16

/** The bytes of a box, by those of its plaintext. */
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
