/**
 * What the root key gives: ids of persons that cannot be computed without it, and the keys under which raw events are sealed
 * (decision 41). The root key is random and is kept wrapped under the master key (`identity-key-topic.ts`).
 */
import { createCipheriv, createHmac, createSecretKey, hkdfSync, type KeyObject } from "node:crypto"

/** Bytes of a keyed id; as base64url 16 characters, so that a text of several can be split. */
export const personIdBytes = 12
export const personIdCharacters = 16
export const rootKeyBytes = 32

export interface IdentityKey {
  /**
   * The keyed ids of identifiers, one behind the other.
   *
   * @param hashes SHA-256 of normalized identifiers, in lower-case hex; of two with the same hash one is given
   */
  readonly idsOf: (hashes: ReadonlyArray<string>) => Buffer
  /** As `idsOf`, as base64url text; null without an identifier. */
  readonly idTextOf: (hashes: ReadonlyArray<string>) => string | null
  /**
   * As `idTextOf`, for each event of a batch: one call of the cipher for all of them, since each call costs as much as a hash or two.
   *
   * @param events for each event its hashes, each once
   */
  readonly idTextsOf: (events: ReadonlyArray<ReadonlyArray<string>>) => ReadonlyArray<string | null>
  /** The key of an event with these secrets, in the order of its ids: without one of them it cannot be computed. */
  readonly eventKey: (secrets: ReadonlyArray<Uint8Array>) => KeyObject
  /** A key of 32 bytes for another purpose (HKDF), which says nothing of the root key; the same for the same purpose. */
  readonly keyFor: (purpose: string) => Buffer
}

/**
 * An id is AES-256 of the first half of the SHA-256, XOR that half: a keyed function that is one-way also for who has the key.
 *
 * @param root 32 random bytes
 */
export const makeIdentityKey = (root: Buffer): IdentityKey => {
  const cipher = createCipheriv("aes-256-ecb", derive(root, "capi-relay/person-id/v1"), null).setAutoPadding(false)
  const sealing = createSecretKey(derive(root, "capi-relay/sealed-event/v1"))
  /** `halves`: 32 hexadecimal digits for each hash. */
  const encrypt = (halves: string, count: number): Buffer => {
    const blocks = Buffer.from(halves, "hex")
    const encrypted = cipher.update(blocks)
    const ids = Buffer.allocUnsafe(count * personIdBytes)
    let at = 0
    for (let block = 0; block < count * blockBytes; block += blockBytes)
      for (let byte = block; byte < block + personIdBytes; byte++) ids[at++] = encrypted[byte]! ^ blocks[byte]!
    return ids
  }
  const idsOf = (hashes: ReadonlyArray<string>): Buffer => {
    const given = [...new Set(hashes)].slice(0, idsMax)
    return encrypt(given.map(halfOf).join(""), given.length)
  }
  return {
    idsOf,
    idTextOf: (hashes) => (hashes.length === 0 ? null : idsOf(hashes).toString("base64url")),
    idTextsOf: (events) => {
      let halves = ""
      let count = 0
      for (const hashes of events)
        for (let index = 0; index < hashes.length && index < idsMax; index++) {
          halves += halfOf(hashes[index]!)
          count++
        }
      const texts = encrypt(halves, count).toString("base64url")
      let at = 0
      return events.map((hashes) => {
        const start = at
        at += Math.min(hashes.length, idsMax) * personIdCharacters
        return at === start ? null : texts.slice(start, at)
      })
    },
    eventKey: (secrets) => {
      const hmac = createHmac("sha256", sealing)
      for (const secret of secrets) hmac.update(secret)
      return createSecretKey(hmac.digest())
    },
    keyFor: (purpose) => derive(root, `capi-relay/${purpose}`)
  }
}

/** The ids of a text of ids. */
export const splitPersonIds = (text: string): ReadonlyArray<string> => {
  const ids: Array<string> = []
  for (let at = 0; at + personIdCharacters <= text.length; at += personIdCharacters)
    ids.push(text.slice(at, at + personIdCharacters))
  return ids
}

/** A block of AES: of a SHA-256 its first half. */
const blockBytes = 16
const halfOf = (hash: string): string => hash.slice(0, 2 * blockBytes)
/** What the normalizer keeps of an event's identifiers is fewer. */
const idsMax = 255

const derive = (root: Buffer, purpose: string): Buffer => Buffer.from(hkdfSync("sha256", root, "", purpose, 32))
