/** A customer without any value, for tests that set a few. */
import type { RawUser } from "../../../schemas/types.gen.ts"
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
