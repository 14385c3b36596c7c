/** What an event is called at a connection's platform. */
import type { NormalizedEvent } from "../../schemas/types.gen.ts"
import type { MapResult } from "../platforms/connector.ts"
import type { CompiledConnection } from "./compile.ts"
import { skipped } from "./result.ts"

export interface PlatformEvent {
  readonly name: string
  /** Google: the conversion action of an override; null takes the account's. */
  readonly action: string | null
}

/**
 * The platform's name of the event: the connection's override where its conditions hold, else the catalog's name.
 * Null means that the event has no mapping. An override that gives only an action keeps the catalog's name, or for a
 * custom event its own name.
 */
export const platformEventOf = (event: NormalizedEvent, compiled: CompiledConnection): PlatformEvent | null => {
  const standard = compiled.names.get(event.event_name)
  const override = compiled.overrides.get(event.event_name)
  if (override?.applies(event)) {
    return { name: override.to ?? standard ?? event.event_name, action: override.action }
  }
  return standard === undefined ? null : { name: standard, action: null }
}

/** An event that nobody mapped: skipped, with what to do about it. */
export const noMapping = (event: NormalizedEvent, compiled: CompiledConnection): MapResult =>
  skipped(
    "no_mapping",
    `The event ${JSON.stringify(event.event_name.slice(0, 100))} has no mapping for ${compiled.connection.platform}; ` +
      "add one under mapping.events of the connection (./capi map suggest shows candidates), or exclude the event."
  )
