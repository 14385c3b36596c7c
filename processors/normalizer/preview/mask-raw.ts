/**
 * A raw event as it may be shown: an allowlist, since a producer may write anything anywhere. Shown are the event's id and name where they
 * hold no personal data, times, numbers, and words of closed lists; of everything else only that it is there.
 */

import type { RawEvent } from "../../../schemas/types.gen.ts"
import { actionSources } from "../../../shared/connectors/mapping/start.ts"
import { messagingChannels } from "../normalize/normalize.ts"
import { PersonalData } from "../pii/personal-data.ts"
import { rawEventFromJson } from "../read/read-record.ts"

export const masked = "***"

/** @param record a decoded Avro record, or what JSON holds: its fields may be absent or of any type */
export const maskRawEvent = (record: object): Readonly<Record<string, unknown>> => {
  const read = rawEventFromJson(record)
  if (read._tag === "Problem") return { unreadable: read.problem.reason }
  const { raw, dropped } = read
  const personal = new PersonalData(raw.user)
  return withoutAbsent({
    event_id: unlessPersonal(raw.event_id, personal),
    event_name: unlessPersonal(raw.event_name, personal),
    event_time: Number.isFinite(raw.event_time) ? raw.event_time : masked,
    action_source: word(raw.action_source),
    event_source_url: originOf(raw.event_source_url, personal),
    referrer_url: originOf(raw.referrer_url, personal),
    messaging_channel: word(raw.messaging_channel),
    page_id: hide(raw.page_id),
    whatsapp_business_account_id: hide(raw.whatsapp_business_account_id),
    ig_account_id: hide(raw.ig_account_id),
    user: hide(raw.user),
    consent: raw.consent === null ? null : mapValues(raw.consent, word),
    consent_signals: hide(raw.consent_signals),
    properties: propertiesOf(raw.properties),
    app: raw.app === null ? null : mapValues(raw.app, (value) => (typeof value === "boolean" ? value : hide(value))),
    left_out: dropped.length
  })
}

/** The same shape with every value hidden, so that one still sees which values there are. */
export const hide = (value: unknown): unknown => {
  if (value === null || value === undefined) return null
  if (Array.isArray(value)) return value.map(hide)
  if (Buffer.isBuffer(value) || typeof value !== "object") return masked
  return mapValues(value, hide)
}

const propertiesOf = (properties: RawEvent["properties"]): unknown => {
  if (properties === null) return null
  const { custom, items, ...known } = properties
  return {
    ...mapValues(known, numberOrWord),
    items: items.map((item) => mapValues(item, numberOrWord)),
    // Their names are the producer's too.
    custom: Object.keys(custom).map(() => masked)
  }
}

const numberOrWord = (value: unknown): unknown => (typeof value === "number" ? value : word(value))

/** A word of a closed list, else that there is a value. */
const word = (value: unknown): unknown => {
  if (value === null || value === undefined) return null
  return typeof value === "string" && (words.has(value) || currency.test(value)) ? value : masked
}

const words: ReadonlySet<string> = new Set([
  ...actionSources,
  ...messagingChannels,
  ...["granted", "denied", "unknown", "product", "product_group"]
])
const currency = /^[A-Z]{3}$/

const unlessPersonal = (text: string, personal: PersonalData): string =>
  text.length <= shownLengthMax && !personal.inText(text) ? text : masked

const shownLengthMax = 256

/** Where the page is, without the page. */
const originOf = (url: string | null, personal: PersonalData): string | null => {
  if (url === null) return null
  const origin = URL.canParse(url) ? new URL(url).origin : "null"
  return origin === "null" ? masked : `${unlessPersonal(origin, personal)}/…`
}

const mapValues = (record: object, change: (value: unknown) => unknown): Readonly<Record<string, unknown>> =>
  withoutAbsent(Object.fromEntries(Object.entries(record).map(([key, value]) => [key, change(value)])))

const withoutAbsent = (record: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> =>
  Object.fromEntries(
    Object.entries(record).filter(([, value]) => value !== null && !(Array.isArray(value) && value.length === 0))
  )
