import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import os from "node:os"
import path from "node:path"
import type { DatabaseSync } from "node:sqlite"
import { assert, describe, it } from "@effect/vitest"
import { onTestFinished } from "vitest"
import { makeIdentityKey } from "../../shared/credentials/identity-key.ts"
import { type IndexEntry, IndexStore } from "./index-store.ts"
import { makeTermHasher } from "./terms.ts"

const hour = 3_600_000
const options = { file: ":memory:", owner: "a", retentionMillis: 24 * hour }
const entry = (term: number, offset: number, at = 0, partition = 0): IndexEntry => ({
  term,
  topic: "results",
  partition,
  offset,
  at
})
const offsetsOf = (store: IndexStore, term: number) => store.find(term).map(({ offset }) => offset)

const temporaryFile = (): string => {
  const folder = mkdtempSync(path.join(os.tmpdir(), "capi-index-"))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  return path.join(folder, "index.sqlite")
}

describe("the index", () => {
  it("finds what a plain map finds, over batches, merges and repeated entries", () => {
    const store = new IndexStore(options)
    const expected = new Map<number, Set<number>>()
    let random = 7
    const next = (below: number) => {
      random = (random * 48_271) % 2_147_483_647
      return random % below
    }
    for (let batch = 0; batch < 40; batch++) {
      const entries = Array.from({ length: 700 }, () => entry(next(3_000) * 2 ** 30 + 1, next(5_000), next(2) * hour))
      for (const { term, offset } of entries) expected.set(term, (expected.get(term) ?? new Set()).add(offset))
      store.add(entries, [])
      while (batch % 3 === 0 && store.merge());
    }
    assert.isBelow(store.size().runs, 40)
    for (const [term, offsets] of [...expected].slice(0, 300))
      assert.deepStrictEqual(
        offsetsOf(store, term),
        [...offsets].sort((left, right) => left - right)
      )
    assert.deepStrictEqual(store.find(5), [])
  })

  it("finds a term that fills several blocks", () => {
    const store = new IndexStore(options)
    const many = Array.from({ length: 2_000 }, (_, offset) => entry(9, offset))
    store.add([entry(8, 1), ...many, entry(10, 2)], [])
    assert.strictEqual(store.find(9).length, 2_000)
    assert.deepStrictEqual(offsetsOf(store, 8), [1])
    assert.deepStrictEqual(offsetsOf(store, 10), [2])
  })

  it("keeps entries and positions in its file, written together or not at all", () => {
    const file = temporaryFile()
    const first = new IndexStore({ ...options, file })
    first.add([entry(1, 10, 0, 3)], [{ topic: "results", partition: 3, offset: 11 }])
    // No offset is without a number: the transaction fails after its entries.
    assert.throws(() => first.add([entry(2, 20)], [{ topic: "results", partition: 0, offset: Number.NaN }]))
    first.close()
    const again = new IndexStore({ ...options, file })
    assert.deepStrictEqual(again.find(1), [{ topic: "results", partition: 3, offset: 10 }])
    assert.deepStrictEqual(again.positions(), [{ topic: "results", partition: 3, offset: 11 }])
    assert.deepStrictEqual(again.find(2), [])
    again.close()
    const other = new IndexStore({ ...options, file, owner: "another key" })
    assert.deepStrictEqual([...other.find(1), ...other.positions()], [])
    other.close()
  })

  it("refuses a second program on its file", () => {
    const file = temporaryFile()
    const first = new IndexStore({ ...options, file })
    assert.throws(() => new IndexStore({ ...options, file }), /locked/)
    first.close()
  })

  it("drops what is older than the retention, and nothing younger", () => {
    const store = new IndexStore(options)
    const now = 1_000 * hour
    store.add([entry(1, 1, now - 26 * hour), entry(1, 2, now - 23 * hour), entry(1, 3, now)], [])
    assert.strictEqual(store.expire(now), 1)
    assert.deepStrictEqual(offsetsOf(store, 1), [2, 3])
    assert.strictEqual(store.size().entries, 2)
  })
})

describe("terms", () => {
  const hasher = makeTermHasher(makeIdentityKey(Buffer.alloc(32, 1)))
  const term = (text: string, kind: "event" | "order" | "click" = "event") => hasher.termsOf(kind, [text])[0]!

  it("differ by text, kind and key, and are the same for a key of bytes", () => {
    const others = makeTermHasher(makeIdentityKey(Buffer.alloc(32, 2)))
    const terms = [term("o-1"), term("o-2"), term("o-1", "order"), others.termsOf("event", ["o-1"])[0]!]
    assert.strictEqual(new Set(terms).size, 4)
    assert.strictEqual(hasher.termsOf("event", [Buffer.from("o-1")])[0], term("o-1"))
    assert.notStrictEqual(others.keyName, hasher.keyName)
    for (const one of terms) assert.isTrue(Number.isSafeInteger(one) && one >= 0 && one < 2 ** 47)
  })

  it("leave no text in the file", () => {
    const file = temporaryFile()
    const store = new IndexStore({ ...options, file, owner: hasher.keyName })
    const texts = Array.from({ length: 500 }, (_, index) => `order-of-jane-${index}`)
    const terms = hasher.termsOf("order", texts)
    store.add(
      [...terms].map((one, offset) => entry(one, offset)),
      []
    )
    store.close()
    const bytes = readFileSync(file)
    for (const text of texts) assert.isFalse(bytes.includes(text))
  })

  it("says that the disk is full, and goes on where there is room again", () => {
    const store = new IndexStore({ ...options, file: temporaryFile() })
    onTestFinished(() => store.close())
    store.add([entry(1, 1)], [{ topic: "results", partition: 0, offset: 2 }])
    const pages = (most: number) => (Reflect.get(store, "db") as DatabaseSync).exec(`PRAGMA max_page_count = ${most}`)
    pages(20)
    const many = Array.from({ length: 20_000 }, (_, index) => entry(index + 2, index + 2))
    const moved = [{ topic: "results", partition: 0, offset: 20_002 }]
    assert.throws(() => store.add(many, moved), /database or disk is full/)
    assert.deepStrictEqual(offsetsOf(store, 1), [1])
    assert.deepStrictEqual(offsetsOf(store, 2), [])
    assert.deepStrictEqual(store.positions(), [{ topic: "results", partition: 0, offset: 2 }])
    pages(100_000)
    store.add(many, moved)
    assert.deepStrictEqual(offsetsOf(store, 20_001), [20_001])
    assert.deepStrictEqual(store.positions(), moved)
  })
})
