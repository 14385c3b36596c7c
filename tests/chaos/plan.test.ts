import { assert, it } from "@effect/vitest"
import { planOf } from "./plan.ts"

it("gives the same plan for the same seed, and another for another", () => {
  assert.deepStrictEqual(planOf(7), planOf(7))
  assert.notDeepEqual(planOf(7), { ...planOf(8), seed: 7 })
})

it("covers every kind, both sizes of cluster and a late registry within a few seeds", () => {
  const plans = [0, 1, 2].map(planOf)
  const kinds = new Set(plans.flatMap(({ disruptions }) => disruptions.map(({ kind }) => kind)))
  assert.strictEqual(kinds.size, 9)
  assert.deepStrictEqual([...new Set(plans.map(({ brokers }) => brokers))], [1, 3])
  assert.isTrue(plans.some(({ registryLate }) => registryLate))
})
