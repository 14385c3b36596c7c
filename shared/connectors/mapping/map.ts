/**
 * One event for one connection: the filter, then the connector's mapping, then what the record needs beside the payload, such as its match
 * quality.
 */
import type { DroppedField, MappedEvent, NormalizedEvent, NormalizedUser } from "../../../schemas/types.gen.ts"
import type { Connection } from "../../connections/connection.ts"
import type { CompiledConnection, Connector, MapResult, NotMapped } from "../connector.ts"
import { connectors } from "../registry.ts"
import { moneyFault } from "./amounts.ts"
import { nameSets } from "./catalog.ts"
import { numberFrom } from "./commerce.ts"
import { compile } from "./compile.ts"
import { assumesPhone, externalIds, rejected, sealedRecipient, usablePhone } from "./payload.ts"
import { actionSourceOf, canonicalNameOf, platformEventOf, type Timed, takesName, timed } from "./start.ts"

export type Mapped = { readonly _tag: "Mapped"; readonly event: MappedEvent } | NotMapped

/**
 * Maps an event for a connection: filter, consent, override with conditions, the platform's payload, parameter rules.
 * The same event, connection and mapping version give the same bytes; `now` (milliseconds, null for no check) only
 * decides whether the event is too old.
 */
export const mapForConnection = (
  event: NormalizedEvent,
  connection: Connection,
  connector: Pick<Connector, "mapEvent" | "catalog">,
  now: number | null
): Mapped => {
  const compiled = compile(connection)
  const filtered = filter(event, compiled)
  if (filtered !== null) return filtered
  const time = timed(event, connection, connector)
  const mapped = connector.mapEvent(time.event, { connection, compiled, now })
  // What is not meant for the connection, or is too old, is so whatever it is worth.
  const isMeant = mapped._tag === "Payload" || (mapped._tag === "Rejected" && mapped.reason !== "event_too_old")
  const result = (isMeant ? unusablePurchase(event, compiled) : null) ?? mapped
  return result._tag === "Payload" ? { _tag: "Mapped", event: record(time, connection, result) } : result
}

const filter = (event: NormalizedEvent, compiled: CompiledConnection): Mapped | null => {
  const { actionSources, connection } = compiled
  if (!takesName(event.event_name, compiled)) return filteredByName
  if (actionSources !== null && !actionSources.has(actionSourceOf(event, connection).source)) return filteredBySource
  return null
}

const filterOut = (message: string): Extract<MapResult, { readonly _tag: "Skipped" }> => ({
  _tag: "Skipped",
  reason: "filter",
  message
})
const filteredByName = filterOut("The connection's event filter doesn't take this event.")
const filteredBySource = filterOut("The connection's event filter doesn't take events of this action source.")

const record = (
  { event, note, notBefore }: Timed,
  connection: Connection,
  result: Extract<MapResult, { readonly _tag: "Payload" }>
): MappedEvent => ({
  event_id: event.event_id,
  event_name: event.event_name,
  event_time: event.event_time,
  connection_id: connection.id,
  platform: connection.platform,
  platform_event: result.platformEvent,
  payload: JSON.stringify(result.payload),
  mapping_version: connection.mapping.version,
  batch_group: result.batchGroup,
  deadline: result.deadline,
  consent: event.consent,
  sealed_recipient: result.sealedRecipient,
  match_quality: matchQuality(event.user, connection),
  dropped_fields: droppedFields(event, connection, note === null ? result.dropped : [note, ...result.dropped]),
  source: event.source,
  attempts: 0,
  not_before: notBefore,
  person_ids: event.person_ids,
  consent_country: event.consent_country ?? null
})

/**
 * What normalizing and mapping left out, and what the connection makes of phone numbers without a country: those that only
 * another one's default country makes readable, and those that are taken for international.
 */
export const droppedFields = (
  event: NormalizedEvent,
  connection: Connection,
  dropped: ReadonlyArray<DroppedField>
): ReadonlyArray<DroppedField> => {
  const phones = event.user.phones.length === 0 ? null : phoneNote(event, connection.mapping.defaultCountry)
  if (phones !== null) return [...event.dropped_fields, ...dropped, phones]
  if (dropped.length === 0) return event.dropped_fields
  return event.dropped_fields.length === 0 ? dropped : [...event.dropped_fields, ...dropped]
}

const phoneNote = ({ user }: NormalizedEvent, defaultCountry: string | null): DroppedField | null => {
  if (!usablePhone(user, defaultCountry)) return phoneCountryUnknown
  return assumesPhone(user, defaultCountry) ? readAsInternational : null
}

const phoneCountryUnknown: DroppedField = { field: "user.phone", reason: "phone_country_unknown" }
/** Nothing is left out: it says what the number was taken for. */
const readAsInternational: DroppedField = { field: "user.phone", reason: "read_as_international" }

/**
 * Why a purchase is refused, which counts money: one whose amount is given but not usable goes to no platform: `invalid_value` or `unknown_currency`; null for other events and for usable amounts. A rule
 * of the connection that sets the payload's value speaks instead of the event's own value.
 */
