/**
 * A raw event to a normalized one: checked, hashed, without personal data beyond what a platform documents in clear.
 * Pure: the same event and options give the same result. Previews use it without Kafka.
 */
import type {
  App,
  Consent,
  DroppedField,
  NormalizedEvent,
  RawEvent,
  SourcePosition
} from "../../../schemas/types.gen.ts"
import { emptyNormalizedUser } from "../../../schemas/values.gen.ts"
import { type SealerShape, sealRecipient } from "../../../shared/credentials/sealer.ts"
import { textTable } from "../../../shared/model/text-table.ts"
import { withPageClickIds } from "../identity/click-ids.ts"
import type { Drop } from "../identity/field.ts"
import { clean, isPlaceholder, withoutControls } from "../identity/text.ts"
import { isWithoutIdentity, normalizeUser } from "../identity/user.ts"
import { PersonalData, redactUser } from "../pii/personal-data.ts"
import { normalizeConsent } from "./consent.ts"
import { consentCountryOf, deniedVendors, deriveConsent } from "./consent-signals.ts"
import { type Problem, problem } from "./problem.ts"
import { normalizeProperties, normalizeText, textLengthMax, unlessDropped } from "./properties.ts"
import { type FutureLimit, timeProblem } from "./time.ts"
import { cleanUrl, noUrl, repairedAddress, webAddress } from "./url.ts"

/** What normalizing needs beside the event. */
export interface NormalizerOptions extends FutureLimit {
  /** ISO 3166-1 alpha-2, upper case: the default countries of the connections, for national phone numbers. */
  readonly defaultCountries: ReadonlyArray<string>
  /** Ids of IAB's Global Vendor List: the connections' `tcfVendor`. Absent: none. */
  readonly tcfVendors?: ReadonlyArray<number>
  /** Seals phone numbers for WhatsApp; null where no connection needs them. */
  readonly recipients: SealerShape | null
  /** Names of the events whose phone numbers `recipients` seals, since they may become messages; null seals those of all. */
  readonly messageEvents: EventNames | null
}

export interface EventNames {
  readonly has: (name: string) => boolean
}

export const defaultNormalizerOptions: NormalizerOptions = {
  defaultCountries: [],
  recipients: null,
  messageEvents: null,
  now: null,
  futureToleranceMillis: 24 * 60 * 60 * 1000
}

export type NormalizeResult =
  | { readonly _tag: "Normalized"; readonly event: NormalizedEvent }
  | { readonly _tag: "Problem"; readonly problem: Problem }

