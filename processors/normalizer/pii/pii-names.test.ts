import { assert, describe, it } from "@effect/vitest"
import { containsName, namePatternOf } from "./pii-names.ts"
import { scanText } from "./text-scan.ts"

const none = namePatternOf(null)
const contains = (text: string, first: string): boolean =>
  containsName(text, scanText(text), namePatternOf(first), none)

describe("a name in a text", () => {
  it("is found behind longer words that hold it", () => {
    for (const text of ["janette met jane", "Jane", "janejane jane", "janes, then Jane!", "xjane janex (jane)"])
      assert.isTrue(contains(text, "Jane"), text)
    assert.isTrue(contains("aaaaaa aaa", "Aaa"))
  })

  it("is no part of a longer word", () => {
    for (const text of ["janette", "xjane", "janejane", "mary-janette"]) assert.isFalse(contains(text, "Jane"), text)
    assert.isFalse(contains("a".repeat(50), "Aaa"))
  })
})
