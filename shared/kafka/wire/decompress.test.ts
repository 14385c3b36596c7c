import { assert, it } from "@effect/vitest"
import fc from "fast-check"
import { decompressLz4, decompressSnappy } from "./decompress.ts"
import compressed from "./fixtures/compressed.json" with { type: "json" }

const text =
  Array.from({ length: 300 }, (_, index) => `{"event_id":"e${index}","n":"purchase"}`).join("") + "z".repeat(50)

const bytesOf = (base64: string) => Buffer.from(base64, "base64")

it("reads what Kafka's Java client compressed", () => {
  assert.strictEqual(decompressLz4(bytesOf(compressed.lz4))?.toString(), text)
  assert.strictEqual(decompressSnappy(bytesOf(compressed.snappyFramed))?.toString(), text)
  assert.strictEqual(decompressSnappy(bytesOf(compressed.snappyRaw))?.toString(), text)
})

it("answers damaged input with null, never with an exception", () => {
  assert.isNull(decompressLz4(bytesOf(compressed.lz4).subarray(0, 200)))
  assert.isNull(decompressSnappy(bytesOf(compressed.snappyRaw).subarray(0, 200)))
  assert.isNull(decompressSnappy(Buffer.from([0xff, 0xff, 0xff, 0xff, 0x0f, 0])))
  const valid = [compressed.lz4, compressed.snappyFramed, compressed.snappyRaw].map(bytesOf)
  fc.assert(
    fc.property(fc.constantFrom(...valid), fc.nat(2_000), fc.nat(255), (input, at, byte) => {
      const damaged = Buffer.from(input)
      damaged[at % damaged.length] = byte
      decompressLz4(damaged)
      decompressSnappy(damaged)
    })
  )
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
      decompressLz4(Buffer.concat([bytesOf(compressed.lz4).subarray(0, 7), bytes]))
      decompressSnappy(Buffer.from(bytes))
    })
  )
})
