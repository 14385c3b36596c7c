/** The bytes of a produce request (Kafka protocol, "Produce Request", versions 3 to 12) around its record batches. */

export interface ProduceHead {
  readonly acks: number
  readonly timeout: number
  readonly transactionalId?: string | null
}

export interface TopicBatches {
  readonly topic: string
  readonly partitions: ReadonlyArray<{
    readonly partition: number
    readonly bytes: number
    /** Gives the position after the batch. */
    readonly write: (into: Buffer, at: number) => number
  }>
}

/** How a version writes texts and lengths. */
export interface Framing {
  readonly textBytes: (text: string | null) => number
  readonly writeText: (into: Buffer, at: number, text: string | null) => number
  /** Of an array's count or of the length of records. */
  readonly countBytes: (count: number) => number
  readonly writeCount: (into: Buffer, at: number, count: number) => number
  /** Bytes of no tagged fields, which end the header and each structure. */
  readonly tagBytes: 0 | 1
}

/** Bytes of a NULLABLE_STRING: a length of two bytes, then UTF-8. */
export const nullableStringBytes = (text: string | null): number =>
  2 + (text === null || text === undefined ? 0 : Buffer.byteLength(text))

/** Writes a NULLABLE_STRING and gives the position after it. */
export const writeNullableString = (into: Buffer, at: number, text: string | null): number => {
  if (text === null) return into.writeInt16BE(-1, at)
  const start = into.writeInt16BE(Buffer.byteLength(text), at)
  return start + into.write(text, start)
}

export const framingBefore9: Framing = {
  textBytes: nullableStringBytes,
  writeText: writeNullableString,
  countBytes: () => 4,
  writeCount: (into, at, count) => into.writeInt32BE(count, at),
  tagBytes: 0
}

/** Bytes of an UNSIGNED_VARINT: seven bits in each. */
export const unsignedVarintBytes = (value: number): number => {
  let bytes = 1
  for (let left = value; left > 0x7f; left = Math.floor(left / 0x80)) bytes++
  return bytes
}

/** Writes an UNSIGNED_VARINT and gives the position after it. */
export const writeUnsignedVarint = (into: Buffer, at: number, value: number): number => {
  let next = at
  let left = value
  for (; left > 0x7f; left = Math.floor(left / 0x80)) next = into.writeUInt8((left % 0x80) | 0x80, next)
  return into.writeUInt8(left, next)
}

/** COMPACT_NULLABLE_STRING, COMPACT_ARRAY and COMPACT_RECORDS: lengths are UNSIGNED_VARINT, plus one. */
export const compactFraming: Framing = {
  textBytes: (text) =>
    text === null ? 1 : compactFraming.countBytes(Buffer.byteLength(text)) + Buffer.byteLength(text),
  writeText: (into, at, text) => {
    if (text === null) return into.writeUInt8(0, at)
    const start = compactFraming.writeCount(into, at, Buffer.byteLength(text))
    return start + into.write(text, start)
  },
  countBytes: (count) => unsignedVarintBytes(count + 1),
  writeCount: (into, at, count) => writeUnsignedVarint(into, at, count + 1),
  tagBytes: 1
}

export const requestBytes = (
  { transactionalId = null }: ProduceHead,
  topics: ReadonlyArray<TopicBatches>,
  { textBytes, countBytes, tagBytes }: Framing
): number => {
  let bytes = tagBytes + textBytes(transactionalId) + 2 + 4 + countBytes(topics.length) + tagBytes
  for (const { topic, partitions } of topics) {
    bytes += textBytes(topic) + countBytes(partitions.length) + tagBytes
    for (const batch of partitions) bytes += 4 + countBytes(batch.bytes) + batch.bytes + tagBytes
  }
  return bytes
}

/** From version 9 on the tagged fields of the header, which end it, come first. */
export const writeRequest = (
  into: Buffer,
  { transactionalId = null, acks, timeout }: ProduceHead,
  topics: ReadonlyArray<TopicBatches>,
  { writeText, writeCount, tagBytes }: Framing
): void => {
  const endOfFields = (at: number) => (tagBytes === 0 ? at : into.writeUInt8(0, at))
  let at = writeText(into, endOfFields(0), transactionalId)
  at = into.writeInt16BE(acks, at)
  at = into.writeInt32BE(timeout, at)
  at = writeCount(into, at, topics.length)
  for (const { topic, partitions } of topics) {
    at = writeCount(into, writeText(into, at, topic), partitions.length)
    for (const { partition, bytes, write } of partitions) {
      at = writeCount(into, into.writeInt32BE(partition, at), bytes)
      at = endOfFields(write(into, at))
    }
    at = endOfFields(at)
  }
  endOfFields(at)
}
