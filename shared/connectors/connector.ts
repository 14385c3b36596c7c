/**
 * A connector: all that the programs ask about one kind of ad platform, as one value of data and pure functions. The mapper
 * uses `catalog` and `mapEvent`; the delivery engine `request`, `verdict` and `limits`; the command line all of it. Nothing
 * here performs an effect, so each part is tested alone.
 */
import * as Duration from "effect/Duration"
import * as Result from "effect/Result"
import type { MessagePricing, NormalizedEvent, NormalizedUser } from "../../schemas/types.gen.ts"
import type { SendableEvent } from "../codec/codecs.ts"
import type { Connection } from "../connections/connection.ts"
import type { ConnectorRules, Limits } from "../connections/connector-rules.ts"
import type { Secret } from "../credentials/credential.ts"
import type { JsonObject } from "../model/json.ts"
import type { ConnectorKind, Platform } from "../model/platform.ts"
import type {
  AsyncOutcomeReading,
  BatchVerdict,
  EventVerdict,
  HttpRequestSpec,
  HttpResponseSpec,
  OpenRecipient,
  RefreshResult,
  RequestContext
} from "./exchange.ts"
import type { Catalog } from "./mapping/catalog.ts"
import type { MapResult } from "./mapping/payload.ts"
import type { CompiledParameter, Predicate } from "./mapping/rules.ts"
import type { Classification } from "./verdicts.ts"

export type { Limits } from "../connections/connector-rules.ts"
export type { Secret } from "../credentials/credential.ts"
export type { Json, JsonObject } from "../model/json.ts"
export type {
  AsyncOutcomeReading,
  BatchVerdict,
  ErrorClass,
  EventVerdict,
  HttpRequestSpec,
  HttpResponseSpec,
  OpenRecipient,
  RefreshResult,
  RequestContext,
  VerdictMeta
} from "./exchange.ts"
export type { MapResult, NotMapped } from "./mapping/payload.ts"

/** What the mapper gives a connector beside the event. */
export interface MappingContext {
  readonly connection: Connection
  readonly compiled: CompiledConnection
  /** `Clock` at the time of mapping, in milliseconds; age limits are checked against it. Null checks none. */
  readonly now: number | null
}

/** A connection's mapping options as tables and functions, made once for each connection (`mapping/compile.ts`). */
export interface CompiledConnection {
  readonly connection: Connection
  readonly connector: Connector
  /** Null takes every event. */
  readonly include: ReadonlySet<string> | null
  readonly exclude: ReadonlySet<string>
  /** Null takes every action source. */
  readonly actionSources: ReadonlySet<string> | null
  readonly overrides: ReadonlyMap<string, CompiledOverride>
  /** Canonical event → the platform's name. */
  readonly names: ReadonlyMap<string, string>
  /** The canonical name that an event's name means at this connection; the name itself where it takes names as they are. */
  readonly canonicalName: (name: string) => string
  readonly parameters: ReadonlyArray<CompiledParameter>
  /** The free properties that go to the platform; null: all. */
  readonly freeProperties: ReadonlySet<string> | null
  /** The rule that sets the value of the payload's custom data; null without one, or where rules set custom variables. */
  readonly valueRule: CompiledParameter | null
  /** Batch groups as text, by what distinguishes them; at most one per conversion action or event source. */
  readonly groups: Map<string, string>
}

export interface CompiledOverride {
  readonly to: string | null
  readonly action: string | null
  readonly applies: Predicate
}

/** A click id or browser id that a platform's links put into the URL of the page. */
export interface ClickId {
  /** The URL parameter in lower case. */
  readonly parameter: string
  /** The user's field that holds it; null: `click_ids`, under the name of the parameter. */
  readonly field: ClickIdField | null
  /** `token`: one opaque token; `gcl`: also within a cookie of the form `GCL.<seconds>.<id>`. */
  readonly form: "token" | "gcl"
}
export type ClickIdField = "fbclid" | "gclid" | "gbraid" | "wbraid" | "dclid" | "ttclid" | "sc_click_id"

