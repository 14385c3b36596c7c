// Made by schemas/generate.ts (npm run schemas) from the .avsc files and topics.json. Do not edit.

/** One minute of one connection: what became of its events, and its health at the end. A later record of the same minute replaces an earlier one. */
export interface ConnectorHealthPoint {
  /** The connection. */
  readonly connection_id: string
  /** The platform. */
  readonly platform: string
  /** Start of the minute, in milliseconds since the epoch. */
  readonly minute: number
  /** healthy, degraded or unhealthy when the minute ended; unknown where the health processor did not run then. */
  readonly status: string
  /** Stable code of what decided the status; null where it is healthy or unknown. */
  readonly cause: null | string
  /** Results of the minute that are successes: delivered or accepted. */
  readonly succeeded: number
  /** Failures that count against the connection. */
  readonly failed: number
  /** Events that were refused because of what is in them. */
  readonly invalid: number
  /** Events that were not meant for the connection, duplicates among them. */
  readonly skipped: number
  /** Mean latency of the requests' events, in milliseconds; 0 where there was none. */
  readonly latency_ms: number
  /** Events that waited when the minute ended; null where it is not known. */
  readonly waiting_events: null | number
  /** When the first of them expires, in milliseconds since the epoch. */
  readonly oldest_expires_at: null | number
}

/** Health of one connection over the last hour. */
export interface ConnectorHealthStatus {
  /** The platform. */
  readonly platform: string
  /** healthy, degraded or unhealthy. */
  readonly status: string
  /** When it was computed, in milliseconds since the epoch. */
  readonly last_check: number
  /** Share of requests' events that succeeded in the last hour, in percent. */
  readonly success_rate_1h: number
  /** Mean latency in the last hour, in milliseconds. */
  readonly avg_latency_ms: number
  /** CLOSED, HALF_OPEN or OPEN. */
  readonly circuit_state: string
  /** Failed events in the last hour. */
  readonly error_count_1h: number
  /** Events with an outcome in the last hour. */
  readonly events_processed_1h: number
  /** What is wrong, for people. */
  readonly issues: ReadonlyArray<string>
  /** The connection. */
  readonly connection_id: string
  /** Events by outcome in the last hour. */
  readonly outcomes_1h: Readonly<Record<string, number>>
  /** Status that health-alerts told last; null where none is known. It differs from status while too few events failed to raise an alert. */
  readonly alerted_status: null | string
  /** Stable code of what decided the status, as in HealthAlert; null where it is healthy. */
  readonly cause: null | string
  /** Since when it has been so for this cause, in milliseconds since the epoch; null where it is healthy. */
  readonly since: null | number
  /** When an event last succeeded, in milliseconds since the epoch; null where none is known. */
  readonly last_success_at: null | number
  /** Mapped events and delayed retries that wait for the connection; null where it is not known. */
  readonly waiting_events: null | number
  /** Whether more may wait than waiting_events: a long backlog is counted bit by bit. */
  readonly waiting_is_minimum: boolean
  /** Kafka time of the record that has waited longest, in milliseconds since the epoch. */
  readonly waiting_since: null | number
  /** When the platform stops to take the first of the waiting events, in milliseconds since the epoch; null where it has no age limit. */
  readonly oldest_expires_at: null | number
  /** How much of its platform's age limit that event has used, in percent; over 100 where it has expired. */
  readonly age_percent: null | number
  /** The age threshold that health-alerts reported last: 50, 70, 90 or 100; 0 where none. */
  readonly alerted_age_percent: number
}

/** State of a connection as its delivery processor sees it; compacted by connection. */
export interface ConnectorState {
  /** The connection. */
  readonly connection_id: string
  /** The platform. */
  readonly platform: string
  /** connected, disconnected, error or pending. */
  readonly status: string
  /** CLOSED, HALF_OPEN or OPEN. */
  readonly circuit_state: string
  /** When it changed, in milliseconds since the epoch. */
  readonly timestamp: number
  /** Stable code, such as auth, throttled, transient. */
  readonly cause: null | string
  /** For people. */
  readonly message: null | string
  /** Whether consumption is paused. */
  readonly paused: boolean
  /** When the credential in use expires, in milliseconds since the epoch; null where nothing says so. */
  readonly credential_expires_at: null | number
  /** When the credential was set in the credential store, in milliseconds since the epoch; null where it comes from elsewhere. */
  readonly credential_stored_at: null | number
}

