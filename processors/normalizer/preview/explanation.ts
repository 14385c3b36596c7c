/** What would become of an event at each connection and why, as a value: for `./capi explain` and the page of operators. No personal data. */
import type { Consent } from "../../../schemas/types.gen.ts"
import type { JsonObject } from "../../../shared/connectors/connector.ts"
import type { StoryConnection } from "../../../shared/event-story/story.ts"
import type { ConsentPreview } from "./preview-event.ts"

/** What the normalizer does with a field: `kept` as it is or normalized, `hashed`, `sealed` for a message, or `left_out`. */
export type FieldTreatment = "kept" | "hashed" | "sealed" | "left_out"

export interface ExplainedField {
  /** Such as `user.email` or `properties.items[0].price`. */
  readonly field: string
  readonly treatment: FieldTreatment
  /** Why it is left out, or a part of it is; null for the others. */
  readonly reason: string | null
  /** Of an unknown field: the known one that was most likely meant. */
  readonly nearest: string | null
}

/** What decides about the event at a connection, in the order in which it is asked. */
export type DecidedBy = "disabled" | "suppression" | "filter" | "consent" | "age" | "mapping"

export interface ConnectionExplanation {
  readonly connection_id: string
  readonly platform: string
  readonly outcome: "payload" | "skipped" | "rejected"
  /** What stood against it; null for a payload. */
  readonly decided_by: DecidedBy | null
  readonly reason: string | null
  readonly message: string | null
  readonly next_step: string | null
  /** What the connection makes of the event's consent: `restricted` is sent with the platform's flags of restricted use. */
  readonly consent: "send" | "restricted" | "skip"
  readonly mapping_version: string
  /** The platform's name of the event. */
  readonly platform_event: string | null
  /** Estimate, 0 to 10. */
  readonly match_quality: number | null
  /** The platform takes it until then, in milliseconds since the epoch. */
  readonly deadline: number | null
  /** Not sent before then, in milliseconds since the epoch. */
  readonly not_before: number | null
  /** The element of the request body, with what the platform takes in clear masked; null where nothing would be sent. */
  readonly payload: JsonObject | null
  /** What mapping left out beside what normalizing did. */
  readonly left_out: ReadonlyArray<ExplainedField>
  /** Of an event that passed already: what is known of it here. A further one with its id would be a duplicate. */
  readonly known: StoryConnection | null
}

export interface EventExplanation {
  /** Null where it could not be read. */
  readonly event_id: string | null
  readonly event_name: string | null
  /** In milliseconds since the epoch. */
  readonly event_time: number | null
  /** What was explained: the raw event, or what is left where retention or an erasure took the raw record. */
  readonly from: "raw" | "normalized"
  /** Why the normalizer refuses it; null where it does not. */
  readonly refused: { readonly reason: string; readonly message: string; readonly next_step: string } | null
  /** In the order of the event; empty where only the normalized event is there, but for what was left out. */
  readonly fields: ReadonlyArray<ExplainedField>
  readonly consent: ConsentPreview | null
  /** The person was erased, or withdrew consent since; null where neither is known. `consent` is what is left. */
  readonly suppression: { readonly kind: "erased" | "withdrawn"; readonly consent: Consent | null } | null
  /** Empty for a refused event. */
  readonly connections: ReadonlyArray<ConnectionExplanation>
}
