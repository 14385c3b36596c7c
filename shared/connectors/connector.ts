import * as Duration from "effect/Duration"
import type * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import type { MessagePricing, NormalizedEvent, NormalizedUser } from "../../schemas/types.gen.ts"
import type { SendableEvent } from "../codec/codecs.ts"
import type { Connection } from "../connections/connection.ts"
import type { ConnectorRules, Limits } from "../connections/connector-rules.ts"
import type { Secret } from "../credentials/secret.ts"
import type { JsonObject } from "../model/json.ts"
import type { ConnectorKind, Platform } from "../model/platform.ts"

/**
 * A connector: what one kind of ad platform needs, as pure functions. The mapper uses `map`; the delivery engine uses
 * `request`, `verdict` and `limits`; nothing here performs an effect, so each part is tested alone.
 */

export type { Limits } from "../connections/connector-rules.ts"
export type { Secret } from "../credentials/secret.ts"
export type { Json, JsonObject } from "../model/json.ts"

/** The one element of a request body that an event becomes, or why it does not become one. */
export type MapResult =
  | {
      readonly _tag: "Payload"
      readonly platformEvent: string
      readonly payload: JsonObject
      /**
       * Events of equal group may share a request: what the request's envelope needs to know of them, written by
       * `batchGroup` of `batch-group.ts` (which lists the keys of each kind).
       */
      readonly batchGroup: string
      /** Last moment the platform takes the event, in milliseconds since the epoch; null without an age limit. */
      readonly deadline: number | null
      /** Fields that this platform's rules left out. */
      readonly dropped: ReadonlyArray<{ readonly field: string; readonly reason: string }>
      /** WhatsApp only. */
      readonly sealedRecipient: string | null
    }
  /** Not meant for this platform: consent, filter, no_mapping. */
  | { readonly _tag: "Skipped"; readonly reason: string; readonly message: string }
  /** Meant for it, but the platform would refuse it. */
  /** `nextStep`: what a person can do about it, where the reason does not say it already. */
  | { readonly _tag: "Rejected"; readonly reason: string; readonly message: string; readonly nextStep?: string }

export interface HttpRequestSpec {
  readonly method: "GET" | "POST"
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  /** Header and URL parameters that are secrets: added at the moment of sending, never logged. */
  readonly secretHeaders: Readonly<Record<string, Redacted.Redacted>>
  readonly secretParams: Readonly<Record<string, Redacted.Redacted>>
  readonly body: string | null
  /** Writes the bytes of `body`, without making its text, into memory of at least their number that `take` gives. */
  readonly bodyBytes?: (take: (bytes: number) => Buffer) => Buffer
  /** A form of secrets (OAuth), sent as application/x-www-form-urlencoded in place of `body`. */
  readonly secretForm?: Readonly<Record<string, Redacted.Redacted>>
}

export interface HttpResponseSpec {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  /** At most `responseBytesMax`, cut beyond. */
  readonly body: string
  /** Milliseconds since the epoch; a Retry-After that is a date is read against it where the answer has no Date header. */
  readonly receivedAt?: number
}

/** The classes that a platform's answer is sorted into; each decides what the engine does next. */
export type ErrorClass =
  | "delivered" // done
  | "accepted" // the platform answers later
  | "duplicate" // the platform has it already: done
  | "invalid_event" // can never succeed: dead letter
  | "throttled" // slow down, retry
  | "transient" // retry
  | "auth" // stop the connection, refresh, probe
  | "configuration" // stop the connection, a person must act
  | "unknown" // not documented: retried a few times, then a dead letter

/** What became of one event of a request. */
export interface EventVerdict {
  readonly errorClass: ErrorClass
  /** Stable, low-cardinality: a word, with the platform's number beside it where it has one, such as `event_too_old:100/2804003`. */
  readonly reasonCode: string | null
  /** The platform's words, bounded, without anything that looks like personal data or a token. */
  readonly message: string | null
  /** What a person can do about it, from the classification table. */
  readonly nextStep?: string
  /** This event alone must wait so long before it is sent again (a click that Google Ads does not know yet). */
  readonly retryAfter?: Duration.Duration
  /**
   * Of `unknown` only: the answer is not in the platform's form (HTML, cut off), so something else may have answered, or
   * the platform is in trouble. Without it the platform answered with a code that its documentation does not list, which
   * is about the event and says nothing against the platform.
   */
  readonly unreadable?: true
}

