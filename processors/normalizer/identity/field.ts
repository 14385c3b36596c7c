/** A field of a customer: the forms of its value with their hashes, remembered, or a stable reason why it is left out. */
import { memo } from "../../../shared/model/memo.ts"
import { alreadyHashed } from "./text.ts"

/** A normalized value: the platforms' forms of it, or why it is left out. */
export type Field<Forms> = { readonly value: Forms } | { readonly dropped: DropReason }

/** Stable reason codes of `dropped_fields`; dashboards and traces depend on them. */
export const dropReasons = [
  "empty",
  "placeholder",
  "too_long",
  "unsupported_hash",
  "invalid_email",
  "invalid_phone",
  "phone_country_unknown",
  "invalid_name",
  "invalid_city",
  "invalid_state",
  "invalid_zip",
  "invalid_country",
  "invalid_date_of_birth",
  "ambiguous_date_of_birth",
  "unsupported_gender",
  "invalid_external_id",
  "invalid_ip",
  "ip_not_public",
  "invalid_user_agent",
  "invalid_fbp",
  "invalid_fbc",
  "invalid_click_id",
  "invalid_time",
  "time_without_offset",
  "invalid_mobile_id",
  "invalid_whatsapp_user_id",
  "tracking_limited",
  "invalid_locale",
  "invalid_type",
  "invalid_consent",
  "invalid_action_source",
  "invalid_messaging_channel",
  "invalid_url",
  "not_a_number",
  "unknown_currency",
  "missing_item_id",
  "unknown_field",
  "unclear_consent",
  "too_many",
  "too_deep",
  "personal_data"
] as const
export type DropReason = (typeof dropReasons)[number]

export const kept = <Forms>(value: Forms): Field<Forms> => ({ value })
export const dropped = (reason: DropReason): Field<never> => ({ dropped: reason })

/** Called for each value that is left out. */
export type Drop = (field: string, reason: DropReason) => void

/** Several values of one field are kept up to here; more is a mistake of the producer. */
const valuesMax = 20

/** The value by its rule; null, with its reason, where it is left out. */
export const take = <Forms>(
  field: string,
  value: string | null,
  rule: (raw: string) => Field<Forms>,
  drop: Drop
): Forms | null => {
  if (value === null) return null
  const result = rule(value)
  if ("value" in result) return result.value
  drop(field, result.dropped)
  return null
}

/** As `take`, by a rule that asks for the customer's country: ISO 3166-1 alpha-2, upper case, or null where it is not known. */
export const takeIn = <Forms>(
  field: string,
  value: string | null,
  rule: (raw: string, country: string | null) => Field<Forms>,
  country: string | null,
  drop: Drop
): Forms | null => {
  if (value === null) return null
  const result = rule(value, country)
  if ("value" in result) return result.value
  drop(field, result.dropped)
  return null
}

export const each = (
  field: string,
  values: string | ReadonlyArray<string> | null,
  drop: Drop,
  use: (value: string) => void
): void => {
  if (values === null) return
  const list = typeof values === "string" ? [values] : values
  for (const value of list.length > valuesMax ? list.slice(0, valuesMax) : list) use(value)
  if (list.length > valuesMax) drop(field, "too_many")
}

/** The list with the value, each once. The first makes a list of one: one that grows has room for seventeen. */
export const withValue = (list: ReadonlyArray<string>, value: string): ReadonlyArray<string> =>
  list.length === 0 ? [value] : list.includes(value) ? list : [...list, value]

export const noValues: ReadonlyArray<string> = []

/** Applies a rule to what is not hashed yet; a hash stands for the value in each form that travels hashed. */
export const orHash =
  <Forms, Hashed>(rule: (raw: string) => Field<Forms>, hash: (forms: Forms) => Hashed, as: (hash: string) => Hashed) =>
  (value: string): Field<Hashed> => {
    const hashed = alreadyHashed(value)
    if (hashed !== null) return kept(as(hashed))
    const result = rule(value)
    return "value" in result ? kept(hash(result.value)) : dropped(result.dropped)
  }

/** A rule of one field, with its results remembered: the same names, places and dates come again and again. */
export const cached = <A>(rule: (value: string) => A): ((value: string) => A) => memo(32_768, rule)

/** As `cached`, for what an event asks for twice: the second time is spared the search. */
export const cachedTwice = <A>(rule: (value: string) => A): ((value: string) => A) => {
  const known = cached(rule)
  let last = ""
  let lastResult = known(last)
  return (value) => {
    if (value === last) return lastResult
    lastResult = known(value)
    last = value
    return lastResult
  }
}