/** What a person agreed to or withdrew after their events, by one identifier: the record's key is its SHA-256 in hex. A record without a value takes the statement back. */
export interface ConsentChange {
  /** May user data be sent to ad platforms: granted, denied or unknown; null says nothing. */
  readonly ad_user_data: null | string
  /** May the data be used for personalized ads: granted, denied or unknown; null says nothing. */
  readonly ad_personalization: null | string
  /** US state laws: may the data be sold or shared: granted, denied or unknown; null says nothing. */
  readonly sale_of_data: null | string
  /** When it changed, in milliseconds since the epoch; null stands for the record's timestamp. */
  readonly changed_at: null | number
}

/** A record or event that could not go on, with all that is needed to repair and redrive it. */
export interface DeadLetter {
  /** The processor that gave it up. */
  readonly stage: string
  /** Stable reason: a word, and the platform's number where it has one, such as event_too_old:100/2804003. */
  readonly reason_code: string
  /** What is wrong, for people; never personal data. */
  readonly message: string
  /** Topic of the record. */
  readonly source_topic: string
  /** Partition of the record. */
  readonly source_partition: number
  /** Offset of the record. */
  readonly source_offset: number
  /** When it was given up, in milliseconds since the epoch. */
  readonly timestamp: number
  /** Attempts made. */
  readonly attempts: number
  /** Key of the record; sealed like original where sealed is true. */
  readonly original_key: null | Buffer
  /** Value of the record; sealed where sealed is true. */
  readonly original: null | Buffer
  /** Whether original is sealed (AES-256-GCM) because it may hold plaintext personal data. */
  readonly sealed: boolean
  /** Id of the event, where it could be read. */
  readonly event_id: null | string
  /** Name of the event, where it could be read. */
  readonly event_name: null | string
  /** The connection, from mapping on. */
  readonly connection_id: null | string
  /** The platform, from mapping on. */
  readonly platform: null | string
  /** What to do about it. */
  readonly next_step: null | string
  /** The platform's id of the request. */
  readonly request_id: null | string
  /** Kafka timestamp of the record, in milliseconds since the epoch: tells it from that of an earlier topic of the name. Null in older letters. */
  readonly source_timestamp: null | number
}

/** A step of an erasure: what was done when, without personal data. */
export interface ErasureLogEntry {
  /** Id of the erasure. */
  readonly erasure: string
  /** requested, cancelled or keys_destroyed. */
  readonly step: string
  /** When, in milliseconds since the epoch. */
  readonly timestamp: number
  /** Requested: how many identifiers were named. */
  readonly identifiers: number
  /** Requested: when the secrets are destroyed, in milliseconds since the epoch. */
  readonly destroy_at: null | number
  /** Requested: when the last copy is gone by the topics' settings, in milliseconds since the epoch. */
  readonly gone_by: null | number
  /** Keys destroyed: the partition of person-keys. */
  readonly partition: null | number
  /** Keys destroyed: how many secrets of the partition. */
  readonly secrets: number
}

/** A field that was left out, and why; never its value. */
export interface DroppedField {
  /** Path of the field, such as user.phone. */
  readonly field: string
  /** Stable reason code, such as invalid_phone. */
  readonly reason: string
  /** Of an unknown field: the known one that was most likely meant. */
  readonly nearest?: null | string
}

/** Where the raw event stands in the log: the identity of a record across replays. */
export interface SourcePosition {
  /** Topic of the raw record. */
  readonly topic: string
  /** Partition of the raw record. */
  readonly partition: number
  /** Offset of the raw record. */
  readonly offset: number
  /** Kafka timestamp of the raw record, in milliseconds since the epoch. */
  readonly timestamp: number
}

/** What WhatsApp charges for a message, as its status webhooks say. */
export interface MessagePricing {
  /** marketing, utility, authentication, service, referral_conversion and the like. */
  readonly category: null | string
  /** regular, free_customer_service, free_entry_point. */
  readonly type: null | string
}

