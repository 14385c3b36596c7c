import { createSecretKey } from "node:crypto"
import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import { boxBytes, sealBox } from "./sealer.ts"
import { ShortBoxes } from "./short-box.ts"

const bytesOf = (length: number) =>
  fc.uint8Array({ minLength: length, maxLength: length }).map((array) => Buffer.from(array))
const bytesTo = (maxLength: number) => fc.uint8Array({ maxLength }).map((array) => Buffer.from(array))
const boxWith = (nonce: Buffer, plaintext: Buffer): Buffer => {
  const box = Buffer.alloc(boxBytes(plaintext.length), 0xff)
  box.set(nonce)
  return box
}

describe("short boxes", () => {
  it("give the bytes that Node's AES-256-GCM gives", () => {
    fc.assert(
      fc.property(
        bytesOf(32),
        fc.array(fc.tuple(bytesOf(12), bytesTo(64), bytesTo(64)), { minLength: 1, maxLength: 5 }),
        (key, messages) => {
          const boxes = new ShortBoxes(createSecretKey(key))
          for (const [nonce, plaintext, aad] of messages) {
            if (!boxes.fits(plaintext.length, aad.length)) continue
            const box = boxWith(nonce, plaintext)
            const expected = boxWith(nonce, plaintext)
            boxes.seal(box, 0, plaintext, aad)
            sealBox(key, expected, plaintext, aad)
            assert.deepStrictEqual(box, expected)
          }
        }
      ),
      { numRuns: 300 }
    )
  })

  it("give the bytes for every length that fits, and say which do", () => {
    const key = Buffer.alloc(32, 7)
    const boxes = new ShortBoxes(key)
    for (let length = 0; length <= 113; length++) {
      for (const aadLength of [0, 1, 15, 16, 17, 46, 112, 113]) {
        const blocks = Math.ceil(length / 16) + Math.ceil(aadLength / 16) + 1
        assert.strictEqual(boxes.fits(length, aadLength), blocks <= 8, `${length} and ${aadLength}`)
        if (blocks > 8) continue
        const [plaintext, aad] = [Buffer.alloc(length, 0xa5), Buffer.alloc(aadLength, 0x5a)]
        const box = boxWith(Buffer.alloc(12, length), plaintext)
        const expected = Buffer.from(box)
        boxes.seal(box, 0, plaintext, aad)
        sealBox(key, expected, plaintext, aad)
        assert.deepStrictEqual(box, expected, `${length} and ${aadLength}`)
      }
    }
  })

  it("give the published values of a message with data beside it (McGrew and Viega, test case 16)", () => {
    const hex = (text: string) => Buffer.from(text, "hex")
    const plaintext = hex(
      "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39"
    )
    const box = boxWith(hex("cafebabefacedbaddecaf888"), plaintext)
    const key = hex("feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308")
    new ShortBoxes(key).seal(box, 0, plaintext, hex("feedfacedeadbeeffeedfacedeadbeefabaddad2"))
    assert.strictEqual(box.subarray(-16).toString("hex"), "76fc6ece0f4e1768cddf8853bb2d551b")
  })

  it("leave the cipher of blocks without memory of the message before", () => {
    const boxes = new ShortBoxes(Buffer.alloc(32, 1))
    const seal = (text: string) => {
      const box = boxWith(Buffer.alloc(12, 3), Buffer.from(text))
      boxes.seal(box, 0, Buffer.from(text), Buffer.from("recipient:e-1"))
      return box.toString("hex")
    }
    const first = seal("+14155550132")
    seal("a longer message than the first one was")
    assert.strictEqual(seal("+14155550132"), first)
  })
})
