/** A file of connections takes time in proportion to its length, and stands for a bounded number of values. */
import { assert, describe, it } from "@effect/vitest"
import * as SchemaParser from "effect/SchemaParser"
import { cpuMillis, growthOf, linearRatioMax } from "../testing/growth.ts"
import { json } from "./fields.ts"
import { substitute } from "./variables.ts"
import { YamlTree } from "./yaml-tree.ts"

const read = (text: string): YamlTree => new YamlTree(text, { A: "x" })
const problemsOf = (text: string): string =>
  read(text)
    .problems.map(({ message }) => message)
    .join(" ")
const lines = (count: number, line: (index: number) => string): string =>
  Array.from({ length: count }, (_, index) => line(index)).join("\n")

describe("the time of a file of connections", () => {
  it.each<[string, (count: number) => string]>([
    ["keys", (count) => lines(count, (index) => `k${index}: v`)],
    ["aliases of one anchor", (count) => `a: &a x\nl:\n${lines(count, () => "- *a")}`],
    ["anchors with an alias each", (count) => `l:\n${lines(count, (index) => `- &a${index} x\n- *a${index}`)}`],
    ["variables that are not set", (count) => lines(count, (index) => `k${index}: \${B${index}}`)],
    ["comments", (count) => `${lines(count, () => "# c")}\nk: v`]
  ])("grows with the number of %s", (_, make) => {
    assert.isAtMost(growthOf(2_000, make, read).ratio, linearRatioMax)
  })

  it.each(["${A}", "${", "${A:-", "$${", "${A:-x}", "}${A:-"])("grows with the length of a text of %s", (repeated) => {
    const make = (count: number) => repeated.repeat(count)
    assert.isAtMost(growthOf(20_000, make, (text) => substitute(text, { A: "x" })).ratio, linearRatioMax)
  })
})

describe("brackets", () => {
  it.each(["[{", "]", "{[]]"])("of %s without end are a problem before the parser has read them", (repeated) => {
    const file = repeated.repeat(1_000_000)
    const millis = cpuMillis(() => assert.include(problemsOf(file), "more than 1000 brackets have no counterpart"))
    assert.isBelow(millis, 20_000)
  })

  it("may be many where they are closed", () => {
    assert.strictEqual(problemsOf(`list: [${"[],".repeat(2_000)}]`), "")
  })
})

describe("aliases", () => {
  it("stand for the last node before them with their anchor", () => {
    const { root } = read("a: &x 1\nb: *x\nc: &x 2\nd: *x\ne: &y { f: &z [3] }\ng: *y\nh: *z\n")
    assert.deepStrictEqual(SchemaParser.decodeUnknownSync(json)(root), {
      a: 1,
      b: 1,
      c: 2,
      d: 2,
      e: { f: [3] },
      g: { f: [3] },
      h: [3]
    })
  })

  it("that stand for very many values are a problem", () => {
    const list = (of: string) => `[${Array.from({ length: 9 }, () => of).join(",")}]`
    const bomb = `a0: &a0 ${list("x")}\n${lines(8, (index) => `a${index + 1}: &a${index + 1} ${list(`*a${index}`)}`)}`
    const millis = cpuMillis(() => assert.include(problemsOf(bomb), "more than 2000 values"))
    // It stands for 43 million, which take minutes.
    assert.isBelow(millis, 20_000)
  })

  it("may stand for ten times what a file has written out", () => {
    const shared = lines(20, (index) => `  k${index}: v`)
    const file = (count: number) =>
      `shared: &shared\n${shared}\nlist:\n${lines(count, (index) => `- { id: ${index}, of: *shared }`)}`
    assert.strictEqual(problemsOf(file(3_000)), "")
    assert.include(
      problemsOf(`shared: &shared\n${shared}\nlist:\n${lines(3_000, () => "- *shared")}`),
      "by its aliases"
    )
  })
})

describe("placeholders", () => {
  it.each([
    ["${A}-${B:-y}-${C:-}", "x-y-", false],
    ["$${A} ${A:-z}", "${A} x", false],
    ["${E:-y}", "y", false],
    ["${A:-open ${A}", "x", false],
    ["${A} ${A:-open", "x ${A:-open", true],
    ["${1} ${A}", "${1} x", true],
    ["a ${A b}", "a ${A b}", true]
  ])("%s", (text, expected, malformed) => {
    const result = substitute(text, { A: "x", E: "" })
    assert.deepStrictEqual([result.text, result.malformed], [expected, malformed])
  })
})
