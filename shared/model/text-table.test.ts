import { assert, it } from "@effect/vitest"
import fc from "fast-check"
import { textTable, wordTable } from "./text-table.ts"

/** As a text is that was cut from another or joined, and not one of the source. */
const fresh = (text: string): string => `${text}!`.slice(0, -1)

it("finds what a Map finds", () => {
  const text = fc.oneof(
    fc.string({ maxLength: 4 }),
    fc.string({ unit: "binary", maxLength: 40 }),
    fc.constant("__proto__")
  )
  fc.assert(
    fc.property(
      fc.array(fc.tuple(text, fc.nat()), { maxLength: 50 }),
      fc.array(text, { maxLength: 20 }),
      (entries, others) => {
        const map = new Map(entries)
        const table = textTable(entries)
        for (const asked of [...map.keys(), ...others]) assert.strictEqual(table(fresh(asked)), map.get(asked))
      }
    )
  )
})

it("finds texts that differ in characters that a search does not look at", () => {
  const long = Array.from({ length: 200 }, (_, at) => `${"a".repeat(at)}b${"a".repeat(199 - at)}`)
  const table = textTable(long.map((text, index) => [text, index] as const))
  for (const [index, text] of long.entries()) assert.strictEqual(table(fresh(text)), index)
  assert.isUndefined(table("a".repeat(200)))
})

it("gives words and nothing else", () => {
  const word = wordTable(["", "granted", "denied"])
  assert.strictEqual(word(fresh("granted")), "granted")
  assert.strictEqual(word(""), "")
  for (const other of ["grante", "grantee", "Granted", "\u0000"]) assert.isUndefined(word(other))
})
