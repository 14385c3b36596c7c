import { assert, describe, it } from "@effect/vitest"
import { makeSampler, type RawPosition, traceIdOf } from "./trace-context.ts"

const positions = Array.from(
  { length: 50_000 },
  (_, index): RawPosition => ({
    topic: "raw-events",
    partition: index % 12,
    offset: 9_000_000_000 + Math.floor(index / 12),
    timestamp: 1_795_000_000_000 + Math.floor(index / 40)
  })
)
const ids = positions.map(traceIdOf)

describe("the sampler", () => {
  it.each([0.01, 0.25, 0.5])("takes about %d of the events, spread over partitions", (ratio) => {
    const sampler = makeSampler({ name: "parentbased_traceidratio", ratio })
    const taken = positions.filter(sampler.samplesPosition)
    assert.closeTo(taken.length / positions.length, ratio, 0.003)
    for (let partition = 0; partition < 12; partition++) {
      const share = taken.filter((position) => position.partition === partition).length / (positions.length / 12)
      assert.closeTo(share, ratio, 0.03)
    }
  })

  it("decides by the trace id what it decides by the position, so that every hop and every other participant agrees", () => {
    const ratio = makeSampler({ name: "traceidratio", ratio: 0.1 })
    for (const [index, position] of positions.entries())
      assert.strictEqual(
        ratio.samplesContext({ traceId: ids[index]!, isSampled: false }),
        ratio.samplesPosition(position)
      )
  })

  it("gives each raw record a trace id of the form, and the same each time", () => {
    assert.strictEqual(new Set(ids).size, ids.length)
    for (const id of ids.slice(0, 100)) assert.match(id, /^[0-9a-f]{32}$/)
    assert.strictEqual(traceIdOf(positions[7]!), ids[7])
  })

  it.each([
    ["always_on", true, true],
    ["always_off", false, false],
    ["parentbased_always_on", true, false],
    ["parentbased_always_off", false, false]
  ] as const)("%s: without a parent %s, under a parent that is not sampled %s", (name, alone, under) => {
    const sampler = makeSampler({ name, ratio: 0.5 })
    assert.strictEqual(sampler.samplesPosition(positions[0]!), alone)
    assert.strictEqual(sampler.samplesContext({ traceId: ids[0]!, isSampled: false }), under)
    if (name.startsWith("parentbased")) assert.isTrue(sampler.samplesContext({ traceId: ids[0]!, isSampled: true }))
  })
})
