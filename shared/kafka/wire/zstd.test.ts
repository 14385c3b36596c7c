import { once } from "node:events"
import zlib from "node:zlib"
import { assert, it } from "@effect/vitest"
import fc from "fast-check"
import { zstdCompress, zstdDecompress } from "./zstd.ts"

const content = fc.oneof(
  fc.uint8Array({ maxLength: 3_000 }).map((bytes) => Buffer.from(bytes)),
  fc
    .tuple(fc.string({ minLength: 1, maxLength: 40 }), fc.nat({ max: 300_000 }))
    .map(([text, bytes]) => Buffer.alloc(bytes, text))
)
const compress = (bytes: Buffer): Buffer => {
  const output = Buffer.alloc(bytes.length + 1_000)
  return output.subarray(0, zstdCompress(bytes, output) ?? 0)
}
const bytesMax = 16 * 1_048_576
const give = (bytes: number) => Buffer.alloc(bytes)

it("compresses what Zstandard reads, and reads it into the buffer that it asks for", () => {
  fc.assert(
    fc.property(content, (bytes) => {
      const frame = compress(bytes)
      assert.isTrue(zlib.zstdDecompressSync(frame).equals(bytes))
      const given: Array<Buffer> = []
      const read = zstdDecompress(
        frame,
        (length) => {
          given.push(Buffer.alloc(length))
          return given[0]!
        },
        bytesMax
      )
      assert.isTrue(read.equals(bytes))
      // The shortest frames are read the usual way, with those that have no length.
      if (frame.length >= 18) assert.strictEqual(read, given[0])
    }),
    { numRuns: 200 }
  )
})

it("says so where the output is too small, and goes on with the next frame", () => {
  const noise = Buffer.from(Array.from({ length: 5_000 }, (_, index) => (index * index * 31) % 251))
  for (const room of [0, 1, 17, 100]) assert.isNull(zstdCompress(noise, Buffer.alloc(room)))
  assert.isTrue(zlib.zstdDecompressSync(compress(noise)).equals(noise))
})

it("reads frames without the length of their content, and several in a row", async () => {
  const stream = zlib.createZstdCompress()
  const parts: Array<Buffer> = []
  stream.on("data", (part: Buffer) => parts.push(part))
  for (let part = 0; part < 3; part++) stream.write(Buffer.alloc(40_000, `part ${part}`))
  stream.end()
  await once(stream, "end")
  const frame = Buffer.concat(parts)
  const whole = Buffer.concat([0, 1, 2].map((part) => Buffer.alloc(40_000, `part ${part}`)))
  assert.isTrue(zstdDecompress(frame, give, bytesMax).equals(whole))
  const two = Buffer.concat([compress(whole), compress(whole)])
  assert.isTrue(zstdDecompress(two, give, bytesMax).equals(Buffer.concat([whole, whole])))
})

it("throws for damaged frames, and reads the next one", () => {
  const text = Buffer.alloc(30_000, "a record of a person")
  const frame = compress(text)
  fc.assert(
    fc.property(
      fc.nat(frame.length - 1),
      fc.integer({ min: 1, max: 255 }),
      fc.nat(frame.length),
      (at, byte, length) => {
        const damaged = Buffer.from(frame)
        damaged[at] = damaged[at]! ^ byte
        for (const input of [damaged, frame.subarray(0, length)])
          try {
            zstdDecompress(input, give, bytesMax)
          } catch (error) {
            assert.instanceOf(error, Error)
          }
        assert.isTrue(zstdDecompress(frame, give, bytesMax).equals(text))
      }
    )
  )
  assert.throws(() => zstdDecompress(frame.subarray(0, frame.length - 1), give, bytesMax))
})
