/** The partition that Java's client, and ours, choose for a record with this key. */
export const partitionOfKey = (key: Buffer | string, partitions: number): number =>
  partitionOfHash(murmur2(key), partitions)

/** The same for a key's hash. */
export const partitionOfHash = (hash: number, partitions: number): number => (hash & 0x7fffffff) % partitions

/** Murmur2 with the seed of Java's client: the hash of a key that decides its partition. */
export const murmur2 = (key: Buffer | string): number => (typeof key === "string" ? ofString(key) : ofBytes(key))

// The characters of an ASCII string are its bytes: most keys need no buffer.
const ofString = (key: string): number => {
  const { length } = key
  const codes = scratch.length < length ? new Uint8Array(length) : scratch
  for (let at = 0; at < length; at++) {
    const code = key.charCodeAt(at)
    if (code > 127) return ofBytes(Buffer.from(key))
    codes[at] = code
  }
  return hash(codes, length)
}

const scratch = new Uint8Array(256)

const ofBytes = (bytes: Uint8Array): number => hash(bytes, bytes.length)

const hash = (bytes: Uint8Array, length: number): number => {
  const whole = length & ~3
  let hash = 0x9747b28c ^ length
  for (let at = 0; at < whole; at += 4) {
    let word = bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)
    word = Math.imul(word, factor)
    word = Math.imul(word ^ (word >>> 24), factor)
    hash = Math.imul(hash, factor) ^ word
  }
  const rest = length - whole
  if (rest === 3) hash ^= bytes[whole + 2]! << 16
  if (rest >= 2) hash ^= bytes[whole + 1]! << 8
  if (rest >= 1) hash = Math.imul(hash ^ bytes[whole]!, factor)
  hash = Math.imul(hash ^ (hash >>> 13), factor)
  return hash ^ (hash >>> 15)
}

const factor = 0x5bd1e995
