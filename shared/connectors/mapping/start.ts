/** Where an event happened, by the names that the raw event uses (Meta's names). */
import type { NormalizedEvent } from "../../../schemas/types.gen.ts"
import type { Connection } from "../../connections/connection.ts"

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

export interface Origin {
  readonly source: ActionSource
  /** Whether the event itself says so, rather than the connection's default. */
  readonly stated: boolean
}

const known: ReadonlySet<string> = new Set(actionSources)
const isActionSource = (name: string): name is ActionSource => known.has(name)

/** The event's own action source, else the connection's default, else website. */
export const originOf = (event: NormalizedEvent, connection: Connection): Origin => {
  const own = event.action_source
  if (own !== null && isActionSource(own)) return { source: own, stated: true }
  const other = connection.mapping.defaultActionSource
  return { source: isActionSource(other) ? other : "website", stated: false }
}