export interface Connector extends ConnectorRules {
  readonly kind: ConnectorKind
  readonly platform: Platform
  /** What people call the API, in messages. */
  readonly name: string
  /** Neutral ids for a connection that only maps. */
  readonly exampleAccount: Readonly<Record<string, string>>
  /** Event names, parameters, weights of identifiers, limits of an event's time. */
  readonly catalog: Catalog
  /** Names of events beside those of the catalog, which only some events have. */
  readonly otherEventNames?: ReadonlyArray<string>
  readonly clickIds: ReadonlyArray<ClickId>
  /** Keys of a payload whose values identify a person: masked where a payload is shown. */
  readonly personalKeys: ReadonlyArray<string>
  /** Whether the API takes a flag for limited data use; without one (false), a customer who asked for it is not sent. */
  readonly restrictedUse: boolean | "not_concerned"
  /** Whether parameter rules set custom data whose `value` is the event's amount. */
  readonly valueParameter?: true
  /** What the platform calls changes of an earlier conversion, which carry no amount. */
  readonly eventsWithoutValue?: ReadonlySet<string>
  /** Why an event is too old, as the platform says it. */
  readonly ageRule?: string
  /** What each documented code means: of the API, and of the token endpoint where there is one. */
  readonly classifications: ReadonlyArray<Classification>
  /** Whether the platform deduplicates by event id, so that a repeated request is idempotent. */
  readonly idempotent: boolean
  /** The platform's user data of an event, from the hashed forms. */
  readonly formatUserData: (user: NormalizedUser, connection: Connection) => JsonObject
  readonly mapEvent: (event: NormalizedEvent, context: MappingContext) => MapResult
  /**
   * Why an event can't be put into a request, found before anything is sent; null where it can. An event that it
   * gives a reason for must not be given to `request`. Absent where any mapped event can be sent.
   */
  readonly unsendable?: (event: SendableEvent, context: RequestContext) => EventVerdict | null
  /** One request for events of one batch group. */
  readonly request: (events: ReadonlyArray<SendableEvent>, context: RequestContext) => HttpRequestSpec
  /** `isTest`: the connection has a test code, so that the request may have been validated only, which some platforms answer shortly. */
  readonly verdict: (response: HttpResponseSpec, events: ReadonlyArray<SendableEvent>, isTest?: boolean) => BatchVerdict
  /** A request without events that shows whether host, account and credential work. */
  readonly probe: (context: RequestContext) => HttpRequestSpec
  readonly probeVerdict: (response: HttpResponseSpec) => EventVerdict
  /** Exchanges what the credential holds for an access token; absent where the token is long-lived. */
  readonly refresh?: {
    readonly request: (context: RequestContext) => HttpRequestSpec
    readonly read: (response: HttpResponseSpec) => RefreshResult
  }
  /** Asks when the credential expires; absent where the platform does not say. Null: never, or it is not known. */
  readonly credentialExpiry?: {
    readonly request: (context: RequestContext) => HttpRequestSpec
    /** Milliseconds since the epoch. */
    readonly read: (response: HttpResponseSpec) => number | null
  }
  /** Asks for the final outcome of an accepted request by its `trackingId`; absent where nothing can be asked. */
  readonly asyncOutcome?: {
    readonly request: (trackingId: string, context: RequestContext) => HttpRequestSpec
    readonly read: (response: HttpResponseSpec) => AsyncOutcomeReading
  }
  /** Events carry a sealed recipient, which `request` opens: delivering them needs the master key. */
  readonly sealedRecipients?: true
  /** The platform posts final outcomes to us; absent where it does not. */
  readonly webhook?: ConnectorWebhook
  /** How a person's data is deleted at the platform, which keeps what it was sent. */
  readonly deletionRoute: DeletionRoute
}

export interface DeletionRoute {
  /** What to do, for people. */
  readonly route: string
  /** Whether the platform's documentation says so; else it has to be asked. */
  readonly isDocumented: boolean
}

/** A platform's webhook. `secret` is the connection's credential. */
export interface ConnectorWebhook {
  /** What answers the platform's handshake (a GET) with status 200; null refuses it. */
  readonly handshake: (query: URLSearchParams, secret: Secret) => string | null
  /** Whether these headers (lower-case names) may be those of a signed notification: asked before the body is read. */
  readonly hasSignature: (headers: Readonly<Record<string, string | undefined>>) => boolean
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
