import { createHmac, hkdfSync } from "node:crypto"
import { assert, describe, it } from "@effect/vitest"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import * as fc from "fast-check"
import { deadLetterAad, makeSealer, openRecipient, sealRecipient } from "./sealer.ts"

const sealer = makeSealer(Redacted.make("one key"))
const other = makeSealer(Redacted.make("another key"))
const bytes = fc.uint8Array({ maxLength: 300 }).map((array) => Buffer.from(array))

describe("the sealer", () => {
  it("opens what it sealed, with the same words beside it only", () => {
    fc.assert(
      fc.property(bytes, fc.string(), fc.string(), (plaintext, aad, wrong) => {
        const sealed = sealer.seal(plaintext, aad)
        assert.deepStrictEqual(sealer.open(sealed, aad), Result.succeed(plaintext))
        if (wrong !== aad) assert.isTrue(Result.isFailure(sealer.open(sealed, wrong)))
        assert.isTrue(Result.isFailure(other.open(sealed, aad)))
      })
    )
  })

  it("takes its nonce from Node's own HMAC-SHA-256 of length, aad and plaintext", () => {
    const key = Buffer.from(hkdfSync("sha256", "one key", "", "capi-relay/sealer/v1/nonce", 32))
    fc.assert(
      fc.property(bytes, fc.string(), (plaintext, aad) => {
        const length = Buffer.alloc(4)
        length.writeUInt32BE(Buffer.byteLength(aad))
        const mac = createHmac("sha256", key).update(length).update(aad).update(plaintext).digest()
        assert.deepStrictEqual(sealer.seal(plaintext, aad).subarray(5, 17), mac.subarray(0, 12))
      })
    )
  })

  it("gives the same bytes for the same input, and others for any other", () => {
    const sealed = sealer.seal(Buffer.from("a"), "x")
    assert.deepStrictEqual(sealer.seal(Buffer.from("a"), "x"), sealed)
    const nonce = (sealedBytes: Buffer) => sealedBytes.subarray(5, 17).toString("hex")
    assert.notStrictEqual(nonce(sealer.seal(Buffer.from("b"), "x")), nonce(sealed))
    assert.notStrictEqual(nonce(sealer.seal(Buffer.from("a"), "y")), nonce(sealed))
    // The same bytes in all, cut elsewhere between what is sealed and what is beside it.
    assert.notStrictEqual(nonce(sealer.seal(Buffer.from("xa"), "")), nonce(sealed))
  })

  it("notices each flipped bit", () => {
    const sealed = sealer.seal(Buffer.from("+14155550132"), "x")
    for (let at = 0; at < sealed.length; at++) {
      const broken = Buffer.from(sealed)
      broken[at]! ^= 1
      assert.isTrue(Result.isFailure(sealer.open(broken, "x")), `byte ${at}`)
    }
  })

  it("says what is wrong with bytes that it never sealed", () => {
    const codeOf = (sealed: Buffer) => {
      const opened = sealer.open(sealed, "x")
      return Result.isFailure(opened) ? opened.failure.code : "opened"
    }
    assert.strictEqual(codeOf(Buffer.from("short")), "malformed")
    assert.strictEqual(codeOf(Buffer.alloc(64, 9)), "unknown_version")
    assert.strictEqual(codeOf(other.seal(Buffer.from("a"), "x")), "other_key")
    assert.strictEqual(codeOf(sealer.seal(Buffer.from("a"), "y")), "tampered")
    const broken = sealer.seal(Buffer.from("a"), "x")
    broken[20]! ^= 1
    assert.strictEqual(codeOf(broken), "tampered")
  })

  it("names its key in what it seals, and opens what earlier keys sealed", () => {
    const rotated = makeSealer(Redacted.make("another key"), [Redacted.make("one key")])
    assert.notStrictEqual(sealer.keyId, other.keyId)
    assert.strictEqual(rotated.keyId, other.keyId)
    assert.deepStrictEqual([sealer.opensKey(other.keyId), rotated.opensKey(sealer.keyId)], [false, true])
    for (const sealed of [sealer.seal(Buffer.from("a"), "x"), other.seal(Buffer.from("a"), "x")])
      assert.deepStrictEqual(rotated.open(sealed, "x"), Result.succeed(Buffer.from("a")))
    assert.include(sealer.seal(Buffer.from("a"), "x").toString("hex"), sealer.keyId)
  })

  it("opens what was sealed before keys had ids", () => {
    const sealed = sealer.seal(Buffer.from("a"), "x")
    const first = Buffer.concat([Buffer.from([1]), sealed.subarray(5)])
    assert.deepStrictEqual(sealer.open(first, "x"), Result.succeed(Buffer.from("a")))
    const opened = other.open(first, "x")
    assert.strictEqual(Result.isFailure(opened) ? opened.failure.code : "opened", "wrong_key_or_tampered")
  })

  it("binds a recipient to its event, and a dead letter to its place", () => {
    const sealed = sealRecipient(sealer, "+14155550132", "e-1")
    assert.notInclude(sealed, "14155550132")
    assert.deepStrictEqual(openRecipient(sealer, sealed, "e-1"), Result.succeed("+14155550132"))
    assert.isTrue(Result.isFailure(openRecipient(sealer, sealed, "e-2")))
    assert.notStrictEqual(deadLetterAad("key", "t", 0, 1), deadLetterAad("value", "t", 0, 1))
  })
})
