/** What outcomes and reasons mean, and what to do about them. */

export interface Explanation {
  readonly meaning: string
  /** Empty where nothing is to be done. */
  readonly nextStep: string
}

const explain = (meaning: string, nextStep = ""): Explanation => ({ meaning, nextStep })

export const outcomeMeanings: Readonly<Record<string, Explanation>> = {
  delivered: explain("the platform has the event"),
  accepted: explain(
    "the platform took the request and says later what became of its events; a second result follows",
    "nothing, unless it stays so: `./capi results --event <id>`"
  ),
  skipped: explain(
    "a rule of the connection, consent or a repeat: it is not sent, and nothing is wrong",
    "by the reason"
  ),
  rejected: explain(
    "the event is wrong for this platform, by a rule or the platform's answer; a dead letter too",
    "correct the event or the mapping, then `./capi redrive`"
  ),
  expired: explain(
    "the event was past the platform's age limit before it could be sent; a dead letter too",
    "find out what held it up: `./capi health --check <connection>`"
  ),
  dead_lettered: explain(
    "it was tried as often as it may be; a dead letter too",
    "repair the cause, then `./capi redrive`"
  ),
  unknown: explain(
    "it may have arrived: a request without an answer, or a crash during one, where a repeat would be sent twice",
    "look at the platform, then `./capi unknown resolve` or `resend`"
  ),
  retry_scheduled: explain("it is tried again later; not final")
}

/** Of the mapper and the deliveries. */
export const stageReasons: Readonly<Record<string, Explanation>> = {
  attempts_exhausted: explain("all attempts failed in a way that may pass", "see the platform's state, then redrive"),
  authentication_needs_phone: explain(
    "authentication templates go to phone numbers alone",
    "send `user.phone` with the event"
  ),
  connection_not_enabled: explain(
    "the event is for one connection alone, as after a redrive, and the mapper does not have it",
    "enable the connection under this id in the mapper's file, restart the mapper, then redrive"
  ),
  consent: explain("the customer denied `ad_user_data`, or it is unknown and the connection skips that"),
  consent_unknown_in_europe: explain(
    "consent is unknown, and the customer lives in the EEA, the UK or Switzerland",
    "publish consent, or decide on `consent.on_unknown_in_europe`"
  ),
  consent_withdrawn: explain("the person withdrew consent after the event"),
  duplicate: explain("the event id was seen before"),
  duplicate_conflict: explain(
    "another event with this id was published before",
    "give each event a separate id; a corrected event is sent where the first was refused"
  ),
  erased: explain("the person was erased"),
  event_time_in_future: explain(
    "further ahead of the clock than the platform takes",
    "check the producer's clock and time zone"
  ),
  event_too_old: explain(
    "older than the platform, or `mapping.max_age_days`, takes",
    "publish sooner; what is too old is lost to the platform"
  ),
  expired: explain("it waited until the platform's age limit was over", "see what held the connection up"),
  filter: explain("the connection's `events` leave it out"),
  insufficient_identity: explain(
    "the platform cannot match a customer by these identifiers alone",
    "send one more, such as email, phone, external_id or a click id"
  ),
  invalid_conversion_action: explain("the conversion action is no numeric id", "correct it in connections.yaml"),
  invalid_identity: explain("the key of a change of consent is no SHA-256 in hex", "publish the hash as the key"),
  invalid_value: explain("a purchase's value is no amount", "correct `properties.value`"),
  mapped_for_other_api: explain(
    "the connection changed between `google` and `google-ads` while the event waited",
    "`./capi redrive --reason mapped_for_other_api --remap` maps it for the connection as it is now"
  ),
  master_key_differs: explain("the recipient was sealed under another master key", "give both programs the same key"),
  missing_account_id: explain(
    "the connection has no account id, or none for events of this source",
    "add it to `account` in connections.yaml"
  ),
  missing_app_data: explain("an app event lacks what the platform requires", "send `app` with `extinfo`"),
  missing_credential_field: explain("the credential lacks a field", "`./capi credentials set`"),
  missing_ctwa_clid: explain("a message event lacks its click id", "send `user.ctwa_clid`"),
  missing_currency: explain("a value without a currency", "send `properties.currency`"),
  missing_event_source_url: explain("a website event lacks its page", "send `event_source_url`"),
  missing_lead_id: explain("the event needs the platform's lead id", "send `user.lead_id`"),
  missing_messaging_channel: explain("an event of business messaging names no channel", "send `messaging_channel`"),
  missing_order_id: explain("a refund or correction names no order", "send `properties.order_id`"),
  missing_page_id: explain(
    "a message event lacks the page or account that its channel needs",
    "send `page_id`, or set it in `account`"
  ),
  missing_recipient: explain("the message has no recipient", "send `user.phone`"),
  missing_template_value: explain(
    "a field that the message's template names is absent",
    "send it, or change the template's parameters"
  ),
  missing_value: explain("a purchase without a value", "send `properties.value`"),
  no_identifiers: explain("nothing is left of the customer's identifiers", "see `dropped_fields` for why"),
  no_mapping: explain("the platform has no name for the event", "`./capi map suggest <event>`"),
  no_master_key: explain("there is no master key to open the recipient with", "set `CAPI_MASTER_KEY`"),
  no_recipient: explain(
    "a message needs a phone number of a known country, or WhatsApp's business-scoped user id",
    "send `user.phone` with its country, or `user.whatsapp_user_id`"
  ),
  no_verdict: explain("the platform's answer says nothing of the event", "`./capi dead-letters show` has what it said"),
  not_a_standard_event: explain("the platform takes only standard events here", "map it to one: `mapping.events`"),
  not_sent: explain("several messages in one request, of which the platform takes one; tried again"),
  payload_too_large: explain(
    "one event is larger than a request or a record may be",
    "shorten its items or custom properties, then redrive"
  ),
  poison: explain("the record ended its process again and again", "report it; redrive it once a new version takes it"),
  recipient_unreadable: explain("the sealed recipient is damaged", "publish the event again"),
  refused: explain(
    "the platform refused the request without naming the event",
    "`./capi dead-letters show` has what it said"
  ),
  sent_before_crash: explain(
    "the program ended between sending and noting the answer; the platform may have it",
    "look whether it arrived, then `./capi unknown resolve` or `resend`"
  ),
  undecided: explain("the delivery ended without a decision on the event", "report it, then redrive"),
  unknown_currency: explain("the currency is not in ISO 4217", "correct `properties.currency`")
}