/** The outcome of one event at one connection. */
export interface EventDeliveryLog {
  /** Id of the event. */
  readonly event_id: string
  /** meta, google, tiktok, snapchat or whatsapp. */
  readonly platform: string
  /** Canonical event name. */
  readonly event_name: string
  /** When the outcome was known, in milliseconds since the epoch. */
  readonly timestamp: number
  /** Whether the platform has or will have the event: outcome delivered or accepted. */
  readonly success: boolean
  /** Time of the request that decided it, in milliseconds; 0 where nothing was sent. */
  readonly latency_ms: number
  /** What went wrong, in the platform's words where it spoke; never personal data. */
  readonly error_message: null | string
  /** The platform's id of the request (fbtrace_id, requestId, request_id, wamid). */
  readonly request_id: null | string
  /** Requests made for it before the one that decided. */
  readonly retry_count: number
  /** The connection. */
  readonly connection_id: string
  /** delivered, accepted, rejected, skipped, expired, dead_lettered, retry_scheduled or unknown. */
  readonly outcome: string
  /** Stable reason, such as consent, filter, no_mapping, duplicate, or event_too_old:100/2804003: a word, and the platform's number where it has one. */
  readonly reason_code: null | string
  /** delivered, accepted, duplicate, invalid_event, throttled, transient, auth, configuration or unknown. */
  readonly error_class: null | string
  /** Events in the request. */
  readonly batch_size: number
  /** How many events of the request the platform says it received. */
  readonly events_received: null | number
  /** Version of the mapping. */
  readonly mapping_version: null | string
  /** The platform's name of the event. */
  readonly platform_event: null | string
  /** When the event happened, in milliseconds since the epoch. */
  readonly event_time: null | number
  /** When the request was sent, in milliseconds since the epoch. */
  readonly attempted_at: null | number
  /** Offline estimate, 0 to 10. */
  readonly match_quality: null | number
  /** Fields left out, with reasons. */
  readonly dropped_fields: ReadonlyArray<DroppedField>
  /** The raw record it came from. */
  readonly source: null | SourcePosition
  /** Circuit of the connection when it was decided. */
  readonly circuit_state: null | string
  /** When the platform accepted the request whose final outcome this is, in milliseconds since the epoch; null where the answer to the request decided it. */
  readonly accepted_at: null | number
  /** WhatsApp's pricing of the message; null where no status told it. */
  readonly pricing: null | MessagePricing
  /** The final outcome that an earlier result told and this one takes back, such as rejected; null for every other result. */
  readonly corrects: null | string
  /** What the platform said of the request as a whole and not of this event, such as how many of its events it knew already; null where it said nothing. */
  readonly request_note: null | string
}

/** A change of a connection's health, with its cause. */
export interface HealthAlert {
  /** The connection. */
  readonly connection_id: string
  /** The platform. */
  readonly platform: string
  /** Status before. */
  readonly previous_status: string
  /** Status now. */
  readonly status: string
  /** When it changed, in milliseconds since the epoch. */
  readonly timestamp: number
  /** Stable code of what decided it: success_rate, latency, circuit, auth, configuration, stalled, age_limit, unread, ledger, notifier or recovered. */
  readonly cause: string
  /** For people. */
  readonly message: string
  /** All issues at that moment. */
  readonly issues: ReadonlyArray<string>
  /** Of age_limit: the threshold that was reached, 50, 70, 90 or 100; null for every other cause. */
  readonly threshold_percent: null | number
}

/** What the customer agreed to. Each value is granted, denied or unknown; absent means unknown. */
export interface Consent {
  /** May user data be sent to ad platforms: granted, denied or unknown. */
  readonly ad_user_data: null | string
  /** May the data be used for personalized ads: granted, denied or unknown. */
  readonly ad_personalization: null | string
  /** US state laws: may the data be sold or shared: granted, denied or unknown. */
  readonly sale_of_data: null | string
}

