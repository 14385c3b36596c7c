import { createCipheriv, hash, hkdfSync } from "node:crypto"
import { assert, describe, it } from "@effect/vitest"
import { makeIdentityKey, personIdCharacters, splitPersonIds } from "./identity-key.ts"

const root = Buffer.alloc(32, 7)
const key = makeIdentityKey(root)
const sha = (text: string) => hash("sha256", text, "hex")

/** The rule, spelled out with plain Node. */
const expected = (hashed: string): string => {
  const half = Buffer.from(hashed, "hex").subarray(0, 16)
  const derived = Buffer.from(hkdfSync("sha256", root, "", "capi-relay/person-id/v1", 32))
  const encrypted = createCipheriv("aes-256-ecb", derived, null).setAutoPadding(false).update(half)
  return Buffer.from(encrypted.map((byte, index) => byte ^ half[index]!)).toString("base64url", 0, 12)
}

describe("keyed ids", () => {
  it("follow the rule, alone, together and again", () => {
    const hashes = ["jane@shop.example", "+14155550132", "u-77"].map(sha)
    const text = key.idTextOf(hashes)!
    assert.deepStrictEqual(splitPersonIds(text), hashes.map(expected))
    assert.strictEqual(key.idTextOf(hashes), text)
    for (const one of hashes) assert.strictEqual(key.idTextOf([one]), expected(one))
    assert.strictEqual(key.idsOf(hashes).toString("base64url"), text)
  })

  it("are the same for the events of a batch", () => {
    const events = [["a", "b"], [], ["c"], ["a"]].map((names) => names.map(sha))
    assert.deepStrictEqual(key.idTextsOf(events), events.map(key.idTextOf))
    assert.deepStrictEqual(key.idTextsOf([]), [])
  })

  it("have 16 characters, give each identifier once, and differ by root key", () => {
    const one = sha("jane@shop.example")
    assert.strictEqual(key.idTextOf([one, one])!.length, personIdCharacters)
    assert.isNull(key.idTextOf([]))
    assert.notStrictEqual(makeIdentityKey(Buffer.alloc(32, 8)).idTextOf([one]), key.idTextOf([one]))
    assert.notInclude(key.idsOf([one]).toString("hex"), one.slice(0, 16))
  })

  it("leave what was given as it is: a later call writes elsewhere", () => {
    const first = key.idsOf([sha("a")])
    const copy = Buffer.from(first)
    key.idsOf([sha("b")])
    assert.deepStrictEqual(first, copy)
  })
})

it("the key of an event needs every secret", () => {
  const [one, two, three] = [1, 2, 3].map((byte) => Buffer.alloc(32, byte)) as [Buffer, Buffer, Buffer]
  const bytes = (secrets: ReadonlyArray<Buffer>) => key.eventKey(secrets).export().toString("hex")
  assert.strictEqual(bytes([one, two]), bytes([one, two]))
  assert.strictEqual(new Set([bytes([one, two]), bytes([one]), bytes([two]), bytes([one, three])]).size, 4)
})
