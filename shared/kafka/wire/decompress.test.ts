import zlib from "node:zlib"
import { assert, describe, it } from "@effect/vitest"
import fc from "fast-check"
import { compressedBatch, plainBatch } from "../../testing/compressed-batch.ts"
import { portionBytesMax } from "./batch-bounds.ts"
import { codecs, decompress, decompressedParts } from "./compression.ts"
import { decompressLz4, decompressSnappy, lz4Parts, snappyParts } from "./decompress.ts"
import { TooFarBack } from "./decompression-output.ts"
import compressed from "./fixtures/compressed.json" with { type: "json" }
import { compressedRecords, headerBytes } from "./record-batch-reader.ts"
import { zstdCompress } from "./zstd.ts"

const text =
  Array.from({ length: 300 }, (_, index) => `{"event_id":"e${index}","n":"purchase"}`).join("") + "z".repeat(50)

const bytesOf = (base64: string) => Buffer.from(base64, "base64")
const bytesMax = 1_048_576
const names = ["gzip", "snappy", "lz4", "zstd"] as const

it("reads what Kafka's Java client compressed", () => {
  assert.strictEqual(decompressLz4(bytesOf(compressed.lz4), bytesMax)?.toString(), text)
  assert.strictEqual(decompressSnappy(bytesOf(compressed.snappyFramed), bytesMax)?.toString(), text)
  assert.strictEqual(decompressSnappy(bytesOf(compressed.snappyRaw), bytesMax)?.toString(), text)
  assert.strictEqual(Buffer.concat([...lz4Parts(bytesOf(compressed.lz4))]).toString(), text)
  for (const snappy of [compressed.snappyFramed, compressed.snappyRaw])
    assert.strictEqual(Buffer.concat([...snappyParts(bytesOf(snappy))]).toString(), text)
})

it("reads several streams of Java's framing, one behind the other, as Kafka's Java client does", () => {
  const framed = bytesOf(compressed.snappyFramed)
  assert.strictEqual(decompressSnappy(Buffer.concat([framed, framed, framed]), bytesMax)?.toString(), text.repeat(3))
})

it("answers damaged input with null, never with an exception", () => {
  assert.isNull(decompressLz4(bytesOf(compressed.lz4).subarray(0, 200), bytesMax))
  assert.isNull(decompressSnappy(bytesOf(compressed.snappyRaw).subarray(0, 200), bytesMax))
  assert.isNull(decompressSnappy(Buffer.from([0xff, 0xff, 0xff, 0xff, 0x0f, 0]), bytesMax))
  const valid = [compressed.lz4, compressed.snappyFramed, compressed.snappyRaw].map(bytesOf)
  fc.assert(
    fc.property(fc.constantFrom(...valid), fc.nat(2_000), fc.nat(255), (input, at, byte) => {
      const damaged = Buffer.from(input)
      damaged[at % damaged.length] = byte
      decompressLz4(damaged, bytesMax)
      decompressSnappy(damaged, bytesMax)
    })
  )
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
      decompressLz4(Buffer.concat([bytesOf(compressed.lz4).subarray(0, 7), bytes]), bytesMax)
      decompressSnappy(Buffer.from(bytes), bytesMax)
    })
  )
})

describe.each(names)("the bound of %s", (name) => {
  const codec = codecs[name]
  const recordsOf = (bytes: number) => {
    const plain = plainBatch([{ key: null, value: Buffer.alloc(bytes, "a") }])
    const batch = compressedBatch([{ key: null, value: Buffer.alloc(bytes, "a") }], codec)
    return { plain: plain.subarray(headerBytes), records: compressedRecords(batch, 0) }
  }
  const given: Array<number> = []
  const whole = (records: Buffer) =>
    decompress(codec, records, (bytes) => {
      given.push(bytes)
      return Buffer.alloc(bytes)
    })

  it("is that of a portion: what has a byte more is not decompressed at once", async () => {
    const overhead = recordsOf(portionBytesMax).plain.length - portionBytesMax
    const fits = recordsOf(portionBytesMax - overhead)
    assert.strictEqual(fits.plain.length, portionBytesMax)
    assert.isTrue(whole(fits.records)?.equals(fits.plain))
    const tooMuch = recordsOf(portionBytesMax - overhead + 1)
    assert.isNull(whole(tooMuch.records))
    let bytes = 0
    for await (const part of decompressedParts(codec, tooMuch.records)) {
      assert.isAtMost(part.length, 4_194_304)
      assert.isTrue(part.equals(tooMuch.plain.subarray(bytes, bytes + part.length)))
      bytes += part.length
    }
    assert.strictEqual(bytes, tooMuch.plain.length)
    assert.isTrue(given.every((each) => each <= 4_194_304))
  })

  it("ends by an exception where the bytes end too early", async () => {
    const { records } = recordsOf(1_000_000)
    const read = async (): Promise<string> => {
      try {
        for await (const part of decompressedParts(codec, records.subarray(0, records.length - 9))) part.at(0)
        return "complete"
      } catch (error) {
        return (error as Error).name
      }
    }
    assert.strictEqual(await read(), "Error")
  })
})

describe("a size that lies", () => {
  const content = Buffer.alloc(200_000, "a record of a person")

  it("in the header of a Zstandard frame costs no more than it may claim", () => {
    const frame = Buffer.alloc(content.length)
    const written = frame.subarray(0, zstdCompress(content, frame)!)
    for (const claimed of [0, 1, 199_999, 4_000_000, 0xffffffff]) {
      const lying = Buffer.from(written)
      // A field of four bytes behind the descriptor says the size (RFC 8878, 3.1.1.1.4).
      assert.strictEqual(lying[4]! >> 6, 2)
      lying.writeUInt32LE(claimed, lying[4]! & 0x20 ? 5 : 6)
      const read = decompress(codecs.zstd, lying, (bytes) => {
        assert.isAtMost(bytes, 4_194_304)
        return Buffer.alloc(bytes)
      })
      assert.isNull(read, String(claimed))
    }
  })

  it("in Snappy's first bytes is no reason to take as much memory", () => {
    const lying = Buffer.concat([Buffer.from([0xff, 0xff, 0xff, 0xff, 0x07]), Buffer.alloc(100_000_000)])
    const before = process.memoryUsage().arrayBuffers
    assert.isNull(decompress(codecs.snappy, lying, Buffer.alloc))
    assert.isBelow(process.memoryUsage().arrayBuffers - before, 3 * portionBytesMax)
  })

  it("at the end of a gzip file is damage", () => {
    const lying = zlib.gzipSync(content)
    lying.writeUInt32LE(7, lying.length - 4)
    assert.isNull(decompress(codecs.gzip, lying, Buffer.alloc))
  })
})

it("says so where a block of Snappy refers further back than is kept", () => {
  const size = 3_000_000
  const literal = Buffer.alloc(size, "abcdefgh")
  const [total, septet] = [size + 4, 127]
  const sized = Buffer.from([total | 128, (total >> 7) | 128, (total >> 14) | 128, (total >> 21) & septet])
  const literalHead = Buffer.alloc(5)
  literalHead[0] = 63 << 2
  literalHead.writeUInt32LE(size - 1, 1)
  const copy = Buffer.alloc(5)
  copy[0] = (3 << 2) | 3
  copy.writeUInt32LE(size, 1)
  const block = Buffer.concat([sized, literalHead, literal, copy])
  assert.strictEqual(decompressSnappy(block, portionBytesMax)?.toString("utf8", size), "abcd")
  assert.throws(() => [...snappyParts(block)], TooFarBack)
})
