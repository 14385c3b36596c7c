import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import { readJson } from "./read-record.ts"

const messageOf = (text: string): string => {
  const read = readJson(Buffer.from(text))
  return read._tag === "Problem" ? read.problem.message : assert.fail("It was read.")
}

describe("a text that is no JSON", () => {
  it.each([
    ['{"value": NaN}', ": NaN is not a value of JSON."],
    ['{"value": [1, -Infinity]}', ": -Infinity is not a value of JSON."],
    ['{"user": None, "a": 1}', ": None is not a value of JSON."],
    ["{'event_id': 'e'}", ": its names are in single quotes, as Python prints a dictionary. Use json.dumps."],
    ['{"a": 1}\n{"a": 2}', ": more follows behind the object, at character 9. A record is one event."],
    ['{"a": "jane', ": it ends too early."],
    ['{"a": 1', ": it ends too early."],
    ["{", ": it ends too early."],
    ['{"a": 1,}', ", from character 8 on."],
    ['{"a": "x\ty"}', ", from character 8 on."],
    ['{"a": 01}', ", from character 7 on."]
  ])("%j says what is wrong", (text, expected) => {
    assert.strictEqual(messageOf(text), `The record is not valid JSON${expected}`)
  })

  it("is not quoted", () => {
    const names = fc.constantFrom("jane.doe@shop.example", "Janedoe", "4155550132")
    fc.assert(
      fc.property(names, fc.string({ maxLength: 20 }), fc.nat(60), (name, between, end) => {
        for (const text of [
          `{"a": "${name}", ${between} NaN, ${name}}`,
          `{'${name}': ${between}'${name}'`,
          `{${name}${between}`,
          `{"a": "${name}"} ${name}${between}`,
          `{"a": ${name}}`,
          `{"email": "${name}", "b": "${name}${between}`.slice(0, end + 8)
        ]) {
          const read = readJson(Buffer.from(text))
          if (read._tag === "Problem") assert.notInclude(read.problem.message.toLowerCase(), name.toLowerCase())
        }
      })
    )
  })
})
