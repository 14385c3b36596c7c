import process from "node:process"
import { assert, describe, it } from "@effect/vitest"
import { corpusOf, type FuzzTarget, fuzz, reasonAgainst } from "./fuzz.ts"
import { fuzzTargets } from "./targets.ts"

const targets = await fuzzTargets()

describe.each(targets)("$name", (target) => {
  it("breaks no promise on any kept input", () => {
    for (const { choice, file, input } of corpusOf(target.name))
      assert.isNull(reasonAgainst(target, input, choice), file)
    for (const input of target.seeds)
      for (let choice = 0; choice < 7; choice++) assert.isNull(reasonAgainst(target, input, choice))
  })

  it("breaks none on a few thousand mutated ones (`make fuzz` tries a million)", () => {
    const { done, finds } = fuzz(target, { seed: 1, cases: 3_000, millisMax: 20_000 })
    assert.deepStrictEqual(
      finds.map(({ reason }) => reason),
      []
    )
    assert.isAbove(done, 100)
  })
})

describe("the fuzzer", () => {
  const target = (run: FuzzTarget["run"]): FuzzTarget => ({
    name: "planted",
    seeds: [Buffer.from(JSON.stringify({ name: "a", list: [1, 2, 3], group: { text: "b" } }))],
    run
  })
  const options = { seed: 7, cases: 20_000, millisMax: 20_000 }

  it("finds a planted mistake, and the same one by the same seed", () => {
    const planted = target((input) => {
      if (/"list":true/.test(input.toString("latin1"))) throw new Error("a list that is true")
    })
    const [first, second] = [fuzz(planted, options), fuzz(planted, options)]
    assert.isTrue(first.finds.some(({ reason }) => reason.includes("a list that is true")))
    const inputsOf = ({ finds }: typeof first) => finds.map(({ choice, input }) => [choice, input.toString("hex")])
    assert.deepStrictEqual(inputsOf(first), inputsOf(second))
  })

  it("finds what takes too long", () => {
    const slow = target(() => {
      const begun = process.threadCpuUsage().user
      while (process.threadCpuUsage().user - begun < 300_000);
    })
    assert.isTrue(fuzz(slow, { ...options, cases: 1 }).finds.some(({ reason }) => reason.includes("250 ms")))
  })
})