/** An event ready for one connection: the bytes of its element of the request body. */
export interface MappedEvent {
  /** Unique id of the event, the key of deduplication at every platform. */
  readonly event_id: string
  /** Canonical event name, such as purchase or lead, or a custom name. */
  readonly event_name: string
  /** When it happened, in milliseconds since the epoch. */
  readonly event_time: number
  /** The connection it goes to. */
  readonly connection_id: string
  /** meta, google, tiktok, snapchat or whatsapp. */
  readonly platform: string
  /** The platform's name of the event. */
  readonly platform_event: string
  /** JSON of the event's element of the request body, exactly as sent. */
  readonly payload: string
  /** Version of the mapping that made the payload. */
  readonly mapping_version: string
  /** Events of equal batch_group may share a request (same account, event source and test code). */
  readonly batch_group: string
  /** Last moment the platform takes it, in milliseconds since the epoch; null where it has no age limit. */
  readonly deadline: null | number
  /** Consent, checked again at the moment of sending. */
  readonly consent: null | Consent
  /** WhatsApp: the recipient's sealed E.164 number. */
  readonly sealed_recipient: null | string
  /** Offline estimate, 0 to 10, of how well the identifiers will match. */
  readonly match_quality: null | number
  /** Fields left out, with reasons. */
  readonly dropped_fields: ReadonlyArray<DroppedField>
  /** The raw record it came from. */
  readonly source: SourcePosition
  /** Delivery attempts so far, across delayed retries. */
  readonly attempts: number
  /** Delayed retry: not before this moment, in milliseconds since the epoch. */
  readonly not_before: null | number
  /** Keyed ids of the person's identifiers, 16 characters each, one behind the other: by them an erasure or a withdrawn consent is found. Null where there is none. */
  readonly person_ids: null | string
  /** ISO 3166-1 alpha-2 code of the country whose rules count where consent is unknown: of those that the event names, one that asks for consent first; EU where only that is known. Null where no country is known. */
  readonly consent_country?: null | string
}

/** A connection that gets a mapped event or a result of each event. */
export interface MapperConnection {
  /** Id of the connection. */
  readonly id: string
  /** Its platform. */
  readonly platform: string
}

/** Which connections the mapper decides for, from an offset of a partition of normalized-events on: written where that changes, when a partition is opened. Of several records the last one whose offset an event reaches counts. */
export interface MapperConnections {
  /** Partition of normalized-events. */
  readonly partition: number
  /** The first offset that these connections decide on. */
  readonly offset: number
  /** When it was written, in milliseconds since the epoch. */
  readonly timestamp: number
  /** The enabled connections, by id. */
  readonly connections: ReadonlyArray<MapperConnection>
}

/** One phone number in each form that a platform hashes. */
export interface NormalizedPhone {
  /** Null where the number's country is known from the event; else the ISO 3166-1 alpha-2 default country it was read with, valid only for connections with that default. */
  readonly default_country: null | string
  /** SHA-256 of the country code and number, digits only (Meta, Snapchat). */
  readonly digits: string
  /** SHA-256 of the E.164 form with + (Google). */
  readonly e164: string
  /** SHA-256 of TikTok's form: E.164 with +, mainland China without + and 86. */
  readonly tiktok: string
  /** The E.164 number sealed for delivery-whatsapp (AES-256-GCM); null where no connection needs it. */
  readonly sealed: null | string
  /** Digits without a plus that begin with a country code, of an event and customer without a country: for connections without a default country only. */
  readonly assumed_international: boolean
}

