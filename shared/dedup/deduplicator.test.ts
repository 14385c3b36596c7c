import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import fc from "fast-check"
import { checksum, Deduplicator, entryOf, packEntries } from "./deduplicator.ts"
import type { Entry, Lookup } from "./id-table.ts"

const now = 1_795_000_000_000
const hour = 3_600_000
const occurrence = (eventId: string, offset: number, content = "c") => ({
  eventId,
  partition: 3,
  offset,
  timestamp: now,
  content: checksum(content)
})
const options = { window: Duration.hours(24), idsMax: 1_000_000 }

/** What is known of the occurrence; a new one is remembered. */
const check = (seen: Deduplicator, entry: Entry): Lookup => {
  const found = seen.lookup(entry)
  if (found === "absent") seen.remember(entry)
  return found
}

describe("the deduplicator", () => {
  it("distinguishes a new id, the same record, a duplicate and a conflict", () => {
    const seen = new Deduplicator(options)
    assert.strictEqual(check(seen, entryOf(occurrence("a", 1), now)), "absent")
    assert.strictEqual(check(seen, entryOf(occurrence("a", 1), now + hour)), "same_record")
    assert.strictEqual(check(seen, entryOf(occurrence("a", 2), now + hour)), "duplicate")
    assert.strictEqual(check(seen, entryOf(occurrence("a", 2, "other"), now + hour)), "conflict")
    assert.strictEqual(check(seen, entryOf(occurrence("b", 2), now)), "absent")
    assert.strictEqual(seen.lookup(entryOf(occurrence("a", 9), now)), "duplicate")
  })

  it("distinguishes positions beyond 32 bits and by partition", () => {
    const seen = new Deduplicator(options)
    check(seen, entryOf(occurrence("a", 5), now))
    assert.strictEqual(check(seen, entryOf(occurrence("a", 5 + 2 ** 32), now)), "duplicate")
    assert.strictEqual(check(seen, entryOf({ ...occurrence("a", 5), partition: 4 }, now)), "duplicate")
  })

  it("distinguishes records at one position of a topic that was created again by their time", () => {
    fc.assert(
      fc.property(fc.nat(), fc.nat(), fc.nat(), (offset, timestamp, later) => {
        const seen = new Deduplicator(options)
        check(seen, entryOf({ ...occurrence("a", offset), timestamp }, now))
        const again = entryOf({ ...occurrence("a", offset), timestamp: timestamp + later }, now)
        assert.strictEqual(check(seen, again), later === 0 ? "same_record" : "duplicate")
      })
    )
  })

  it("knows the records of a changelog that holds positions without times", () => {
    const packed = Buffer.from(packEntries([entryOf(occurrence("a", 5 + 2 ** 33), now)]))
    packed.writeUIntLE(5 + 2 ** 33, 16, 6)
    packed.writeUInt16LE(3, 22)
    const seen = new Deduplicator(options)
    seen.restore(packed, now)
    assert.strictEqual(check(seen, entryOf(occurrence("a", 5 + 2 ** 33), now)), "same_record")
    assert.strictEqual(check(seen, entryOf(occurrence("a", 6 + 2 ** 33), now)), "duplicate")
  })

  it("forgets an id after the window", () => {
    const seen = new Deduplicator(options)
    check(seen, entryOf(occurrence("a", 1), now))
    assert.strictEqual(check(seen, entryOf(occurrence("a", 2), now + 24 * hour)), "duplicate")
    assert.strictEqual(check(seen, entryOf(occurrence("a", 2), now + 24 * hour + 1000)), "absent")
  })

  it("knows after a restore what it knew before", () => {
    const packed = packEntries(
      Array.from({ length: 5_000 }, (_, i) => entryOf(occurrence(`id-${i}`, i + 2 ** 33), now))
    )
    const seen = new Deduplicator(options)
    seen.restore(packed, now + hour)
    assert.strictEqual(seen.statistics.ids, 5_000)
    for (let i = 0; i < 5_000; i++) {
      assert.strictEqual(check(seen, entryOf(occurrence(`id-${i}`, i + 2 ** 33), now)), "same_record")
      assert.strictEqual(check(seen, entryOf(occurrence(`id-${i}`, i), now)), "duplicate")
    }
  })

  it("stays within its limit, drops the oldest first and counts them", () => {
    const seen = new Deduplicator({ window: Duration.hours(24), idsMax: 20_000 })
    for (let i = 0; i < 60_000; i++) check(seen, entryOf(occurrence(`id-${i}`, i), now + i * 1000))
    const { ids, evictedBySize } = seen.statistics
    assert.isAtMost(ids, 20_000 + 256)
    assert.isAtLeast(ids, 15_000)
    assert.strictEqual(ids + evictedBySize, 60_000)
    for (let i = 59_000; i < 60_000; i++)
      assert.strictEqual(seen.lookup(entryOf(occurrence(`id-${i}`, -1 + 2 ** 40), now + 60_000_000)), "duplicate")
  })

  it("makes room by age before it grows", () => {
    const seen = new Deduplicator({ window: Duration.seconds(10), idsMax: 1_000_000 })
    for (let i = 0; i < 200_000; i++) check(seen, entryOf(occurrence(`id-${i}`, i), now + i))
    assert.isAtMost(seen.statistics.ids, 40_000)
    assert.isAbove(seen.statistics.evictedByAge, 0)
  })

  it("forgets no more than it must of ids that came in one second", () => {
    const seen = new Deduplicator({ window: Duration.hours(24), idsMax: 100_000 })
    for (let i = 0; i < 110_000; i++) check(seen, entryOf(occurrence(`id-${i}`, i), now))
    assert.isAbove(seen.statistics.ids, 85_000)
  })

  it("holds an id in at most 40 bytes", () => {
    const seen = new Deduplicator({ window: Duration.hours(24), idsMax: 10_000_000 })
    for (let i = 0; i < 400_000; i++) check(seen, entryOf(occurrence(`id-${i}`, i), now))
    const { bytes, ids } = seen.statistics
    assert.strictEqual(ids, 400_000)
    assert.isAtMost(bytes / ids, 40)
  })

  it("agrees with a plain map for any sequence of occurrences", () => {
    const step = fc.record({
      id: fc.integer({ min: 0, max: 40 }),
      offset: fc.integer({ min: 0, max: 3 }),
      content: fc.constantFrom("x", "y")
    })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 300 }), (steps) => {
        const seen = new Deduplicator(options)
        const model = new Map<number, { offset: number; content: string }>()
        for (const { id, offset, content } of steps) {
          const known = model.get(id)
          const expected =
            known === undefined
              ? "absent"
              : known.offset === offset
                ? "same_record"
                : known.content === content
                  ? "duplicate"
                  : "conflict"
          if (known === undefined) model.set(id, { offset, content })
          assert.strictEqual(check(seen, entryOf(occurrence(`${id}`, offset, content), now)), expected)
        }
      })
    )
  })
})