/** What a response says of each event sent. */
export type BatchVerdict =
  /** One verdict per event, in order. */
  | (VerdictMeta & { readonly _tag: "PerEvent"; readonly events: ReadonlyArray<EventVerdict> })
  /** The same for every event. */
  | (VerdictMeta & { readonly _tag: "All"; readonly verdict: EventVerdict })
  /** The platform named the culprits and took nothing: drop them, send the rest again. */
  | (VerdictMeta & { readonly _tag: "Culprits"; readonly culprits: ReadonlyMap<number, EventVerdict> })
  /** Some event is bad, the platform took nothing and does not say which: bisect. */
  | (VerdictMeta & { readonly _tag: "SomeInvalid"; readonly verdict: EventVerdict })

interface VerdictMeta {
  readonly requestId: string | null
  /** How many events the platform says it received. */
  readonly eventsReceived: number | null
  readonly warnings: ReadonlyArray<string>
  /** The platform's own wish to be left alone (Retry-After, retryDelay, estimated_time_to_regain_access). */
  readonly retryAfter: Duration.Duration | null
  /** The platform's usage, in percent of its limit (Meta's usage headers). */
  readonly usagePercent: number | null
  /** An id under which the final outcome can be asked later (Google's requestId, WhatsApp's wamid). */
  readonly trackingId: string | null
}

/**
 * Opens the sealed recipient of an event (WhatsApp). Where that fails, the verdict is `configuration` if the master key is
 * another one or missing, and `invalid_event` if the sealed text itself is damaged.
 */
export type OpenRecipient = (sealed: string, eventId: string) => Result.Result<string, EventVerdict>

export interface RequestContext {
  readonly connection: Connection
  /** Where the connector has `refresh`, with the access token it gave, as `access_token`. */
  readonly secret: Secret
  readonly open: OpenRecipient
}

/** What the mapper gives a connector beside the event. */
export interface MappingContext {
  readonly connection: Connection
  /** `Clock` at the moment of mapping, in milliseconds; age limits are checked against it. Null checks none. */
  readonly now: number | null
}

export interface Connector extends ConnectorRules {
  readonly kind: ConnectorKind
  readonly platform: Platform
  /** Whether the platform deduplicates by event id, so that a repeated request is idempotent. */
  readonly idempotent: boolean
  /** The platform's user data of an event, from the hashed forms. */
  readonly formatUserData: (user: NormalizedUser, context: MappingContext) => JsonObject
  readonly mapEvent: (event: NormalizedEvent, context: MappingContext) => MapResult
  /**
   * Why an event can't be put into a request, found before anything is sent; null where it can. An event of which it tells
   * something must not be given to `request`. Absent where any mapped event can be sent.
   */
  readonly unsendable?: (event: SendableEvent, context: RequestContext) => EventVerdict | null
  /** One request for events of one batch group. */
  readonly request: (events: ReadonlyArray<SendableEvent>, context: RequestContext) => HttpRequestSpec
  readonly verdict: (response: HttpResponseSpec, events: ReadonlyArray<SendableEvent>) => BatchVerdict
  /** A request without events that shows whether host, account and credential work. */
  readonly probe: (context: RequestContext) => HttpRequestSpec
  readonly probeVerdict: (response: HttpResponseSpec) => EventVerdict
  /** Exchanges what the credential holds for an access token (Google's OAuth); absent where the token is long-lived. */
  readonly refresh?: {
    readonly request: (context: RequestContext) => HttpRequestSpec
    readonly read: (response: HttpResponseSpec) => RefreshResult
  }
  /** Asks for the final outcome of an accepted request by its `trackingId` (Google's requestStatus); absent where nothing can be asked. */
  readonly asyncOutcome?: {
    readonly request: (trackingId: string, context: RequestContext) => HttpRequestSpec
    readonly read: (response: HttpResponseSpec) => AsyncOutcomeReading
  }
  /** Events carry a sealed recipient, which `request` opens: delivering them needs the master key. */
  readonly sealedRecipients?: true
  /** The platform posts final outcomes to us; absent where it does not. */
  readonly webhook?: ConnectorWebhook
}

