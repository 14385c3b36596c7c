/** What an event is called at a connection's platform. */
import type { NormalizedEvent } from "../../../schemas/types.gen.ts"
import type { TemplateMessage } from "../../connections/message-template.ts"
import type { CompiledConnection, CompiledOverride, NotMapped } from "../connector.ts"
import { skipped } from "./result.ts"

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
export const noMapping = (event: NormalizedEvent, compiled: CompiledConnection): NotMapped =>
  skipped(
    "no_mapping",
    `The event ${JSON.stringify(event.event_name.slice(0, 100))} has no mapping for ${compiled.connection.platform}; ` +
      "add one under mapping.events of the connection (./capi map suggest shows candidates), or exclude the event."
  )
