/** The secrets of one partition of `person-keys`: 32 random bytes for each identifier, held at up to 96 bytes each. */
import { type IdentityKey, personIdBytes } from "../../../shared/credentials/identity-key.ts"
import { topicNames } from "../../../shared/model/topics.ts"
import type { Inbound, Outbound } from "../../../shared/runtime/contract.ts"
import { IdMap, type IdWords, wordsOfBytes, wordsOfText } from "../../../shared/suppression/id-map.ts"
import { sha256 } from "../identity/text.ts"

export const secretBytes = 32
const secretWords = secretBytes / 4
/** Behind the secret: since when it exists, in seconds since the epoch. */
const createdWord = secretWords

export class PersonSecrets {
  private readonly map = new IdMap(secretWords + 1)
  /** Kafka's timestamp of the newest tombstone, in milliseconds since the epoch; 0 before the first. */
  lastTombstoneAt = 0

  get size(): number {
    return this.map.size
  }

  get bytes(): number {
    return this.map.bytes
  }

  /** Takes a record of the topic; others than secrets are skipped. */
  restore({ key, value, timestamp }: Pick<Inbound, "key" | "value" | "timestamp">): void {
    const text = String(key)
    if (text.length !== idCharacters) return
    const id = wordsOfText(text, 0)
    if (value === null) {
      this.map.delete(id)
      this.lastTombstoneAt = Math.max(this.lastTombstoneAt, timestamp)
    } else if (value.length === secretBytes) this.put(id, value, timestamp)
  }

  has(id: IdWords): boolean {
    return this.map.find(id) >= 0
  }

  /** @param personId an id as base64url text */
  hasText(personId: string): boolean {
    return this.has(wordsOfText(personId, 0))
  }

  /** A copy of the secret; null where it is not known. */
  secretOf(id: IdWords): Uint8Array | null {
    const at = this.map.find(id)
    if (at < 0) return null
    const secret = new Uint32Array(this.map.words.subarray(at, at + secretWords))
    return new Uint8Array(secret.buffer)
  }

  /** The secrets of ids that stand one behind the other; null where one is not known. */
  secretsOf(ids: Buffer): ReadonlyArray<Uint8Array> | null {
    const secrets: Array<Uint8Array> = []
    for (let at = 0; at < ids.length; at += personIdBytes) {
      const secret = this.secretOf(wordsOfBytes(ids, at))
      if (secret === null) return null
      secrets.push(secret)
    }
    return secrets
  }

  /** Whether the secret exists, and did at `seconds` since the epoch. */
  isFrom(id: IdWords, seconds: number): boolean {
    const at = this.map.find(id)
    return at >= 0 && this.map.words[at + createdWord]! <= seconds
  }

  /** @param now in milliseconds since the epoch */
  put(id: IdWords, secret: Buffer, now: number): void {
    const at = this.map.take(id)
    const { words } = this.map
    for (let word = 0; word < secretWords; word++) words[at + word] = readWord(secret, word * 4)
    words[at + createdWord] = Math.floor(now / 1_000)
  }

  delete(id: IdWords): boolean {
    return this.map.delete(id)
  }
}

/** The record of a secret, or its tombstone. `partition` is that of the raw records. */
export const secretRecord = (id: Buffer, secret: Buffer | null, partition: number): Outbound => ({
  topic: topicNames.personKeys,
  key: id.toString("base64url"),
  value: secret,
  partition
})

const idCharacters = 16

/** In the byte order of typed arrays, so that the words' bytes are the secret's. */
const readWord = (bytes: Buffer, at: number): number =>
  isLittleEndian ? bytes.readUInt32LE(at) : bytes.readUInt32BE(at)
const isLittleEndian = new Uint8Array(new Uint32Array([1]).buffer)[0] === 1

/** Days for which such records can be opened. */
const unattributedDays = 26
const dayMillis = 86_400_000

/**
 * The id of the day of a time, in milliseconds since the epoch (UTC). Raw records without an identifier, and records that cannot be
 * read, are sealed under the secret of the day: it is destroyed after some weeks, since no one could ask for them by name.
 */
export const dayIdOf = (identity: IdentityKey, at: number): Buffer =>
  identity.idsOf([sha256(`capi-relay/unattributed/${Math.floor(at / dayMillis)}`)])

/** The ids of the days whose secrets are due to be destroyed; of as many days as a sealer may have been away. */
export const expiredDayIds = (identity: IdentityKey, now: number): ReadonlyArray<Buffer> =>
  Array.from({ length: awayDaysMax }, (_, days) => dayIdOf(identity, now - (unattributedDays + 1 + days) * dayMillis))

const awayDaysMax = 400

/** Whether a sealed record's only id is that of a day around its time: of the sealer's clock, which may differ from the broker's. */
export const isUnattributed = (identity: IdentityKey, ids: Buffer, timestamp: number): boolean =>
  [-1, 0, 1].some((days) => dayIdOf(identity, timestamp + days * dayMillis).equals(ids))
