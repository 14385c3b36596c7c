import { assert, it } from "@effect/vitest"
import * as fc from "fast-check"
import { crc32c } from "./hashes.ts"

/** A bit at a time, as the definition has it. */
const byBits = (bytes: Uint8Array): number => {
  let crc = 0xffffffff
  for (const byte of bytes) {
    crc ^= byte
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1
  }
  return ~crc >>> 0
}

it("gives the checksum of the standard's example", () => {
  assert.strictEqual(crc32c(Buffer.from("123456789"), 0, 9), 0xe3069283)
})

it("gives that of any bytes, wherever they are in memory", () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 200 }),
      fc.nat(20),
      fc.nat(20),
      fc.nat(7),
      (bytes, before, after, offset) => {
        const memory = new Uint8Array(offset + before + bytes.length + after).fill(0x5a)
        memory.set(bytes, offset + before)
        const part = memory.subarray(offset)
        assert.strictEqual(crc32c(part, before, before + bytes.length), byBits(bytes))
      }
    ),
    { numRuns: 2_000 }
  )
})
