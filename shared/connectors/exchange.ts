/** One HTTP exchange with a platform: the request, the response, and what the response says of each event. */
import type * as Duration from "effect/Duration"
import type * as Redacted from "effect/Redacted"
import type * as Result from "effect/Result"
import type { Connection } from "../connections/connection.ts"
import type { Secret } from "../credentials/credential.ts"

/** What a request is built with, beside its events. */
export interface RequestContext {
  readonly connection: Connection
  /** Where the connector has `refresh`, with the access token it gave, as `access_token`. */
  readonly secret: Secret
  readonly open: OpenRecipient
}

/**
 * Opens the sealed recipient of an event (of a message). Where that fails, the verdict is `configuration` if the master key is
 * another one or missing, and `invalid_event` if the sealed text itself is damaged.
 */
export type OpenRecipient = (sealed: string, eventId: string) => Result.Result<string, EventVerdict>

export interface HttpRequestSpec {
  readonly method: "GET" | "POST"
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  /** Header and URL parameters that are secrets: added when the request is sent, never logged. */
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
  /** This event alone must wait so long before it is sent again (a click that the platform does not know yet). */
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
  /** The platform named the invalid events and took nothing: drop them, send the rest again. */
  | (VerdictMeta & { readonly _tag: "InvalidEvents"; readonly invalidEvents: ReadonlyMap<number, EventVerdict> })
  /** Some event is bad, the platform took nothing and does not say which: bisect. */
  | (VerdictMeta & { readonly _tag: "SomeInvalid"; readonly verdict: EventVerdict })

export interface VerdictMeta {
  readonly requestId: string | null
  /** How many events the platform says it received. */
  readonly eventsReceived: number | null
  readonly warnings: ReadonlyArray<string>
  /** How long the platform asks for no request (Retry-After, retryDelay, estimated_time_to_regain_access). */
  readonly retryAfter: Duration.Duration | null
  /** The platform's usage, in percent of its limit. */
  readonly usagePercent: number | null
  /** An id under which the final outcome can be asked later. */
  readonly trackingId: string | null
}

export type AsyncOutcomeReading =
  /** The platform still works on it: ask again. */
  | { readonly _tag: "Pending"; readonly retryAfter: Duration.Duration | null }
  /** The platform is done. It gives counts, not events: with several events and both outcomes it is unknown which. */
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
