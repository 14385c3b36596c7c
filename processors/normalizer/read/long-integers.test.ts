import { assert, it } from "@effect/vitest"
import fc from "fast-check"
import { longIntegersAsText } from "./long-integers.ts"

it.each([
  ['{"a":12345678901234567890}', '{"a":"12345678901234567890"}'],
  [
    "[9007199254740991,9007199254740992,-9007199254740993]",
    '[9007199254740991,"9007199254740992","-9007199254740993"]'
  ],
  [" 12345678901234567890 ", ' "12345678901234567890" '],
  ['{"12345678901234567890":"\\"12345678901234567890\\\\"}', '{"12345678901234567890":"\\"12345678901234567890\\\\"}'],
  [
    "[1.2345678901234567890,1e1234567890123456789,12345678901234567890.5]",
    "[1.2345678901234567890,1e1234567890123456789,12345678901234567890.5]"
  ],
  ['[true,false,null,"é\u{1F600}",00000]', '[true,false,null,"é\u{1F600}",00000]'],
  ["{}", "{}"]
])("%s", (json, expected) => assert.strictEqual(longIntegersAsText(json), expected))

/** Node gives a reviver the number as it was written. */
const keepDigits = (_key: string, value: unknown, context?: { readonly source?: string }): unknown =>
  typeof value === "number" && !Number.isSafeInteger(value) && /^-?[0-9]+$/.test(context?.source ?? "")
    ? context!.source
    : value

it("changes nothing else of any JSON", () => {
  const longs = fc.array(fc.bigInt({ min: -(2n ** 64n), max: 2n ** 64n }).map(String))
  fc.assert(
    fc.property(fc.json(), longs, fc.string(), (json, numbers, text) => {
      const whole = `{"a":[${numbers.join(" , ")}],${JSON.stringify(text)}:${json}}`
      assert.deepStrictEqual(JSON.parse(longIntegersAsText(whole)), JSON.parse(whole, keepDigits))
    })
  )
})

it("ends at the end of a text that is not JSON", () => {
  assert.strictEqual(longIntegersAsText('{"host":":::'), '{"host":":::')
  assert.strictEqual(longIntegersAsText('"\\'), '"\\')
})
