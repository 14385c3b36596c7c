/** Helpers of the identity tests: customers, contexts, and tables of cases. */
import { assert, describe, it } from "@effect/vitest"
import type { RawUser } from "../../../schemas/types.gen.ts"
import { emptyRawUser } from "../../../schemas/values.gen.ts"
import type { Field } from "./field.ts"
import type { UserContext } from "./user.ts"

/** A customer with these values alone. */
export const rawUser = (fields: Partial<RawUser> = {}): RawUser => ({ ...emptyRawUser, ...fields })

/** 23 November 2026, no default country, nothing sealed. */
export const context = (fields: Partial<UserContext> = {}): UserContext => ({
  defaultCountries: [],
  eventTime: Date.UTC(2026, 10, 23),
  sealRecipient: null,
  drop: () => {},
  ...fields
})

/** A value, what it becomes, or the reason (in brackets) why it is left out. */
type Cases = ReadonlyArray<readonly [input: string, expected: string | null]>

/** A table of cases as tests. */
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
