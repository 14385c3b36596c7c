/** Why a raw record cannot become a normalized event: a value, since it ends in `dead-letters`, never a failure. */

import type { DroppedField } from "../../../schemas/types.gen.ts"

/** Stable reason codes; dashboards and alerts depend on them. */
export const problemReasons = [
  "not_avro_not_json",
  "empty",
  "unknown_schema_id",
  "schema_unavailable",
  "undecodable",
  "record_too_large",
  "missing_event_id",
  "invalid_event_id",
  "missing_event_name",
  "invalid_event_name",
  "missing_event_time",
  "event_time_in_seconds",
  "event_time_in_future",
  "event_time_invalid",
  "event_time_without_offset",
  "empty_identity",
  "secret_missing",
  "sealed_undecodable",
  "poison"
] as const
export type ProblemReason = (typeof problemReasons)[number]

export interface Problem {
  readonly reason: ProblemReason
  /** What is wrong, for people; never a personal datum. */
  readonly message: string
  readonly nextStep: string
  /** Null where it could not be read or contains personal data. */
  readonly eventId: string | null
  readonly eventName: string | null
  /** What was left out before: without an identity, this is why. */
  readonly dropped: ReadonlyArray<DroppedField>
}

/** What to do about each reason. */
export const nextSteps: Readonly<Record<ProblemReason, string>> = {
  not_avro_not_json: "Publish Confluent-Avro (magic byte 0) or one JSON object per record, then redrive.",
  empty: "Publish a value with the record; a tombstone means nothing on this topic.",
  unknown_schema_id:
    "Register the writer's schema in the registry that this program uses, or let the program's user read its subject, then redrive.",
  schema_unavailable: "Start the schema registry again, or correct SCHEMA_REGISTRY_URL, then redrive.",
  undecodable:
    "Compare the record with its schema (Avro) or check its syntax (JSON), repair the producer, then redrive.",
  record_too_large: "Send less per event, or raise the normalizer's record limit and redrive.",
  missing_event_id: "Give every event a unique event_id, then send it again.",
  invalid_event_id: "Use an opaque event_id of at most 256 characters without personal data.",
  missing_event_name: "Name the event, such as purchase or lead.",
  invalid_event_name: "Use an event name of at most 256 characters without personal data.",
  missing_event_time: "Set event_time to the time of the event in milliseconds since 1970.",
  event_time_in_seconds: "Multiply event_time by 1000: it is in milliseconds since 1970.",
  event_time_in_future: "Check the producer's clock and time zone; event_time is UTC in milliseconds.",
  event_time_invalid: "Set event_time to an integer number of milliseconds since 1970, or to ISO 8601 with an offset.",
  event_time_without_offset:
    "Write event_time with its offset, such as 2026-11-28T09:30:00Z or 2026-11-28T10:30:00+01:00: a local time is another one in each time zone.",
  empty_identity:
    "Send at least one identifier of the customer: email, phone, external_id, a click or browser id, or the IP address.",
  secret_missing:
    "Find out who deleted records of person-keys or recreated it; restore it from a backup, then redrive.",
  sealed_undecodable: "Find out who recreated identity-keys or changed the record; restore the topic, then redrive.",
  poison:
    "Report it with the program's last lines, or with the record if it may be shown; redrive it once a new version takes it."
}

/** A problem with the next step of its reason. */
export const problem = (
  reason: ProblemReason,
  message: string,
  eventId: string | null = null,
  eventName: string | null = null
): Problem => ({ reason, message, nextStep: nextSteps[reason], eventId, eventName, dropped: nothing })

const nothing: ReadonlyArray<DroppedField> = []
