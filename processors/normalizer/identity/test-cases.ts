/** A customer without any value, for tests that set a few. */

import { assert, describe, it } from "@effect/vitest"
import type { RawUser } from "../../../schemas/types.gen.ts"
import type { Field } from "./field.ts"
import type { UserContext } from "./user.ts"

export const rawUser = (fields: Partial<RawUser> = {}): RawUser => ({
  email: null,
  phone: null,
  first_name: null,
  last_name: null,
  city: null,
  state: null,
  zip: null,
  country: null,
  external_id: null,
  anonymous_id: null,
  date_of_birth: null,
  gender: null,
  ip: null,
  user_agent: null,
  fbp: null,
  fbc: null,
  fbclid: null,
  fbclid_time: null,
  gclid: null,
  gbraid: null,
  wbraid: null,
  dclid: null,
  ttclid: null,
  ttp: null,
  sc_click_id: null,
  sc_cookie1: null,
  ctwa_clid: null,
  madid: null,
  anon_id: null,
  lead_id: null,
  fb_login_id: null,
  page_scoped_user_id: null,
  ig_sid: null,
  subscription_id: null,
  locale: null,
  whatsapp_user_id: null,
  ...fields
})

/** 23 November 2026, no default country, nothing sealed. */
export const context = (fields: Partial<UserContext> = {}): UserContext => ({
  defaultCountries: [],
  eventTime: Date.UTC(2026, 10, 23),
  sealRecipient: null,
  drop: () => {},
  ...fields
})

/** Tables of cases for a normalizer, as tests. */

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