/** Of the normalizer: what each means; the next step is the code's. */
export const problemMeanings: Readonly<Record<string, string>> = {
  not_avro_not_json: "the value is neither Confluent-Avro nor a JSON object",
  empty: "the record has no value",
  unknown_schema_id: "the registry does not know the record's schema",
  schema_unavailable: "the registry did not answer for too long",
  undecodable: "the value does not fit its schema, or is broken JSON, or the record's compressed batch is damaged",
  record_too_large:
    "the record is longer than `NORMALIZER_RECORD_BYTES_MAX`, or, compressed, than what is kept of one (16 MiB): then there is no original",
  missing_event_id: "no `event_id`",
  invalid_event_id: "the `event_id` is too long, or holds personal data",
  missing_event_name: "no `event_name`",
  invalid_event_name: "the `event_name` is too long, or holds personal data",
  missing_event_time: "no `event_time`",
  event_time_in_seconds: "`event_time` looks like seconds",
  event_time_in_future: "`event_time` is further ahead than `NORMALIZER_FUTURE_TOLERANCE`",
  event_time_invalid: "`event_time` is no time",
  event_time_without_offset: "`event_time` is a local time without its offset",
  empty_identity: "no identifier of the customer is left",
  secret_missing: "a secret of a sealed event is gone, and the person was not erased",
  sealed_undecodable: "a sealed event does not open",
  poison: "the record ended its process again and again"
}

/** Of `dropped_fields`: values that were left out of an event that went on. */
export const dropMeanings: Readonly<Record<string, string>> = {
  empty: "nothing but spaces",
  placeholder: "a placeholder, such as `null`, `N/A` or `test@test.com`",
  too_long: "longer than any valid value",
  unsupported_hash: "a hash that is not SHA-256 in hex, or of a field that is not taken hashed",
  invalid_email: "no email address",
  invalid_phone: "no phone number of its country",
  phone_country_unknown:
    "a national number, and no country is known: send `user.country` or set `mapping.default_country`",
  invalid_name: "no name",
  invalid_city: "no city",
  invalid_state: "no state of the country",
  invalid_zip: "no postal code",
  invalid_country: "no country",
  invalid_date_of_birth: "no date",
  ambiguous_date_of_birth: "day and month may be either way round: send YYYY-MM-DD",
  unsupported_gender: "neither female nor male",
  invalid_external_id: "no id",
  invalid_ip: "no IP address",
  ip_not_public: "an address of a private network: send the customer's, not the proxy's",
  invalid_user_agent: "no user agent",
  invalid_fbp: "not of the form of `_fbp`",
  invalid_fbc: "not of the form of `_fbc`",
  invalid_click_id: "no click id",
  invalid_time: "no time",
  time_without_offset: "a local time without its offset",
  invalid_mobile_id: "no advertising id",
  invalid_whatsapp_user_id: "no business-scoped user id",
  tracking_limited: "the device's id is all zeros: its owner limited tracking",
  invalid_locale: "no locale",
  invalid_type: "another type than the field's",
  invalid_consent: "neither granted, denied nor unknown",
  invalid_action_source: "no known action source",
  invalid_messaging_channel: "no known channel",
  invalid_url: "no URL",
  not_a_number: "no number",
  unknown_currency: "no currency of ISO 4217",
  missing_item_id: "an item without an id",
  unknown_field: "no field of an event has this name; `dropped_fields` has the nearest",
  unclear_consent: "consent under an unknown name, which is not a denial: send it under the field's name",
  too_many: "more values than are kept",
  too_deep: "nested too deeply",
  personal_data: "personal data where none belongs"
}