const unusablePurchase = (event: NormalizedEvent, compiled: CompiledConnection): MapResult | null => {
  const ruled = compiled.valueRule?.value(event)
  const fault = ruled === undefined ? moneyFault(event) : ruleFault(ruled)
  if (fault === null || !isPurchase(event, compiled)) return null
  return fault.field === "properties.currency"
    ? rejected("unknown_currency", "A purchase counts money, and properties.currency is not a code of ISO 4217.")
    : rejected("invalid_value", `A purchase counts money, and ${fault.field} is not a usable amount (${fault.reason}).`)
}

const ruleFault = (ruled: unknown) => {
  const value = numberFrom(ruled)
  return value._tag === "Amount" ? null : { field: "parameters.value", reason: value.reason }
}

/** By the canonical name or by the platform's; a change of an earlier conversion that carries no value is not a purchase. */
const isPurchase = (event: NormalizedEvent, compiled: CompiledConnection): boolean => {
  const name = platformEventOf(event, compiled)?.name ?? event.event_name
  if (compiled.connector.eventsWithoutValue?.has(name) === true) return false
  return canonicalNameOf(event, compiled) === "purchase" || purchaseNames.has(name)
}

const purchaseNames: ReadonlySet<string> = new Set(
  Object.values(connectors).flatMap(({ catalog }) =>
    nameSets.flatMap((set) => catalog.names[set].get("purchase") ?? [])
  )
)

export interface MissingIdentifier {
  readonly name: string
  /** How much the estimate would rise with it. */
  readonly gain: number
}

/**
 * Match quality: an offline estimate, 0 to 10 with one decimal, of how well a platform will match the customer. Each identifier that the
 * platform uses has a probability of finding the customer alone (`match_quality` of its catalog); together,
 * taken as independent, they find the customer with 1 - (1-p1)(1-p2)…, of which the estimate is ten times.
 */
export const matchQuality = (user: NormalizedUser, connection: Connection): number => {
  let miss = 1
  for (const factor of factorsOf[connection.kind]!) if (factor.present(user, connection)) miss *= 1 - factor.weight
  return oneDecimal(10 * (1 - miss))
}

/** The identifiers that the event lacks, the most helpful first. */
export const missingIdentifiers = (user: NormalizedUser, connection: Connection): ReadonlyArray<MissingIdentifier> => {
  let miss = 1
  const absent: Array<Factor> = []
  for (const factor of factorsOf[connection.kind]!) {
    if (factor.present(user, connection)) miss *= 1 - factor.weight
    else absent.push(factor)
  }
  return absent
    .map(({ name, weight }) => ({ name, gain: oneDecimal(10 * miss * weight) }))
    .sort((a, b) => b.gain - a.gain || (a.name < b.name ? -1 : 1))
}

interface Factor {
  readonly name: string
  readonly weight: number
  readonly present: (user: NormalizedUser, connection: Connection) => boolean
}

const presence: Readonly<Record<string, Factor["present"]>> = {
  email: (user) => user.email.length > 0,
  phone: (user, connection) => usablePhone(user, connection.mapping.defaultCountry),
  external_id: (user, connection) => externalIds(user, connection).length > 0,
  fbc: (user) => user.fbc !== null || user.fbclid !== null,
  name: (user) => user.first_name !== null && user.last_name !== null,
  address: (user) => user.zip !== null || (user.city !== null && user.state !== null),
  name_and_address: (user) =>
    user.first_name_google !== null &&
    user.last_name_google !== null &&
    user.zip_plain !== null &&
    user.country_code !== null,
  fbp: (user) => user.fbp !== null,
  date_of_birth: (user) => user.date_of_birth !== null,
  gender: (user) => user.gender !== null,
  ip_and_user_agent: (user) => user.ip !== null && user.user_agent !== null,
  madid: (user) => user.madid !== null,
  ctwa_clid: (user) => user.ctwa_clid !== null,
  lead_id: (user) => user.lead_id !== null,
  gclid: (user) => user.gclid !== null,
  gbraid: (user) => user.gbraid !== null,
  wbraid: (user) => user.wbraid !== null,
  ttclid: (user) => user.ttclid !== null,
  ttp: (user) => user.ttp !== null,
  sc_click_id: (user) => user.sc_click_id !== null,
  sc_cookie1: (user) => user.sc_cookie1 !== null,
  recipient: (user, connection) => sealedRecipient(user, connection.mapping.defaultCountry) !== null
}

/** One without a rule here is the user's field of that name, or the click id of that name. */
const presenceOf = (name: string): Factor["present"] => {
  const field = name as keyof NormalizedUser
  return presence[name] ?? ((user) => (user[field] ?? user.click_ids?.[name] ?? null) !== null)
}

const factorsOf: Readonly<Record<string, ReadonlyArray<Factor>>> = Object.fromEntries(
  Object.values(connectors).map(({ kind, catalog }) => [
    kind,
    Object.entries(catalog.matchQuality).map(([name, weight]) => ({ name, weight, present: presenceOf(name) }))
  ])
)

const oneDecimal = (value: number): number => Math.round(value * 10) / 10
