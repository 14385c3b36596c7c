/** What the loader of `connections.yaml` must know of each kind of connector. The registry of connectors gives the values. */
import type * as Duration from "effect/Duration"
import type { CredentialFields } from "../credentials/credential.ts"
import type { ConnectorKind } from "../model/platform.ts"

export interface ConnectorRules {
  /** Keys of `account`: what is required and what is allowed; `anyOf` are optional ones of which at least one is needed. */
  readonly account: {
    readonly required: ReadonlyArray<string>
    readonly optional: ReadonlyArray<string>
    readonly anyOf?: ReadonlyArray<string>
  }
  readonly credential: CredentialFields
  /** Where requests go unless `endpoint` says otherwise. */
  readonly endpoint: { readonly host: string; readonly version: string }
  readonly limits: { readonly documented: Limits; readonly specification: Limits }
  /** The platform's id in IAB's Global Vendor List; absent where none is known. */
  readonly tcfVendor?: number
  /** Most characters of `partner_name`; absent: any number. */
  readonly partnerNameCharactersMax?: number
  /** Whether `mapping.events` may set a numeric conversion action. */
  readonly conversionActions?: true
  /** Events are sent by the message templates of `mapping.templates`, and by nothing else. */
  readonly messageTemplates?: true
  /** Whether the user's address may go beside the other identifiers: by `mapping.address_identifiers`, always, or never (absent). */
  readonly addressIdentifiers?: "optional" | "always"
}

/** Limits as the platform documents them; a request carries at most `eventsPerRequest` events and `bytesPerRequest` bytes. */
export interface Limits {
  readonly eventsPerRequest: number
  readonly bytesPerRequest: number
  /** Token bucket: so many requests per window; null where no rate is documented. */
  readonly requestsPerWindow: number | null
  readonly eventsPerWindow: number | null
  readonly window: Duration.Duration
  /** Requests in flight at a time. */
  readonly concurrency: number
}

/** Bytes of a request's body kept free for what surrounds the events. */
export const envelopeBytes = 8_192

/** The names that a platform knows for events. */
export interface EventNames {
  readonly standard: ReadonlyArray<string>
  /** Whether the platform takes names beyond its standard list. */
  readonly custom: boolean
}

/** All kinds' rules. */
export interface ConnectorCatalog {
  readonly rulesOf: (kind: ConnectorKind) => ConnectorRules
  readonly eventNamesOf: (kind: ConnectorKind) => EventNames
  /** Event names that mean the same at every platform. */
  readonly canonicalEvents: ReadonlyArray<string>
  /** The canonical event that a name of another tool means; the name itself where none does. */
  readonly canonicalName: (name: string) => string
}
