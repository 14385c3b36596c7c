/** What a normalizer makes of one value: the platforms' forms of it, or a stable reason why it is left out. */
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
