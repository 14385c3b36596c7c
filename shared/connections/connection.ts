/** A connection as the programs see it, after `connections.yaml` was read, checked and completed with defaults. */
import type * as Duration from "effect/Duration"
import type { Json } from "../model/json.ts"
import type { ConnectorKind, Platform } from "../model/platform.ts"
import type { TemplateMessage } from "./message-template.ts"
import type { ResilienceOptions } from "./resilience-options.ts"

export interface Connection {
  /** Unique, `[a-z0-9][a-z0-9-]*`; part of the consumer group's name. */
  readonly id: string
  readonly kind: ConnectorKind
  readonly platform: Platform
  readonly enabled: boolean
  /** The platform's account ids (dataset_id, pixel_id, operating_account_id, …). */
  readonly account: Readonly<Record<string, string>>
  /** `env:NAME` or `store:NAME`. */
  readonly credential: string
  /** Host and version, the connector's where not overridden. No trailing slash. */
  readonly endpoint: { readonly host: string; readonly version: string }
  readonly events: EventFilter
  readonly mapping: MappingOptions
  readonly limits: LimitOptions
  readonly consent: ConsentPolicy
  /** Absent: the specification's figures. */
  readonly resilience?: ResilienceOptions
  /** Marks requests as tests, where the platform knows such a code. */
  readonly testEventCode: string | null
  /** Sent as partner_agent, partner_name or integration. */
  readonly partnerName: string | null
}

/** Which events the connection takes; exclude wins. Empty include means all. */
export interface EventFilter {
  readonly include: ReadonlyArray<string>
  readonly exclude: ReadonlyArray<string>
  readonly actionSources: ReadonlyArray<string>
}

export interface MappingOptions {
  /** Recorded with every event; the same version gives the same bytes. */
  readonly version: string
  /** `specification` (the specification's table) or `current` (the names the platform prefers today). */
  readonly names: "specification" | "current"
  /** ISO 3166-1 alpha-2: the country of national phone numbers when the event tells none; null refuses the field. */
  readonly defaultCountry: string | null
  readonly defaultActionSource: string
  /** Absent: names of other tools, in any spelling, are the canonical ones. `exact`: event names count as they are. */
  readonly eventNames?: "exact"
  /** Absent: an event's anonymous id stands in for an external id where there is none. `ignore`: it never does. */
  readonly anonymousId?: "ignore"
  /** The greatest age of an event in days, instead of the platform's documented one; null checks none. */
  readonly maxAgeDays?: number | null
  /** An event ahead of the clock waits until it is due (absent), or goes out with the time of its arrival. */
  readonly futureEvents?: "arrival_time"
  /** How far ahead of the clock an event may go out, in milliseconds, instead of what the platform takes. */
  readonly futureToleranceMillis?: number
  /** Google Ads API: conversions carry the address too, where all four of its parts are known. */
  readonly addressIdentifiers?: boolean
  /** Overrides and additions: canonical or custom name → platform event and, for Google, the conversion action. */
  readonly events: Readonly<Record<string, EventOverride>>
  /** Parameters to set in the payload's custom data: name → property path, constant or template. */
  readonly parameters: Readonly<Record<string, ParameterRule>>
  /** WhatsApp: canonical or custom name → the template message to send. */
  readonly templates: Readonly<Record<string, TemplateMessage>>
}

export interface EventOverride {
  /** The platform's event name; null where only the action is set. */
  readonly to: string | null
  /** Google: the numeric conversion action id. */
  readonly action: string | null
  /** All must hold for the override to apply. */
  readonly when: ReadonlyArray<Condition>
}

/** A test on a property of the event, such as `properties.value` gt 100. */
export interface Condition {
  readonly path: string
  readonly op: "eq" | "ne" | "gt" | "gte" | "lt" | "lte" | "in" | "exists" | "missing"
  readonly value: Json
}

export type ParameterRule =
  | { readonly _tag: "From"; readonly path: string }
  | { readonly _tag: "Constant"; readonly value: Json }
  /** `"order {properties.order_id}"` */
  | { readonly _tag: "Template"; readonly template: string }

export interface LimitOptions {
  readonly profile: "documented" | "specification"
  readonly eventsPerRequest: number | null
  readonly bytesPerRequest: number | null
  readonly requestsPerWindow: number | null
  readonly eventsPerWindow: number | null
  readonly window: Duration.Duration | null
  readonly concurrency: number | null
  /** How long a batch waits to fill. */
  readonly linger: Duration.Duration | null
}

/** What happens with each value of the customer's consent. Denied ad_user_data is never sent, whatever stands here. */
export interface ConsentPolicy {
  /** Events whose ad_user_data is unknown: send (default) or skip. */
  readonly onUnknown: "send" | "skip"
  /** Sale of data denied: `restrict` sends with the platform's restricted-use flags, `skip` sends nothing. */
  readonly onSaleDenied: "restrict" | "skip"
  /** `granted`: whoever publishes the events asked already, so an absent ad_user_data or ad_personalization is granted. */
  readonly assume?: "granted"
}
