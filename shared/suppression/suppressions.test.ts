import { hash } from "node:crypto"
import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import type { Suppression } from "../../schemas/types.gen.ts"
import { makeIdentityKey } from "../credentials/identity-key.ts"
import { IdMap, wordsOfBytes, wordsOfText } from "./id-map.ts"
import { type Suppressible, SuppressionTable, suppressionKey } from "./suppressions.ts"

const key = makeIdentityKey(Buffer.alloc(32, 1))
const idsOf = (...names: ReadonlyArray<string>) => key.idTextOf(names.map((name) => hash("sha256", name, "hex")))!
const at = 1_795_000_000_500

const eventOf = (names: ReadonlyArray<string>, changes: Partial<Suppressible> = {}): Suppressible => ({
  person_ids: names.length === 0 ? null : idsOf(...names),
  event_time: at,
  source: { topic: "raw-events", partition: 0, offset: 0, timestamp: at },
  consent: null,
  ...changes
})
const record = (fields: Partial<Suppression> = {}): Suppression => ({
  at,
  erasure: null,
  destroy_at: null,
  ad_user_data: null,
  ad_personalization: null,
  sale_of_data: null,
  ...fields
})
const tableOf = (...entries: ReadonlyArray<readonly ["erased" | "consent", string, Suppression | null]>) => {
  const table = new SuppressionTable()
  for (const [kind, name, value] of entries) table.apply(suppressionKey(kind, idsOf(name)), value)
  return table
}

describe("an erased person", () => {
  const table = tableOf(["erased", "jane", record()])

  it("is found by any of an event's identifiers, and no one else is", () => {
    assert.deepStrictEqual(table.find(eventOf(["joe", "jane"])), { _tag: "Erased" })
    assert.isNull(table.find(eventOf(["joe"])))
    assert.isNull(table.find(eventOf([])))
  })

  it("is a customer again by what happens later, whatever a clock ahead of ours says", () => {
    const later = at + 2_000
    assert.isNull(
      table.find(eventOf(["jane"], { event_time: later, source: { ...eventOf([]).source, timestamp: later } }))
    )
    assert.isNotNull(table.find(eventOf(["jane"], { event_time: later })))
    assert.isNotNull(table.find(eventOf(["jane"], { source: { ...eventOf([]).source, timestamp: later } })))
  })

  it("is forgotten where the erasure is cancelled, and then costs nothing", () => {
    const cancelled = tableOf(["erased", "jane", record()], ["erased", "jane", null])
    assert.isNull(cancelled.find(eventOf(["jane"])))
    assert.strictEqual(cancelled.size, 0)
  })
})

describe("a withdrawn consent", () => {
  const table = tableOf(["consent", "jane", record({ ad_user_data: "denied", sale_of_data: "granted" })])
  const granted = { ad_user_data: "granted", ad_personalization: "granted", sale_of_data: null }

  it("is put in the place of what an earlier event had", () => {
    const found = table.find(eventOf(["jane"], { consent: granted }))
    assert.deepStrictEqual(found, { _tag: "Withdrawn", consent: { ...granted, ad_user_data: "denied" } })
  })

  it("changes nothing where the event denies the same, and never allows what it denies", () => {
    assert.isNull(table.find(eventOf(["jane"], { consent: { ...granted, ad_user_data: "denied" } })))
    const allowing = tableOf(["consent", "jane", record({ ad_user_data: "granted" })])
    assert.isNull(allowing.find(eventOf(["jane"], { consent: { ...granted, ad_user_data: "denied" } })))
    assert.strictEqual(allowing.size, 0)
  })

  it("holds for a later event that says nothing, and not for one with consent", () => {
    const later = { event_time: at + 2_000, source: { ...eventOf([]).source, timestamp: at + 2_000 } }
    assert.isNotNull(table.find(eventOf(["jane"], later)))
    assert.isNull(table.find(eventOf(["jane"], { ...later, consent: granted })))
  })

  it("and an erasure of the same person do not end one another", () => {
    const both = tableOf(
      ["erased", "jane", record()],
      ["consent", "jane", record({ ad_user_data: "denied" })],
      ["erased", "jane", null]
    )
    assert.strictEqual(both.find(eventOf(["jane"]))?._tag, "Withdrawn")
  })
})

describe("the map of ids", () => {
  const id = fc.uint8Array({ minLength: 12, maxLength: 12 }).filter((bytes) => bytes.some((byte) => byte !== 0))

  it("reads the same id from bytes and text", () => {
    fc.assert(
      fc.property(id, (array) => {
        const bytes = Buffer.from(array)
        assert.deepStrictEqual(wordsOfText(`xx${bytes.toString("base64url")}`, 2), wordsOfBytes(bytes, 0))
      })
    )
  })

  it("holds what a Map holds after any takes and deletes", () => {
    // Few first words, so that ids share a home.
    const small = fc.record({ id0: fc.integer({ min: 1, max: 5 }), id1: fc.nat(3), id2: fc.nat(3) })
    const step = fc.record({ id: small, value: fc.option(fc.integer({ min: 1, max: 1_000 }), { nil: null }) })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 300 }), (steps) => {
        const [map, expected] = [new IdMap(2), new Map<string, number>()]
        for (const { id, value } of steps) {
          if (value === null) assert.strictEqual(map.delete(id), expected.delete(JSON.stringify(id)))
          else {
            map.words.fill(value, map.take(id), map.take(id) + 2)
            expected.set(JSON.stringify(id), value)
          }
        }
        assert.strictEqual(map.size, expected.size)
        for (const [name, value] of expected) {
          const found = map.find(JSON.parse(name))
          assert.deepStrictEqual([map.words[found], map.words[found + 1]], [value, value])
        }
      })
    )
  })

  it("takes at most 48 bytes for each identifier of 200,000", () => {
    const table = new SuppressionTable()
    const bytes = Buffer.alloc(12)
    for (let index = 0; index < 200_000; index++) {
      bytes.writeUInt32BE(Math.imul(index + 1, 2_654_435_761) >>> 0 || 1)
      bytes.writeUInt32BE(index, 4)
      table.apply(suppressionKey("erased", bytes.toString("base64url")), record())
    }
    assert.strictEqual(table.size, 200_000)
    assert.isAtMost(table.bytes / table.size, 48)
  })
})
