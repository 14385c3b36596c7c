/**
 * What the mapping of every platform begins with: consent, the event's name, where it goes, when the platform takes it. A platform says
 * what differs.
 */
import type { NormalizedEvent } from "../../../schemas/types.gen.ts"
import type { Connection } from "../../connections/connection.ts"
import type { TemplateMessage } from "../../connections/message-template.ts"
import { wordTable } from "../../model/text-table.ts"
import type {
  CompiledConnection,
  CompiledOverride,
  Connector,
  MappingContext,
  MapResult,
  NotMapped
} from "../connector.ts"
import { batchGroup } from "../http/json.ts"
import { consentDecision, vendorRefusal } from "./consent.ts"
import { type Dropped, rejected, skipped } from "./payload.ts"

/** What a platform's mapping adds. `Target` is where an event goes there: its source, the account's asset, the conversion action. */
export interface MappingSteps<Target> {
  /** The platform's name of the event; by default the catalog's, with the connection's overrides. */
  readonly name?: (event: NormalizedEvent, compiled: CompiledConnection) => PlatformEvent | NotMapped
  readonly target: (event: NormalizedEvent, compiled: CompiledConnection, named: PlatformEvent) => Target | NotMapped
  /** Which of the catalog's age limits counts for the target; `default` where there is only one. */
  readonly ageSource?: (target: Target) => string
  readonly payload: (event: NormalizedEvent, start: MappingStart<Target>) => MapResult
}

/** What is known when the payload is built. */
export interface MappingStart<Target> extends MappingContext {
  readonly named: PlatformEvent
  readonly target: Target
  /** The customer denied the sale of data: only with the platform's flags for limited data use. */
  readonly restricted: boolean
  readonly deadline: number | null
}

/** A connector's `mapEvent`: the steps in the order in which every platform takes them. The first reason against the event counts. */
export const mapping =
  <Target>({
    name = nameInCatalog,
    target,
    ageSource = wholePlatform,
    payload
  }: MappingSteps<Target>): Connector["mapEvent"] =>
  (event, context) => {
    const { connection, compiled, now } = context
    const { connector } = compiled
    const consent =
      vendorRefusal(event.tcf_vendors_denied ?? null, connection) ??
      consentDecision(event.consent, connection, connector, event.consent_country ?? null)
    if (consent._tag === "Skip") return skipped(consent.reason, consent.message)
    const named = name(event, compiled)
    if ("_tag" in named) return named
    const found = target(event, compiled, named)
    if (isNotMapped(found)) return found
    const deadline = deadlineOf(event.event_time, ageSource(found), compiled)
    if (deadline !== null && now !== null && now > deadline)
      return rejected("event_too_old", connector.ageRule ?? "The event is older than the connection's maxAgeDays.")
    const { restricted } = consent
    return payload(event, { connection, compiled, now, named, target: found, restricted, deadline })
  }

const nameInCatalog = (event: NormalizedEvent, compiled: CompiledConnection): PlatformEvent | NotMapped =>
  platformEventOf(event, compiled) ?? noMapping(event, compiled)

const wholePlatform = (): string => "default"

const isNotMapped = (target: unknown): target is NotMapped =>
  typeof target === "object" && target !== null && "_tag" in target

/** The text of a batch group, made once for each `key`. */
export const groupText = (
  { groups }: CompiledConnection,
  key: string,
  group: Readonly<Record<string, string>>
): string => {
  const known = groups.get(key)
  if (known !== undefined) return known
  const text = batchGroup(group)
  groups.set(key, text)
  return text
}

/** Where an event happened, by the names that the raw event uses. */
export const actionSources = [
  "website",
  "app",
  "email",
  "phone_call",
  "chat",
  "physical_store",
  "system_generated",
  "business_messaging",
  "other"
] as const
export type ActionSource = (typeof actionSources)[number]

export interface GivenSource {
  readonly source: ActionSource
  /** Whether the event itself says so, rather than the connection's default. */
  readonly stated: boolean
}

const knownSource = wordTable(actionSources)

/** The event's own action source, else the connection's default, else website. */
export const actionSourceOf = (event: NormalizedEvent, connection: Connection): GivenSource => {
  const own = event.action_source
  const stated = own === null ? undefined : knownSource(own)
  if (stated !== undefined) return { source: stated, stated: true }
  return { source: knownSource(connection.mapping.defaultActionSource) ?? "website", stated: false }
}

export interface PlatformEvent {
  readonly name: string
  /** The conversion action of an override; null takes the account's. */
  readonly action: string | null
}

/** The canonical name by which the connection knows the event; the name itself where the connection takes names as they are. */
export const canonicalNameOf = (event: NormalizedEvent, compiled: CompiledConnection): string =>
  compiled.canonicalName(event.event_name)

/**
 * The platform's name of the event: the connection's override where its conditions hold, else the catalog's name. An override
 * of the event's name comes before one of the canonical name. Null means that the event has no mapping. An override that
 * gives only an action keeps the catalog's name, or for a custom event the event's name.
 */
