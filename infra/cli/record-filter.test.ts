import { assert, describe, it } from "@effect/vitest"
import { matches, parseFilter } from "./record-filter.ts"

const view = {
  partition: 0,
  offset: 3,
  time: "2026-11-23T10:00:00.000Z",
  key: "o-42",
  value: { outcome: "rejected", reason_code: "missing_value:100", batch_size: 3, error: null, user: { country: "US" } }
}

describe("a filter of records", () => {
  it.each([
    ["outcome=rejected", true],
    ["outcome=reject", false],
    ["outcome!=delivered", true],
    ["outcome!=rejected", false],
    ["reason_code~missing", true],
    ["batch_size=3", true],
    ["user.country=US", true],
    ["user.city=US", false],
    ["error=", true],
    ["o-42", true],
    ["o-43", false],
    ["key", true]
  ])("%s: %s", (text, expected) => {
    assert.strictEqual(matches(view, [parseFilter(text)]), expected)
  })

  it("is met by a record that meets all of them", () => {
    assert.isTrue(matches(view, [parseFilter("outcome=rejected"), parseFilter("o-42")]))
    assert.isFalse(matches(view, [parseFilter("outcome=rejected"), parseFilter("o-43")]))
  })
})
