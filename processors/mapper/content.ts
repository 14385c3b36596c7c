/** What two occurrences of one event must have in common to be the same event: all that was normalized but its source. */

import { checksum } from "../../shared/dedup/deduplicator.ts"

/**
 * The checksum of an encoded NormalizedEvent without the header of Confluent's format and without the field `source`, which
 * differs between two raw records whatever they say. Equal events written by the same schema give the same. Never fails:
 * bytes that are no NormalizedEvent give some number.
 */
export const contentOf = (value: Buffer): number => {
  const start = headerBytes
  const name = skipText(value, skipText(value, start))
  const sourceAt = skipLong(value, name)
  const topicEnd = skipText(value, sourceAt)
  const sourceEnd = skipLong(value, skipLong(value, skipLong(value, topicEnd)))
  return checksum(value.subarray(start, sourceAt), value.subarray(sourceEnd))
}

/** A zero byte and the four bytes of the schema's id. */
const headerBytes = 5

/** Avro's long: seven bits a byte, the eighth says that more follow. */
const skipLong = (value: Buffer, at: number): number => {
  let next = at
  while (next < value.length && value[next]! >= 0x80) next++
  return next + 1
}

/** Avro's text: its length in bytes as a zigzag long, then the bytes. */
const skipText = (value: Buffer, at: number): number => {
  let length = 0
  let factor = 1
  let next = at
  for (let byte = 0x80; next < value.length && byte >= 0x80; next++, factor *= 0x80) {
    byte = value[next]!
    length += (byte & 0x7f) * factor
  }
  return next + length / 2
}
