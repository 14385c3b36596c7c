import { assert, it } from "@effect/vitest"
import { MemberPositions } from "./member.ts"

const p0 = { topic: "t", partition: 0 }

it("delivers nothing before the first seek", () => {
  const positions = new MemberPositions()
  assert.deepStrictEqual(positions.assign({ t: [0] }, false).waiting, [p0])
  assert.isNull(positions.advance(p0, 0, 10))
})

it("stops at a fetch behind its position, until it is sought again", () => {
  const positions = new MemberPositions()
  positions.assign({ t: [0] }, false)
  positions.seek(p0, 5)
  assert.deepStrictEqual(positions.advance(p0, 5, 10), { position: 5, gap: false })
  assert.deepStrictEqual(positions.advance(p0, 12, 20), { position: 10, gap: true })
  assert.isNull(positions.advance(p0, 10, 20))
})

it("stops at a fetch before its position: the log was created again, and other records have these offsets", () => {
  for (const endOffset of [3, 20]) {
    const positions = new MemberPositions()
    positions.assign({ t: [0] }, false)
    positions.seek(p0, 10)
    assert.deepStrictEqual(positions.advance(p0, 0, endOffset), { position: 10, gap: true })
  }
})

it("goes on over a rebalance that the membership survived, and not over another", () => {
  const positions = new MemberPositions()
  positions.assign({ t: [0, 1] }, false)
  positions.seek(p0, 5)
  positions.advance(p0, 5, 8)
  assert.deepStrictEqual(positions.assign({ t: [0] }, true).retained, [{ ...p0, offset: 8 }])
  assert.deepStrictEqual(positions.assign({ t: [0] }, false).waiting, [p0])
})

it("passes a run without records only if it follows directly", () => {
  const positions = new MemberPositions()
  positions.assign({ t: [0] }, false)
  positions.seek(p0, 5)
  assert.isFalse(positions.pass(p0, 6, 7))
  assert.isTrue(positions.pass(p0, 5, 6))
  assert.strictEqual(positions.positionOf(p0), 6)
})
