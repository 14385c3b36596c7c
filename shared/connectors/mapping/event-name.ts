/** What an event is called at a connection's platform. */

import toolNames from "../../../schemas/catalog/event-names.json" with { type: "json" }
import type { NormalizedEvent } from "../../../schemas/types.gen.ts"
import { memo } from "../../model/memo.ts"
import { platforms } from "../../model/platform.ts"
import type { MapResult } from "../connector.ts"
import type { CompiledMessage } from "../whatsapp/template.ts"
import { canonicalEvents, platformNames } from "./catalog.ts"
import type { CompiledConnection, CompiledOverride } from "./compile.ts"
import { skipped } from "./result.ts"

export interface PlatformEvent {
  readonly name: string
  /** Google: the conversion action of an override; null takes the account's. */
  readonly action: string | null
}

/** The canonical name by which the connection knows the event; its own name where the connection takes names as they are. */
export const canonicalNameOf = (event: NormalizedEvent, compiled: CompiledConnection): string =>
  compiled.exactNames ? event.event_name : canonicalName(event.event_name)

/**
 * The platform's name of the event: the connection's override where its conditions hold, else the catalog's name. An override
 * of the event's own name comes before one of the canonical name. Null means that the event has no mapping. An override that
 * gives only an action keeps the catalog's name, or for a custom event its own name.
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
export const messageOf = (event: NormalizedEvent, compiled: CompiledConnection): CompiledMessage | undefined => {
  const { messages } = compiled
  const canonical = canonicalNameOf(event, compiled)
  const to = overrideOf(event, canonical, compiled)?.to
  if (to !== undefined && to !== null) return messages.get(to)
  return messages.get(event.event_name) ?? messages.get(canonical)
}

/** Whether the connection's filter takes events of this name; it may name events by their own name or by the canonical one. */
export const takesName = (name: string, compiled: CompiledConnection): boolean => {
  const { exclude, include } = compiled
  if (include === null && exclude.size === 0) return true
  const canonical = compiled.exactNames ? name : canonicalName(name)
  if (exclude.has(name) || exclude.has(canonical)) return false
  return include === null || include.has(name) || include.has(canonical)
}

/** An event that nobody mapped: skipped, with what to do about it. */
export const noMapping = (event: NormalizedEvent, compiled: CompiledConnection): MapResult =>
  skipped(
    "no_mapping",
    `The event ${JSON.stringify(event.event_name.slice(0, 100))} has no mapping for ${compiled.connection.platform}; ` +
      "add one under mapping.events of the connection (./capi map suggest shows candidates), or exclude the event."
  )

/** The canonical event that a name of another tool means: by an exact table, in any case and with any separators. */

/** What a tool calls the canonical events: canonical name → its names, as the tool writes them. */
export const namesByTool: Readonly<Record<string, Readonly<Record<string, ReadonlyArray<string>>>>> = toolNames

/**
 * The canonical name, or the name itself where no tool is known to use it. Only letters and digits count, in any case:
 * `Order Completed`, `order_completed`, `OrderCompleted` and `orders/paid` are purchases. Nothing is guessed from likeness.
 */
export const canonicalName = (name: string): string => (canonical.has(name) ? name : ofOtherName(name))

const canonical: ReadonlySet<string> = new Set(canonicalEvents)

/** A producer has few names, which come again with every event. */
const ofOtherName: (name: string) => string = memo(1_024, (name) => canonicalOf.get(folded(name)) ?? name)

/** What counts in a name. */
export const folded = (name: string): string => name.toLowerCase().replace(/[^\p{L}\p{N}]+/gu, "")

/** Canonical names come first, then those of tools, then the platforms' own, of which the first event in the catalog has the word. */
const canonicalOf: ReadonlyMap<string, string> = (() => {
  const names = new Map<string, string>()
  const add = (name: string, event: string): void => {
    const key = folded(name)
    if (!names.has(key)) names.set(key, event)
  }
  for (const event of canonicalEvents) add(event, event)
  for (const tool of Object.values(namesByTool)) {
    for (const [event, list] of Object.entries(tool)) for (const name of list) add(name, event)
  }
  for (const platform of platforms) {
    for (const set of ["specification", "current"] as const) {
      for (const [event, name] of platformNames(platform, set)) add(name, event)
    }
  }
  return names
})()