export const platformEventOf = (event: NormalizedEvent, compiled: CompiledConnection): PlatformEvent | null => {
  const canonical = canonicalNameOf(event, compiled)
  const standard = compiled.names.get(canonical)
  const override = overrideOf(event, canonical, compiled)
  if (override !== null) {
    return { name: override.to ?? standard ?? event.event_name, action: override.action }
  }
  return standard === undefined ? null : { name: standard, action: null }
}

const overrideOf = (
  event: NormalizedEvent,
  canonical: string,
  { overrides }: CompiledConnection
): CompiledOverride | null => {
  if (overrides.size === 0) return null
  const byName = overrides.get(event.event_name)
  if (byName?.applies(event)) return byName
  if (canonical === event.event_name) return null
  const byCanonical = overrides.get(canonical)
  return byCanonical?.applies(event) ? byCanonical : null
}

/** The template message of the event: by the name that an override gives it, else by its own, else by the canonical one. */
export const templateOf = (event: NormalizedEvent, compiled: CompiledConnection): TemplateMessage | undefined => {
  const { templates } = compiled.connection.mapping
  const canonical = canonicalNameOf(event, compiled)
  const to = overrideOf(event, canonical, compiled)?.to
  if (to !== undefined && to !== null) return ownValue(templates, to)
  return ownValue(templates, event.event_name) ?? ownValue(templates, canonical)
}

const ownValue = (templates: Readonly<Record<string, TemplateMessage>>, name: string): TemplateMessage | undefined =>
  Object.hasOwn(templates, name) ? templates[name] : undefined

/** Whether the connection's filter takes events of this name; it may name events by their name or by the canonical one. */
export const takesName = (name: string, compiled: CompiledConnection): boolean => {
  const { exclude, include } = compiled
  if (include === null && exclude.size === 0) return true
  const canonical = compiled.canonicalName(name)
  if (exclude.has(name) || exclude.has(canonical)) return false
  return include === null || include.has(name) || include.has(canonical)
}

/** An event without a mapping: skipped, with what to do about it. */
const noMapping = (event: NormalizedEvent, compiled: CompiledConnection): NotMapped =>
  skipped(
    "no_mapping",
    `The event ${JSON.stringify(event.event_name.slice(0, 100))} has no mapping for ${compiled.connection.platform}; ` +
      "add one under mapping.events of the connection (./capi map suggest shows candidates), or exclude the event."
  )

/**
 * The last time at which the platform takes an event of this source, in milliseconds since the epoch; null where it has no age
 * limit. The connection's `max_age_days` comes before the platform's limit.
 */
const deadlineOf = (eventTime: number, source: string, compiled: CompiledConnection): number | null => {
  const { maxAgeDays } = compiled.connection.mapping
  if (maxAgeDays === null) return null
  if (maxAgeDays !== undefined) return eventTime + maxAgeDays * 86_400_000
  const { ageLimitMillis } = compiled.connector.catalog
  const limit = ageLimitMillis[source] ?? ageLimitMillis["default"]
  return limit === undefined ? null : eventTime + limit
}

/** Whole seconds since the epoch. */
export const seconds = (millis: number): number => Math.floor(millis / 1000)

/**
 * How far ahead of the clock an event may go out, in milliseconds: the connection's `future_tolerance`, else what the
 * platform takes. Null where no time goes out.
 */
export const futureToleranceMillis = (
  { mapping }: Pick<Connection, "mapping">,
  { catalog }: Pick<Connector, "catalog">
): number | null =>
  catalog.futureLimitMillis === null ? null : (mapping.futureToleranceMillis ?? catalog.futureLimitMillis)

/** When an event may go out, in milliseconds since the epoch; in the past for nearly all. */
export const dueAt = (
  event: { readonly event_time: number; readonly not_before: number | null },
  toleranceMillis: number | null
): number => Math.max(event.not_before ?? 0, toleranceMillis === null ? 0 : event.event_time - toleranceMillis)

export interface Timed {
  readonly event: NormalizedEvent
  /** When it may go out, where that is after its arrival. */
  readonly notBefore: number | null
  /** What the trace says of it. */
  readonly note: Dropped | null
}

/**
 * The event with the time that it goes out with. One that was ahead of its arrival waits until it is due, or has the time
 * of its arrival, as the connection says. The arrival is the timestamp of the raw record, so that a replay gives the same.
 */
export const timed = (event: NormalizedEvent, connection: Connection, connector: Pick<Connector, "catalog">): Timed => {
  const tolerance = futureToleranceMillis(connection, connector)
  const arrival = event.source.timestamp
  if (tolerance === null || arrival <= 0 || event.event_time <= arrival + Math.max(tolerance, clocksApartMillis)) {
    return { event, notBefore: null, note: null }
  }
  return connection.mapping.futureEvents === "arrival_time"
    ? { event: { ...event, event_time: arrival }, notBefore: null, note: arrivalTime }
    : { event, notBefore: event.event_time - tolerance, note: held }
}

/** Two machines are so far apart with good clocks; what of it is left when the event is sent, the delivery waits for. */
const clocksApartMillis = 1_000

const arrivalTime: Dropped = { field: "event_time", reason: "arrival_time" }
const held: Dropped = { field: "event_time", reason: "held_until_due" }