/** The customer after hashing: each form that some platform documents, computed once. */
export interface NormalizedUser {
  /** SHA-256, 64 lower-case hex, of the trimmed, lower-case address (Meta, TikTok, Snapchat). */
  readonly email: ReadonlyArray<string>
  /** SHA-256, 64 lower-case hex, of the address with Google's gmail rule. */
  readonly email_google: ReadonlyArray<string>
  /** Phone numbers, hashed. */
  readonly phones: ReadonlyArray<NormalizedPhone>
  /** SHA-256 of the first name, lower case without spaces and punctuation (Meta, TikTok, Snapchat). */
  readonly first_name: null | string
  /** SHA-256 of the first name by Google's rule. */
  readonly first_name_google: null | string
  /** SHA-256 of the last name, lower case without spaces and punctuation (Meta, TikTok, Snapchat). */
  readonly last_name: null | string
  /** SHA-256 of the last name by Google's rule. */
  readonly last_name_google: null | string
  /** SHA-256 of the city, lower case without spaces and punctuation (Meta). */
  readonly city: null | string
  /** SHA-256 of the city, lower case without spaces, punctuation kept (Snapchat). */
  readonly city_snap: null | string
  /** City in clear, lower case without spaces and punctuation (TikTok). */
  readonly city_plain: null | string
  /** SHA-256 of the state: US two letters, elsewhere as given, lower case without spaces and punctuation (Meta, Snapchat). */
  readonly state: null | string
  /** State in clear, the form that state hashes (TikTok). */
  readonly state_plain: null | string
  /** SHA-256 of the postal code, lower case without spaces and punctuation, US first five (Meta, TikTok). */
  readonly zip: null | string
  /** SHA-256 of the postal code, lower case without spaces, dashes and all digits kept (Snapchat). */
  readonly zip_snap: null | string
  /** Postal code in clear, trimmed (Google). */
  readonly zip_plain: null | string
  /** SHA-256 of the ISO 3166-1 alpha-2 code in lower case (Meta, Snapchat). */
  readonly country: null | string
  /** ISO 3166-1 alpha-2 code in upper case, in clear (Google, TikTok, privacy rules). */
  readonly country_code: null | string
  /** SHA-256, 64 lower-case hex, of the external id in lower case without spaces. */
  readonly external_id: ReadonlyArray<string>
  /** SHA-256, 64 lower-case hex, of the anonymous id in lower case without spaces. */
  readonly anonymous_id: null | string
  /** SHA-256 of the date of birth as YYYYMMDD (Meta, Snapchat). */
  readonly date_of_birth: null | string
  /** SHA-256 of f or m (Meta, Snapchat). */
  readonly gender: null | string
  /** IP address in clear, public addresses only. */
  readonly ip: null | string
  /** User agent in clear. */
  readonly user_agent: null | string
  /** Meta browser id, the _fbp cookie: fb.1.<ms>.<random>. */
  readonly fbp: null | string
  /** Meta click id cookie, the _fbc cookie: fb.1.<ms>.<fbclid>; case-sensitive. */
  readonly fbc: null | string
  /** Meta click id as it came in the landing page's URL; used to build fbc where the cookie is missing. */
  readonly fbclid: null | string
  /** When fbclid was first seen, in milliseconds since the epoch. */
  readonly fbclid_time: null | number
  /** Google click id. */
  readonly gclid: null | string
  /** Google app-to-web click id (iOS). */
  readonly gbraid: null | string
  /** Google web-to-app click id (iOS). */
  readonly wbraid: null | string
  /** Google display click id. */
  readonly dclid: null | string
  /** TikTok click id. */
  readonly ttclid: null | string
  /** TikTok browser id, the _ttp cookie. */
  readonly ttp: null | string
  /** Snapchat click id, the ScCid URL parameter. */
  readonly sc_click_id: null | string
  /** Snapchat browser id, the _scid cookie. */
  readonly sc_cookie1: null | string
  /** Click-to-WhatsApp click id, from the inbound message's referral. */
  readonly ctwa_clid: null | string
  /** Mobile advertising id (IDFA or GAID), as the device gave it. */
  readonly madid: null | string
  /** Meta install id of an app. */
  readonly anon_id: null | string
  /** The platform's lead id, for lead-ads events. */
  readonly lead_id: null | string
  /** Id that Facebook Login gave, in clear (Meta). */
  readonly fb_login_id: null | string
  /** Id of a Messenger user as the page knows them, in clear (Meta). */
  readonly page_scoped_user_id: null | string
  /** Instagram-scoped id of the user of a message, in clear (Meta). */
  readonly ig_sid: null | string
  /** Subscription id of the customer, plain. */
  readonly subscription_id: null | string
  /** BCP 47 locale of the customer, such as en-US. */
  readonly locale: null | string
  /** WhatsApp's business-scoped user id, sealed (AES-256-GCM, base64) for WhatsApp connections; null where none may send a message. */
  readonly whatsapp_user_sealed: null | string
  /** Click ids of platforms without a field here, by the name of their URL parameter in lower case, such as epik (Pinterest). */
  readonly click_ids: null | Readonly<Record<string, string>>
}

/** One line of a cart or an order. */
export interface Item {
  /** Product id (SKU) as in the product catalog. */
  readonly id: string
  /** Product name. */
  readonly name: null | string
  /** Product category. */
  readonly category: null | string
  /** Brand. */
  readonly brand: null | string
  /** How many, 1 where absent. */
  readonly quantity: null | number
  /** Price of one piece, in the event's currency. */
  readonly price: null | number
  /** Meta: home_delivery, in_store or curbside. */
  readonly delivery_category: null | string
}