/** A platform's webhook. `secret` is the connection's credential. */
export interface ConnectorWebhook {
  /** What answers the platform's handshake (a GET) with status 200; null refuses it. */
  readonly handshake: (query: URLSearchParams, secret: Secret) => string | null
  /** Whether the platform signed this notification. `headers` have lower-case names. */
  readonly isSigned: (
    rawBody: Uint8Array,
    headers: Readonly<Record<string, string | undefined>>,
    secret: Secret
  ) => boolean
  readonly read: (body: string) => WebhookNotification
}

export interface WebhookNotification {
  /** In the notification's order. */
  readonly statuses: ReadonlyArray<MessageStatus>
  /** What else it says, for the log. */
  readonly notes: ReadonlyArray<{ readonly message: string; readonly count: number }>
}

/** What became of one request, under the id that sending it gave. */
export interface MessageStatus {
  readonly trackingId: string
  /** `accepted`: not final. */
  readonly verdict: EventVerdict
  /** What the platform charges for it, where this status says so. */
  readonly pricing: MessagePricing | null
}

export type AsyncOutcomeReading =
  /** The platform still works on it: ask again. */
  | { readonly _tag: "Pending"; readonly retryAfter: Duration.Duration | null }
  /** The platform is done. It gives counts, not events: with several events and both outcomes nobody knows which. */
  | {
      readonly _tag: "Final"
      /** Events that the platform took; null where it says no number. */
      readonly processed: number | null
      /** Why and how many it did not take; empty means that all were taken. */
      readonly rejected: ReadonlyArray<{ readonly verdict: EventVerdict; readonly count: number }>
      readonly warnings: ReadonlyArray<string>
    }
  /** The question itself failed; the class says whether asking again helps. */
  | { readonly _tag: "Unreadable"; readonly verdict: EventVerdict; readonly retryAfter: Duration.Duration | null }

export type RefreshResult =
  | { readonly _tag: "Token"; readonly accessToken: Redacted.Redacted; readonly expiresIn: Duration.Duration }
  | { readonly _tag: "Refused"; readonly verdict: EventVerdict }

/** The specification's answer to `connect` and `testConnection`. */
export interface ConnectionResult {
  readonly status: "connected" | "disconnected" | "error" | "pending"
  readonly platform: Platform
  readonly message: string
  readonly details: JsonObject
}

/** The specification's answer to `sendEvents`. */
export interface CAPIResponse {
  readonly success: boolean
  readonly events_received: number
  readonly events_processed: number
  readonly errors: ReadonlyArray<{ readonly event_id: string | null; readonly code: string; readonly message: string }>
  readonly platform: Platform
  readonly request_id: string | null
}

/**
 * Limits of a platform, the rest filled in: no rate, a window of one minute, four requests in flight, and four MiB a
 * request, which no platform documents but which holds 1,000 events of four KiB.
 */
export const limits = (given: Partial<Limits> & Pick<Limits, "eventsPerRequest">): Limits => ({
  bytesPerRequest: 4 * 1024 * 1024,
  requestsPerWindow: null,
  eventsPerWindow: null,
  window: Duration.minutes(1),
  concurrency: 4,
  ...given
})

/** For connectors whose events carry no sealed recipient, and for requests without events. */
export const opensNothing: OpenRecipient = () =>
  Result.fail({
    errorClass: "invalid_event",
    reasonCode: "recipient_unreadable",
    message: "This platform's events carry no sealed recipient."
  })
