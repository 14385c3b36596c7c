/** Tables of cases for a normalizer, as tests. */
import { assert, describe, it } from "@effect/vitest"
import type { Field } from "./field.ts"

/** A value, what it becomes, or the reason (in brackets) why it is left out. */
type Cases = ReadonlyArray<readonly [input: string, expected: string | null]>

export const check = (name: string, cases: Cases, rule: (input: string) => Field<string | null>): void => {
  describe(name, () => {
    it.each(cases)("%j → %j", (input, expected) => {
      const result = rule(input)
      assert.strictEqual("value" in result ? result.value : `(${result.dropped})`, expected)
    })
  })
}

/** One of the forms that a normalizer gives. */
export const pick = <Forms, Key extends keyof Forms>(result: Field<Forms>, key: Key): Field<Forms[Key]> =>
  "value" in result ? { value: result.value[key] } : result