/** What happened, in terms of the shop. */
export interface Properties {
  /** Total value of the event in units of the currency (129.95, not cents). */
  readonly value: null | number
  /** ISO 4217 code of value and of the items' prices. */
  readonly currency: null | string
  /** Order or transaction id. */
  readonly order_id: null | string
  /** Products concerned. */
  readonly items: ReadonlyArray<Item>
  /** Number of items, where it differs from the sum of the quantities. */
  readonly num_items: null | number
  /** What the customer searched for. */
  readonly search_string: null | string
  /** product or product_group. */
  readonly content_type: null | string
  /** Name of the page or product. */
  readonly content_name: null | string
  /** Category of the page or product. */
  readonly content_category: null | string
  /** How the customer signed up. */
  readonly sign_up_method: null | string
  /** Status of a registration. */
  readonly status: null | string
  /** Predicted lifetime value, in the currency. */
  readonly predicted_ltv: null | number
  /** Free description. */
  readonly description: null | string
  /** Shop id (TikTok). */
  readonly shop_id: null | string
  /** new or returning. */
  readonly customer_type: null | string
  /** Meta: home_delivery, in_store or curbside. */
  readonly delivery_category: null | string
  /** Coupon code. */
  readonly coupon: null | string
  /** Of a refund or another later change: when the conversion that it changes happened, in milliseconds since the epoch. With the gclid it stands in for a missing order_id. */
  readonly original_conversion_time: null | number
  /** Free custom properties; a nested value travels as a JSON string. */
  readonly custom: Readonly<Record<string, null | boolean | number | string>>
}

/** What platforms ask of app events. */
export interface App {
  /** App id at the platform or store. */
  readonly app_id: null | string
  /** Whether the customer allowed tracking (iOS ATT). */
  readonly advertiser_tracking_enabled: null | boolean
  /** Whether the app allows tracking. */
  readonly application_tracking_enabled: null | boolean
  /** Meta's and Snapchat's 16 positional strings; the first is a2 or i2. */
  readonly extinfo: ReadonlyArray<string>
  /** App name. */
  readonly app_name: null | string
  /** App version. */
  readonly app_version: null | string
}

/** An event after normalizing and hashing: no plaintext personal data beyond what a platform documents in clear. */
export interface NormalizedEvent {
  /** Unique id of the event, the key of deduplication at every platform. */
  readonly event_id: string
  /** Canonical event name, such as purchase or lead, or a custom name. */
  readonly event_name: string
  /** When it happened, in milliseconds since the epoch. */
  readonly event_time: number
  /** The raw record it came from. */
  readonly source: SourcePosition
  /** Where it happened: website, app, email, phone_call, chat, physical_store, system_generated, business_messaging or other. */
  readonly action_source: null | string
  /** URL of the page. */
  readonly event_source_url: null | string
  /** URL of the page before. */
  readonly referrer_url: null | string
  /** For business_messaging: whatsapp, messenger or instagram. */
  readonly messaging_channel: null | string
  /** Facebook page id, for business_messaging. */
  readonly page_id: null | string
  /** WhatsApp Business account id, for business_messaging. */
  readonly whatsapp_business_account_id: null | string
  /** Id of the business's Instagram account, for business_messaging. */
  readonly ig_account_id: null | string
  /** Who did it, hashed. */
  readonly user: NormalizedUser
  /** What the customer agreed to. */
  readonly consent: null | Consent
  /** What happened. */
  readonly properties: null | Properties
  /** App events only. */
  readonly app: null | App
  /** Fields left out, with reasons. */
  readonly dropped_fields: ReadonlyArray<DroppedField>
  /** Keyed ids of the person's identifiers, 16 characters each, one behind the other: by them an erasure or a withdrawn consent is found. Null where there is none. */
  readonly person_ids: null | string
  /** ISO 3166-1 alpha-2 code of the country whose rules count where consent is unknown: of those that the event names, one that asks for consent first; EU where only that is known. Null where no country is known. */
  readonly consent_country?: null | string
  /** Vendors of connections (ids of IAB's Global Vendor List) for which a TC string of the event has no consent. Null where there are none. */
  readonly tcf_vendors_denied?: null | ReadonlyArray<number>
}

/** What the final result needs to tell of an event. */
export interface PendingEvent {
  /** Id of the event. */
  readonly event_id: string
  /** Canonical event name. */
  readonly event_name: string
  /** When it happened, in milliseconds since the epoch. */
  readonly event_time: number
  /** The platform's name of the event. */
  readonly platform_event: string
  /** Version of the mapping. */
  readonly mapping_version: string
  /** Requests made for it before the one that was accepted. */
  readonly retry_count: number
  /** The raw record it came from. */
  readonly source: SourcePosition
  /** Where its trace goes on (W3C Trace Context); null where it is not traced. */
  readonly traceparent: null | string
}

