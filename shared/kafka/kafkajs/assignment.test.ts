import { assert, it } from "@effect/vitest"
import fc from "fast-check"
import { assignAllToOne, assignSticky } from "./assignment.ts"

const three = { a: [0, 1, 2, 3, 4, 5] }

it("shares out evenly from nothing", () => {
  const assigned = assignSticky(
    ["x", "y", "z"].map((memberId) => ({ memberId, owned: {} })),
    three
  )
  assert.deepStrictEqual(
    [...assigned.values()].map((share) => share["a"]?.length),
    [2, 2, 2]
  )
})

it("gives each member its part of every topic", () => {
  const inputs = { "delivery-retry.meta": [0, 1, 2, 3], "mapped-events.meta": [0, 1, 2, 3] }
  const assigned = assignSticky(
    ["x", "y"].map((memberId) => ({ memberId, owned: {} })),
    inputs
  )
  for (const share of assigned.values())
    assert.deepStrictEqual(
      Object.values(share).map((list) => list.length),
      [2, 2]
    )
})

it("moves only what a newcomer needs", () => {
  const assigned = assignSticky(
    [
      { memberId: "new", owned: {} },
      { memberId: "x", owned: { a: [0, 1, 2] } },
      { memberId: "y", owned: { a: [3, 4, 5] } }
    ],
    three
  )
  assert.deepStrictEqual(assigned.get("x"), { a: [0, 1] })
  assert.deepStrictEqual(assigned.get("y"), { a: [3, 4] })
  assert.deepStrictEqual(assigned.get("new"), { a: [2, 5] })
})

it("gives every partition to exactly one member, balanced to within one, whatever was claimed", () => {
  const claims = fc.array(fc.record({ a: fc.uniqueArray(fc.nat(9)), gone: fc.uniqueArray(fc.nat(3)) }), {
    minLength: 1,
    maxLength: 6
  })
  fc.assert(
    fc.property(claims, fc.nat(10), fc.nat(10), (owned, partitionsOfA, partitionsOfB) => {
      const partitions = {
        a: Array.from({ length: partitionsOfA }, (_, partition) => partition),
        b: Array.from({ length: partitionsOfB }, (_, partition) => partition)
      }
      const assigned = assignSticky(
        owned.map((claim, index) => ({ memberId: `m${index}`, owned: claim })),
        partitions
      )
      const given = [...assigned.values()].flatMap((share) =>
        Object.entries(share).flatMap(([topic, list]) => list.map((partition) => `${topic}${partition}`))
      )
      const expected = [...partitions.a.map((n) => `a${n}`), ...partitions.b.map((n) => `b${n}`)]
      assert.deepStrictEqual([...given].sort(), expected.sort())
      const sizes = [...assigned.values()].map((share) => Object.values(share).flat().length)
      assert.isAtMost(Math.max(...sizes) - Math.min(...sizes), 1)
      for (const topic of ["a", "b"]) {
        const ofTopic = [...assigned.values()].map((share) => share[topic]?.length ?? 0)
        assert.isAtMost(Math.max(...ofTopic) - Math.min(...ofTopic), 1, topic)
      }
      const again = assignSticky(
        [...assigned].map(([memberId, owned]) => ({ memberId, owned })),
        partitions
      )
      assert.deepStrictEqual(again, assigned, "nothing moves without a change")
    })
  )
})

it("keeps the active member when another joins", () => {
  const assigned = assignAllToOne(
    [
      { memberId: "a-newcomer", owned: {} },
      { memberId: "b-active", owned: three }
    ],
    three
  )
  assert.deepStrictEqual(assigned.get("b-active"), three)
  assert.deepStrictEqual(assigned.get("a-newcomer"), {})
})
