import { assert, describe, it } from "@effect/vitest"
import fc from "fast-check"
import { printable, printableLine, visibleJson } from "./printable.ts"

const obeyed = /(?![\n\t])[\p{Cc}\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/u
const anyText = fc.oneof(
  fc.string({ unit: "binary" }),
  fc.string({
    unit: fc.constantFrom("\u001b", "\u009b", "\u0000", "\u202e", "\u2066", "\ud800", "\n", "\t", "[31m", "a")
  })
)

describe("printable text", () => {
  it.each([
    ["\u001b[2J", "\\u001b[2J"],
    ["a\u0000b\u009bc\u007f", "a\\u0000b\\u009bc\\u007f"],
    ["gpj.\u202etxt", "gpj.\\u202etxt"],
    ["\u2066x\u2069 \u200e\u061c\ufeff", "\\u2066x\\u2069 \\u200e\\u061c\\ufeff"],
    ["over\rwritten", "over\\u000dwritten"],
    ["\ud800 lone", "\\ud800 lone"],
    ["\u{e0041}", "\\udb40\\udc41"],
    ["Zoë 中文 می‌خواهم 👩‍👩‍👧 \n\t", "Zoë 中文 می‌خواهم 👩‍👩‍👧 \n\t"]
  ])("shows %j as %j", (text, shown) => {
    assert.strictEqual(printable(text), shown)
  })

  it("is one line where it is to be one", () => {
    assert.strictEqual(printableLine("id\nforged row\tx\u001b"), "id\\u000aforged row\\u0009x\\u001b")
  })

  it("stands in JSON for a page as the text that shows the character", () => {
    const shown = visibleJson({ "a\u202e": ["gpj.\u202etxt", "\u009b", "\u{e0041}", "Zoë", "\\u202e", 1] })
    assert.notMatch(shown, obeyed)
    const parsed = { "a\\u202e": ["gpj.\\u202etxt", "\\u009b", "\\udb40\\udc41", "Zoë", "\\u202e", 1] }
    assert.deepStrictEqual(JSON.parse(shown), parsed)
  })

  it("holds nothing that a terminal obeys, and is final", () => {
    fc.assert(
      fc.property(anyText, (text) => {
        const shown = printable(text)
        assert.notMatch(shown, obeyed)
        assert.isTrue(shown.isWellFormed())
        assert.strictEqual(printable(shown), shown)
        assert.notMatch(printableLine(text), /[\n\t]/)
      }),
      { numRuns: 3_000 }
    )
  })

  it("is the same JSON", () => {
    fc.assert(
      fc.property(fc.dictionary(anyText, anyText), (value) => {
        assert.deepStrictEqual(JSON.parse(printable(JSON.stringify(value))), JSON.parse(JSON.stringify(value)))
      }),
      { numRuns: 1_000 }
    )
  })
})