/** A request that the platform accepted and answers later; a null value says that its answer is final. */
export interface PendingOutcome {
  /** The connection. */
  readonly connection_id: string
  /** The platform. */
  readonly platform: string
  /** Id under which the platform tells the outcome (requestId, wamid). */
  readonly later_id: string
  /** When the platform accepted it, in milliseconds since the epoch. */
  readonly accepted_at: number
  /** Time of the request, in milliseconds. */
  readonly latency_ms: number
  /** The events of the request. */
  readonly events: ReadonlyArray<PendingEvent>
  /** When the platform said that it refused the events, in milliseconds since the epoch: a later word may still correct that. Null before. */
  readonly rejected_at: null | number
}

/** The customer, in plaintext. Read by the normalizer only; nothing downstream holds it. */
export interface RawUser {
  /** Email address or addresses, plain or as 64 hex characters of SHA-256. */
  readonly email: null | string | ReadonlyArray<string>
  /** Phone number or numbers, international or national form, plain or SHA-256. */
  readonly phone: null | string | ReadonlyArray<string>
  /** First name. */
  readonly first_name: null | string
  /** Last name. */
  readonly last_name: null | string
  /** City. */
  readonly city: null | string
  /** State or province, name or code. */
  readonly state: null | string
  /** Postal code. */
  readonly zip: null | string
  /** Country: name, ISO 3166-1 alpha-2 or alpha-3. */
  readonly country: null | string
  /** The customer's id or ids in your system. */
  readonly external_id: null | string | ReadonlyArray<string>
  /** The visitor's id in your system before it knows the customer, such as a cookie's; stands in for external_id where there is none. */
  readonly anonymous_id: null | string
  /** Date of birth, YYYY-MM-DD preferred. */
  readonly date_of_birth: null | string
  /** Gender. */
  readonly gender: null | string
  /** IPv4 or IPv6 address of the customer. */
  readonly ip: null | string
  /** User agent of the customer's browser. */
  readonly user_agent: null | string
  /** Meta browser id, the _fbp cookie: fb.1.<ms>.<random>. */
  readonly fbp: null | string
  /** Meta click id cookie, the _fbc cookie: fb.1.<ms>.<fbclid>; case-sensitive. */
  readonly fbc: null | string
  /** Meta click id as it came in the landing page's URL; used to build fbc where the cookie is missing. */
  readonly fbclid: null | string
  /** When fbclid was first seen, in milliseconds since the epoch. */
  readonly fbclid_time: null | number
  /** Google click id. */
  readonly gclid: null | string
  /** Google app-to-web click id (iOS). */
  readonly gbraid: null | string
  /** Google web-to-app click id (iOS). */
  readonly wbraid: null | string
  /** Google display click id. */
  readonly dclid: null | string
  /** TikTok click id. */
  readonly ttclid: null | string
  /** TikTok browser id, the _ttp cookie. */
  readonly ttp: null | string
  /** Snapchat click id, the ScCid URL parameter. */
  readonly sc_click_id: null | string
  /** Snapchat browser id, the _scid cookie. */
  readonly sc_cookie1: null | string
  /** Click-to-WhatsApp click id, from the inbound message's referral. */
  readonly ctwa_clid: null | string
  /** Mobile advertising id (IDFA or GAID), as the device gave it. */
  readonly madid: null | string
  /** Meta install id of an app. */
  readonly anon_id: null | string
  /** The platform's lead id, for lead-ads events. */
  readonly lead_id: null | string
  /** Id that Facebook Login gave, in clear (Meta). */
  readonly fb_login_id: null | string
  /** Id of a Messenger user as the page knows them, in clear (Meta). */
  readonly page_scoped_user_id: null | string
  /** Instagram-scoped id of the user of a message, in clear (Meta). */
  readonly ig_sid: null | string
  /** Subscription id of the customer, plain. */
  readonly subscription_id: null | string
  /** BCP 47 locale of the customer, such as en-US. */
  readonly locale: null | string
  /** WhatsApp's business-scoped user id, such as US.13491208655302741918: the recipient of a message where no phone number is known. Never a hash. */
  readonly whatsapp_user_id: null | string
  /** Click ids of platforms without a field here, by the name of their URL parameter in lower case, such as epik (Pinterest). */
  readonly click_ids: null | Readonly<Record<string, string>>
}