/** @param alreadyDropped what reading the record left out before */
export const normalize = (
  raw: RawEvent,
  source: SourcePosition,
  options: NormalizerOptions,
  alreadyDropped: ReadonlyArray<DroppedField> = []
): NormalizeResult => {
  const eventId = cleanIdentifier(raw.event_id)
  const eventName = cleanIdentifier(raw.event_name)
  const personal = new PersonalData(raw.user, options.defaultCountries)
  const head = headProblem(eventId, eventName, personal) ?? timeProblem(raw.event_time, options)
  if (head !== null) return refuse(head, eventId, eventName, personal, alreadyDropped)

  const droppedFields: Array<DroppedField> = [...alreadyDropped]
  const drop: Drop = (field, reason) => droppedFields.push({ field, reason })
  const properties =
    raw.properties === null ? null : normalizeProperties(raw.properties, raw.event_time, personal, drop)
  const mayBeMessage = options.messageEvents === null || options.messageEvents.has(eventName)
  const sealer = mayBeMessage ? options.recipients : null
  const actionSource = normalizeActionSource(raw.action_source, drop)
  const given =
    raw.user === null
      ? emptyNormalizedUser
      : redactUser(
          normalizeUser(raw.user, {
            defaultCountries: options.defaultCountries,
            eventTime: raw.event_time,
            sealRecipient: sealer === null ? null : (recipient) => sealRecipient(sealer, recipient, eventId),
            drop
          }),
          personal,
          drop
        )
  // A message has no page: its click came to the chat.
  const pageUrl = raw.event_source_url === null ? null : repairedAddress(raw.event_source_url)
  const page = actionSource === "business_messaging" ? null : pageUrl
  const user = withPageClickIds(given, page, drop)
  if (isWithoutIdentity(user)) {
    return refuse(
      problem("empty_identity", withoutIdentity(droppedFields)),
      eventId,
      eventName,
      personal,
      droppedFields
    )
  }
  return {
    _tag: "Normalized",
    event: {
      event_id: eventId,
      event_name: eventName,
      event_time: Math.trunc(raw.event_time),
      source,
      action_source: actionSource,
      event_source_url: urlOf("event_source_url", pageUrl, personal, drop),
      referrer_url: urlOf(
        "referrer_url",
        raw.referrer_url === null ? null : repairedAddress(raw.referrer_url),
        personal,
        drop
      ),
      messaging_channel: normalizeMessagingChannel(raw.messaging_channel, drop),
      page_id: accountId("page_id", raw.page_id, drop),
      whatsapp_business_account_id: accountId("whatsapp_business_account_id", raw.whatsapp_business_account_id, drop),
      ig_account_id: accountId("ig_account_id", raw.ig_account_id, drop),
      user,
      consent: consentOf(raw, drop),
      consent_country: consentCountryOf(raw.consent_signals, user.country_code, raw.user?.phone ?? null),
      tcf_vendors_denied: deniedVendors(raw.consent_signals, options.tcfVendors ?? []),
      properties,
      app: raw.app === null ? null : normalizeApp(raw.app, personal, drop),
      dropped_fields: droppedFields,
      person_ids: null
    }
  }
}

const consentOf = ({ consent, consent_signals: signals }: RawEvent, drop: Drop): Consent | null => {
  const given = consent === null ? null : normalizeConsent(consent, drop)
  return signals === null ? given : deriveConsent(given, signals, drop).consent
}

/** The id and name of the event are given only where they contain no personal data. */
const refuse = (
  found: Problem,
  eventId: string,
  eventName: string,
  personal: PersonalData,
  dropped: ReadonlyArray<DroppedField>
): NormalizeResult => ({
  _tag: "Problem",
  problem: {
    ...found,
    eventId: isIdentifier(eventId, personal) ? eventId : null,
    eventName: isIdentifier(eventName, personal) ? eventName : null,
    dropped
  }
})

/** With the first few of the customer's values that were left out, since one of them is mostly the reason. */
const withoutIdentity = (dropped: ReadonlyArray<DroppedField>): string => {
  const named = new Set<string>()
  for (const { field, reason, nearest } of dropped) {
    const isOfCustomer = field.startsWith("user") || nearest?.startsWith("user") === true
    if (!isOfCustomer || named.size >= namedMax) continue
    named.add(`${field} (${typeof nearest === "string" ? `${reason}, did you mean ${nearest}?` : reason})`)
  }
  const leftOut = named.size === 0 ? "" : `; left out: ${[...named].join(", ")}`
  return `The event has no usable identifier of the customer${leftOut}.`
}

const namedMax = 5

const headProblem = (eventId: string, eventName: string, personal: PersonalData): Problem | null => {
  if (eventId === "" || isPlaceholder(eventId)) return problem("missing_event_id", "The event has no event_id.")
  if (!isIdentifier(eventId, personal)) return problem("invalid_event_id", `The event_id ${unfit}.`)
  if (eventName === "" || isPlaceholder(eventName)) return problem("missing_event_name", "The event has no event_name.")
  if (!isIdentifier(eventName, personal)) return problem("invalid_event_name", `The event_name ${unfit}.`)
  return null
}

/** They cannot be changed without breaking deduplication, so that an event whose id or name is a person's is refused. */
const isIdentifier = (value: string, personal: PersonalData): boolean =>
  value !== "" && value.length <= 256 && !personal.inId(value, undefined, true)

