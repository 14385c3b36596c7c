/**
 * Event ids, order ids and click ids as the index holds them: 47 bits of a keyed function, so that the file says nothing to who has
 * no root key, and of two texts that get the same term by chance the records themselves say which was meant. Pure.
 */
import { createCipheriv, hash } from "node:crypto"
import type { IdentityKey } from "../../shared/credentials/identity-key.ts"
import { type QueryKind, queryKinds } from "../../shared/event-story/story.ts"

export interface TermHasher {
  /** Which root key it is of: other keys give other texts. */
  readonly keyName: string
  /** The terms of texts of one kind, as integers below 2^47: one call of the cipher for all of them. */
  readonly termsOf: (kind: QueryKind, texts: ReadonlyArray<string | Buffer>) => Float64Array
}

/** A term is AES-256 of the first half of the text's SHA-256, XOR that half, as keyed ids are; each kind has its key. */
export const makeTermHasher = (identity: Pick<IdentityKey, "keyFor">): TermHasher => {
  const cipherFor = (purpose: string) =>
    createCipheriv("aes-256-ecb", identity.keyFor(`event-index/v1/${purpose}`), null).setAutoPadding(false)
  const ciphers = Object.fromEntries(queryKinds.map((kind) => [kind, cipherFor(kind)]))
  const name = cipherFor("name").update(Buffer.alloc(blockBytes)).toString("hex")
  return {
    keyName: name,
    termsOf: (kind, texts) => {
      const blocks = Buffer.allocUnsafe(texts.length * blockBytes)
      for (let index = 0; index < texts.length; index++)
        hash("sha256", texts[index]!, "buffer").copy(blocks, index * blockBytes, 0, blockBytes)
      const encrypted = ciphers[kind]!.update(blocks)
      const terms = new Float64Array(texts.length)
      for (let index = 0; index < terms.length; index++) {
        const at = index * blockBytes
        const high = ((encrypted.readUInt16BE(at) ^ blocks.readUInt16BE(at)) & 0x7fff) * 2 ** 32
        terms[index] = high + ((encrypted.readUInt32BE(at + 2) ^ blocks.readUInt32BE(at + 2)) >>> 0)
      }
      return terms
    }
  }
}

/** A block of AES, and half of a SHA-256. */
const blockBytes = 16