/** What consent frameworks say, from which the normalizer derives consent; the stricter of all that is given wins. */
export interface ConsentSignals {
  /** IAB TCF 2 string (TC string), as __tcfapi and the cookie euconsent-v2 give it. */
  readonly tcf_string: null | string
  /** IAB GPP string, as __gpp gives it. */
  readonly gpp_string: null | string
  /** The sections of the GPP string that apply (gpp_sid), such as 7 or 7,8; absent: all that it has. */
  readonly gpp_section_ids: null | string | ReadonlyArray<string>
  /** Google Consent Mode's ad_storage: granted or denied. Its ad_user_data and ad_personalization belong into consent. */
  readonly ad_storage: null | string
  /** Google Consent Mode's parameter gcs, such as G111 or G100. */
  readonly gcs: null | string
  /** ISO 3166-1 country in which the customer was, such as a CDN gives it; user.country is where the customer lives. */
  readonly country: null | string
  /** True where the consent platform says that the GDPR applies. */
  readonly gdpr_applies: null | boolean
}

/** A conversion event as a backend publishes it. Only event_id, event_name and event_time are required. */
export interface RawEvent {
  /** Unique id of the event, the key of deduplication at every platform. */
  readonly event_id: string
  /** Canonical event name, such as purchase or lead, or a custom name. */
  readonly event_name: string
  /** When it happened, in milliseconds since the epoch. */
  readonly event_time: number
  /** Where it happened: website, app, email, phone_call, chat, physical_store, system_generated, business_messaging or other. */
  readonly action_source: null | string
  /** URL of the page. */
  readonly event_source_url: null | string
  /** URL of the page before. */
  readonly referrer_url: null | string
  /** For business_messaging: whatsapp, messenger or instagram. */
  readonly messaging_channel: null | string
  /** Facebook page id, for business_messaging. */
  readonly page_id: null | string
  /** WhatsApp Business account id, for business_messaging. */
  readonly whatsapp_business_account_id: null | string
  /** Id of the business's Instagram account, for business_messaging. */
  readonly ig_account_id: null | string
  /** Who did it. */
  readonly user: null | RawUser
  /** What the customer agreed to. */
  readonly consent: null | Consent
  /** What happened. */
  readonly properties: null | Properties
  /** App events only. */
  readonly app: null | App
  /** Signals of consent frameworks, beside consent. */
  readonly consent_signals: null | ConsentSignals
}

/** Which master key a program seals personal data with, written when it starts; the newest record counts. */
export interface SealingKey {
  /** The program that seals, such as normalizer. */
  readonly program: string
  /** 8 hexadecimal digits that are derived from the key and do not give it away. */
  readonly key_id: string
  /** When the program started, in milliseconds since the epoch. */
  readonly timestamp: number
}

/** Written before a request whose repeat is not harmless, again with its answer, and again in the transaction of its result. */
export interface SendIntent {
  /** Id of the event. */
  readonly event_id: string
  /** The connection. */
  readonly connection_id: string
  /** sending before the request; answered once the platform's answer is known; settled once its result is committed. */
  readonly state: string
  /** Outcome of the event, where answered or settled. */
  readonly outcome: null | string
  /** Reason of the outcome, where answered. */
  readonly reason_code: null | string
  /** The platform's id of the request, where answered. */
  readonly request_id: null | string
  /** Id under which the platform tells more, where answered. */
  readonly later_id: null | string
  /** When it was written, in milliseconds since the epoch. */
  readonly timestamp: number
}

/** Why events of a person are not sent, by the keyed id of one identifier. */
export interface Suppression {
  /** Since when it holds, in milliseconds since the epoch: it is about events from before. */
  readonly at: number
  /** Of an erased person: the id of the erasure. */
  readonly erasure: null | string
  /** Of an erased person: when the secrets are destroyed, in milliseconds since the epoch. */
  readonly destroy_at: null | number
  /** May user data be sent to ad platforms: granted, denied or unknown; null says nothing. */
  readonly ad_user_data: null | string
  /** May the data be used for personalized ads: granted, denied or unknown; null says nothing. */
  readonly ad_personalization: null | string
  /** US state laws: may the data be sold or shared: granted, denied or unknown; null says nothing. */
  readonly sale_of_data: null | string
}
