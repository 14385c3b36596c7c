/**
 * A record of `sealed-events`: a raw record, key and value, encrypted under a key that needs the secret of each of its person's
 * identifiers (decision 41). Format: byte 0x50, number of ids (1 byte), ids (12 bytes each), box as `sealer.ts` makes them; what stands before the
 * box is authenticated. In the box: flags (1: no key, 2: no value), bytes of the key (4), key, value.
 */
import * as Result from "effect/Result"
import { type IdentityKey, personIdBytes } from "./identity-key.ts"
import { boxBytes, nonceBytes, openBox, sealBox } from "./sealer.ts"

/** A raw record's own bytes. */
export interface Original {
  readonly key: Buffer | null
  readonly value: Buffer | null
}

/** Neither the magic byte of Avro nor the first byte of JSON. */
const mark = 0x50
const idsAt = 2
const [withoutKey, withoutValue] = [1, 2]
const originalHeadBytes = 5

/**
 * @param ids of the person, one behind the other; `secrets` in their order
 * @param nonce 12 random bytes
 */
export const sealEvent = (
  identity: IdentityKey,
  {
    ids,
    secrets,
    nonce
  }: { readonly ids: Buffer; readonly secrets: ReadonlyArray<Uint8Array>; readonly nonce: Buffer },
  { key, value }: Original
): Buffer => {
  const keyBytes = key?.length ?? 0
  const plaintext = Buffer.allocUnsafe(originalHeadBytes + keyBytes + (value?.length ?? 0))
  plaintext[0] = (key === null ? withoutKey : 0) | (value === null ? withoutValue : 0)
  plaintext.writeUInt32BE(keyBytes, 1)
  if (key !== null) plaintext.set(key, originalHeadBytes)
  if (value !== null) plaintext.set(value, originalHeadBytes + keyBytes)
  const boxAt = idsAt + ids.length
  const sealed = Buffer.allocUnsafe(boxAt + boxBytes(plaintext.length))
  sealed[0] = mark
  sealed[1] = ids.length / personIdBytes
  sealed.set(ids, idsAt)
  sealed.set(nonce.subarray(0, nonceBytes), boxAt)
  sealBox(identity.eventKey(secrets), sealed.subarray(boxAt), plaintext, sealed.subarray(0, boxAt))
  return sealed
}

/** The ids of a sealed record, one behind the other, as a view; null where the value is no sealed record. */
export const sealedIdsOf = (value: Buffer | null): Buffer | null => {
  if (value === null || value.length < idsAt || value[0] !== mark) return null
  const end = idsAt + value[1]! * personIdBytes
  return value.length < end + boxBytes(originalHeadBytes) ? null : value.subarray(idsAt, end)
}

/** Opens a record that has ids; fails where it was changed, or a secret or the root key is another one. */
export const openEvent = (
  identity: IdentityKey,
  sealed: Buffer,
  secrets: ReadonlyArray<Uint8Array>
): Result.Result<Original, null> => {
  const boxAt = idsAt + sealed[1]! * personIdBytes
  return Result.map(
    openBox(identity.eventKey(secrets), sealed.subarray(boxAt), sealed.subarray(0, boxAt)),
    (plaintext): Original => {
      const valueAt = originalHeadBytes + plaintext.readUInt32BE(1)
      return {
        key: plaintext[0]! & withoutKey ? null : plaintext.subarray(originalHeadBytes, valueAt),
        value: plaintext[0]! & withoutValue ? null : plaintext.subarray(valueAt)
      }
    }
  )
}
