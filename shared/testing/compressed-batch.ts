/** For tests: record batches as a producer of another language may make them, compressed in any way, and how they are written as they are. */
import { once } from "node:events"
import { connect } from "node:net"
import zlib from "node:zlib"
import { codecs } from "../kafka/wire/compression.ts"
import { crc32c } from "../kafka/wire/hashes.ts"
import { headerBytes } from "../kafka/wire/record-batch-reader.ts"
import { type BatchRecord, sizeBatch, writeBatch } from "../kafka/wire/record-batch-writer.ts"

export const madeAt = 1_790_000_000_000

/** The batch as it is without compression. */
export const plainBatch = (records: ReadonlyArray<BatchRecord>): Buffer => {
  const sized = sizeBatch(records, madeAt)
  const batch = Buffer.alloc(sized.bytes)
  const producer = { producerId: -1n, producerEpoch: -1, firstSequence: -1 }
  writeBatch(batch, 0, sized, { now: madeAt, transactional: false, ...producer })
  return batch
}

/** The batch with its records as they are given, in place of those it has: what is compressed, or damaged. */
export const withRecords = (plain: Buffer, codec: number, records: Buffer, firstOffset = 0): Buffer => {
  const batch = Buffer.concat([plain.subarray(0, headerBytes), records])
  batch.writeBigInt64BE(BigInt(firstOffset))
  batch.writeInt32BE(batch.length - 12, 8)
  batch.writeInt16BE(codec, 21)
  batch.writeUInt32BE(crc32c(batch, 21, batch.length), 17)
  return batch
}

/** The batch, compressed. */
export const compressedBatch = (records: ReadonlyArray<BatchRecord>, codec: number, firstOffset = 0): Buffer => {
  const plain = plainBatch(records)
  return withRecords(plain, codec, compress(codec, plain.subarray(headerBytes)), firstOffset)
}

const compress = (codec: number, bytes: Buffer): Buffer => {
  switch (codec) {
    case codecs.gzip:
      return zlib.gzipSync(bytes)
    case codecs.zstd:
      return zlib.zstdCompressSync(bytes)
    case codecs.lz4:
      return lz4(bytes)
    case codecs.snappy:
      return snappy(bytes)
    default:
      return bytes
  }
}

/** An LZ4 frame of blocks of 64 KiB: a literal for all that is no run of one byte. */
const lz4 = (bytes: Buffer): Buffer => {
  const parts: Array<Buffer> = [Buffer.from([0x04, 0x22, 0x4d, 0x18, 0x60, 0x40, 0x82])]
  for (let from = 0; from < bytes.length; from += 65_536) {
    const block = lz4Block(bytes.subarray(from, from + 65_536))
    const size = Buffer.alloc(4)
    size.writeUInt32LE(block.length)
    parts.push(size, block)
  }
  return Buffer.concat([...parts, Buffer.alloc(4)])
}

const lz4Block = (bytes: Buffer): Buffer => {
  const parts: Array<Buffer> = []
  // The last five bytes are literals.
  const end = bytes.length - 5
  let from = 0
  for (let at = 1; at < end; ) {
    const run = runAt(bytes, at, end)
    if (run < 20) {
      at += Math.max(1, run)
      continue
    }
    parts.push(lz4Sequence(bytes.subarray(from, at), run))
    at += run
    from = at
  }
  return Buffer.concat([...parts, lz4Sequence(bytes.subarray(from), 0)])
}

/** Literals, and a run that repeats the last of them; 0 for none, as at the end. */
const lz4Sequence = (literals: Buffer, run: number): Buffer => {
  const token = (Math.min(15, literals.length) << 4) | (run === 0 ? 0 : Math.min(15, run - 4))
  return Buffer.concat([
    Buffer.from([token]),
    moreLength(literals.length - 15),
    literals,
    ...(run === 0 ? [] : [Buffer.from([1, 0]), moreLength(run - 4 - 15)])
  ])
}

const moreLength = (left: number): Buffer =>
  left < 0 ? Buffer.alloc(0) : Buffer.concat([Buffer.alloc(Math.floor(left / 255), 255), Buffer.from([left % 255])])

/** Bytes from `at` on that equal the one before them. */
const runAt = (bytes: Buffer, at: number, end: number): number => {
  let to = at
  while (to < end && bytes[to] === bytes[at - 1]) to++
  return to - at
}

/** One block of Snappy. */
const snappy = (bytes: Buffer): Buffer => {
  const parts: Array<Buffer> = [varint(bytes.length)]
  let from = 0
  for (let at = 1; at < bytes.length; ) {
    const run = runAt(bytes, at, bytes.length)
    if (run < 20) {
      at += Math.max(1, run)
      continue
    }
    parts.push(snappyLiteral(bytes.subarray(from, at)), snappyCopies(run))
    at += run
    from = at
  }
  return Buffer.concat([...parts, snappyLiteral(bytes.subarray(from))])
}

const snappyLiteral = (bytes: Buffer): Buffer => {
  if (bytes.length === 0) return bytes
  const length = Buffer.alloc(4)
  length.writeUInt32LE(bytes.length - 1)
  return Buffer.concat([Buffer.from([63 << 2]), length, bytes])
}

const snappyCopies = (run: number): Buffer => {
  const copies = Buffer.alloc(3 * Math.ceil(run / 64))
  for (let [at, left] = [0, run]; left > 0; at += 3, left -= 64) {
    copies[at] = ((Math.min(64, left) - 1) << 2) | 2
    copies.writeUInt16LE(1, at + 1)
  }
  return copies
}

const varint = (value: number): Buffer => {
  const bytes: Array<number> = []
  let rest = value
  for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 128)
  return Buffer.from([...bytes, rest])
}

/** Writes a batch to a partition of the broker, as it is; gives the broker's error code, 0 for none. */
export const produceBatch = async (
  broker: string,
  topic: string,
  partition: number,
  batch: Buffer
): Promise<number> => {
  const [host = "", port = ""] = broker.split(":")
  const socket = connect(Number(port), host)
  try {
    await once(socket, "connect")
    socket.write(produceRequest(topic, partition, batch))
    const [response] = (await once(socket, "data")) as [Buffer]
    // Size, id of the request, number of topics, name, number of partitions, partition.
    return response.readInt16BE(4 + 4 + 4 + 2 + Buffer.byteLength(topic) + 4 + 4)
  } finally {
    socket.destroy()
  }
}

/** Kafka protocol, "Produce Request", version 7. */
const produceRequest = (topic: string, partition: number, batch: Buffer): Buffer => {
  const name = Buffer.from(topic)
  const head = Buffer.alloc(4 + 2 + 2 + 4 + 2 + 2 + 2 + 4 + 4 + 2)
  head.writeInt32BE(head.length - 4 + name.length + 4 + 4 + 4 + batch.length)
  let at = head.writeInt16BE(0, 4)
  at = head.writeInt16BE(7, at)
  at = head.writeInt32BE(1, at)
  at = head.writeInt16BE(-1, at)
  at = head.writeInt16BE(-1, at)
  at = head.writeInt16BE(-1, at)
  at = head.writeInt32BE(30_000, at)
  at = head.writeInt32BE(1, at)
  head.writeInt16BE(name.length, at)
  const tail = Buffer.alloc(4 + 4 + 4)
  tail.writeInt32BE(1)
  tail.writeInt32BE(partition, 4)
  tail.writeInt32BE(batch.length, 8)
  return Buffer.concat([head, name, tail, batch])
}