const unfit = "is too long, or contains an email address, a phone number or the customer's name"

/** What is far too long is refused as it is. */
const cleanIdentifier = (raw: string): string => (raw.length > identifierRawMax ? raw : clean(raw))
const identifierRawMax = 1024

/** A page of the web, without personal data and no longer than platforms take; any other is named and left out. */
const urlOf = (
  field: "event_source_url" | "referrer_url",
  raw: string | null,
  personal: PersonalData,
  drop: Drop
): string | null => {
  if (raw === null || raw === "") return null
  const address = webAddress(raw)
  const { url, removed } = address === null ? noUrl : cleanUrl(address.url, personal)
  if (url === null) drop(field, "invalid_url")
  else if (address?.cut === true) drop(field, "too_long")
  if (removed) drop(field, "personal_data")
  return url
}

/** One of Meta's words; Snapchat's and other usual words for the same become it, and any other is left out. */
const normalizeActionSource = (raw: string | null, drop: Drop): string | null => {
  if (raw === null) return null
  const usual = sources(raw)
  if (usual !== undefined) return usual
  const word = raw.length > wordLengthMax ? null : wordOf(raw)
  if (word === "") return null
  const source = word === null ? undefined : sources(word)
  if (source !== undefined) return source
  drop("action_source", "invalid_action_source")
  return null
}

const wordOf = (raw: string): string =>
  raw
    .trim()
    .toLowerCase()
    .replaceAll(/[\s-]+/g, "_")

const normalizeMessagingChannel = (raw: string | null, drop: Drop): string | null => {
  if (raw === null) return null
  const word = raw.length > wordLengthMax ? null : raw.trim().toLowerCase()
  if (word === "") return null
  if (word !== null && messagingChannels.has(word)) return word
  drop("messaging_channel", "invalid_messaging_channel")
  return null
}

/** The id of a page or an account: digits. */
const accountId = (field: string, raw: string | null, drop: Drop): string | null => {
  if (raw === null || raw === "") return null
  const id = raw.length > accountIdRawMax ? "" : clean(raw)
  if (/^[0-9]{1,32}$/.test(id)) return id
  drop(field, "invalid_type")
  return null
}

const accountIdRawMax = 1024

const normalizeApp = (app: App, personal: PersonalData, drop: Drop): App => {
  const text = (name: "app_id" | "app_name" | "app_version"): string | null => {
    const value = app[name]
    return value === null ? null : unlessDropped(normalizeText(value, personal, "no names"), "app.", name, drop)
  }
  return {
    app_id: text("app_id"),
    advertiser_tracking_enabled: app.advertiser_tracking_enabled,
    application_tracking_enabled: app.application_tracking_enabled,
    extinfo: app.extinfo.map((value, index) => {
      const isTooLong = value.length > textLengthMax
      if (!isTooLong && !personal.inCode(value)) return withoutControls(value)
      // The others keep their positions, by which the platforms know them.
      drop(`app.extinfo[${index}]`, isTooLong ? "too_long" : "personal_data")
      return ""
    }),
    app_name: text("app_name"),
    app_version: text("app_version")
  }
}

const sources = textTable<string>([
  ["website", "website"],
  ["web", "website"],
  ["online", "website"],
  ["app", "app"],
  ["mobile_app", "app"],
  ["email", "email"],
  ["phone_call", "phone_call"],
  ["phone", "phone_call"],
  ["call", "phone_call"],
  ["chat", "chat"],
  ["physical_store", "physical_store"],
  ["in_store", "physical_store"],
  ["store", "physical_store"],
  ["retail", "physical_store"],
  ["pos", "physical_store"],
  ["offline", "physical_store"],
  ["system_generated", "system_generated"],
  ["crm", "system_generated"],
  ["business_messaging", "business_messaging"],
  ["other", "other"]
])

const wordLengthMax = 256
/** By which a message may come. */
export const messagingChannels: ReadonlySet<string> = new Set(["whatsapp", "messenger", "instagram"])
