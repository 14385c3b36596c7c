/** Explains an event: normalizes and maps it as the programs do, and says what was decided where. Pure; nothing is sent. */
import type { DroppedField, MappedEvent, NormalizedEvent, RawEvent } from "../../../schemas/types.gen.ts"
import type { Connection } from "../../../shared/connections/connection.ts"
import { consentDecision, vendorRefusal } from "../../../shared/connectors/mapping/consent.ts"
import { mapForConnection } from "../../../shared/connectors/mapping/map.ts"
import { connectorFor } from "../../../shared/connectors/registry.ts"
import type { EventTimeline } from "../../../shared/event-story/story.ts"
import {
  erasedMessage,
  noSuppressions,
  type Suppressed,
  type Suppressions,
  suppressionReasons
} from "../../../shared/suppression/suppressions.ts"
import { redactDeep } from "../../../shared/telemetry/redaction.ts"
import { type JsonEvent, readJson } from "../read/read-record.ts"
import type { ConnectionExplanation, DecidedBy, EventExplanation, ExplainedField } from "./explanation.ts"
import { maskPayload } from "./mask.ts"
import { consentPreview, normalizeFor, payloadOf } from "./preview-event.ts"

export interface ExplainContext {
  /** Disabled ones are named as such. */
  readonly connections: ReadonlyArray<Connection>
  /** Milliseconds since the epoch, for age limits; null checks none. */
  readonly now: number | null
  /** Whose events are not sent; by default no one's. */
  readonly suppressions?: Suppressions
  /** Of an event that passed already. */
  readonly timeline?: EventTimeline | null
}

/** Of what a producer would publish: the JSON of a raw record, as text, since a long integer is not the same once it was parsed. */
export const explainJson = (event: string, context: ExplainContext): EventExplanation =>
  explainRead(readJson(Buffer.from(event)), context)

/** Of a raw record that was read, or could not be. */
export const explainRead = (read: JsonEvent, context: ExplainContext): EventExplanation => {
  if (read._tag === "Problem") return refusedBy(read.problem, [])
  const { connections, now } = context
  const enabled = connections.filter((connection) => connection.enabled)
  const normalized = normalizeFor(read.raw, read.dropped, enabled, now)
  if (normalized._tag === "Problem")
    return refusedBy(normalized.problem, fieldsOf(read.raw, normalized.problem.dropped, null))
  const { event } = normalized
  return {
    ...explainNormalized(event, context),
    from: "raw",
    fields: fieldsOf(read.raw, event.dropped_fields, event),
    consent: consentPreview(read.raw, event)
  }
}

/** Of a normalized event whose raw record is gone. */
export const explainNormalized = (event: NormalizedEvent, context: ExplainContext): EventExplanation => {
  const suppressed = (context.suppressions ?? noSuppressions).find(event)
  const { consent, consent_country: country = null } = event
  return {
    event_id: event.event_id,
    event_name: event.event_name,
    event_time: event.event_time,
    from: "normalized",
    refused: null,
    fields: event.dropped_fields.map(leftOut),
    consent: { derived: consent, statements: [], country },
    suppression:
      suppressed === null
        ? null
        : suppressed._tag === "Erased"
          ? { kind: "erased", consent: null }
          : { kind: "withdrawn", consent: suppressed.consent },
    connections: context.connections.map((connection) => explainAt(connection, event, suppressed, context))
  }
}

const refusedBy = (
  { eventId, eventName, reason, message, nextStep }: Extract<JsonEvent, { readonly _tag: "Problem" }>["problem"],
  fields: ReadonlyArray<ExplainedField>
): EventExplanation => ({
  event_id: eventId,
  event_name: eventName,
  event_time: null,
  from: "raw",
  refused: { reason, message, next_step: nextStep },
  fields,
  consent: null,
  suppression: null,
  connections: []
})

const explainAt = (
  connection: Connection,
  given: NormalizedEvent,
  suppressed: Suppressed | null,
  { now, timeline }: ExplainContext
): ConnectionExplanation => {
  const connector = connectorFor(connection.kind)
  const event = suppressed?._tag === "Withdrawn" ? { ...given, consent: suppressed.consent } : given
  const consent =
    vendorRefusal(event.tcf_vendors_denied ?? null, connection) ??
    consentDecision(event.consent, connection, connector, event.consent_country ?? null)
  const basic = {
    connection_id: connection.id,
    platform: connection.platform,
    consent:
      consent._tag === "Skip" ? ("skip" as const) : consent.restricted ? ("restricted" as const) : ("send" as const),
    mapping_version: connection.mapping.version,
    platform_event: null,
    match_quality: null,
    deadline: null,
    not_before: null,
    payload: null,
    left_out: [],
    known: timeline?.connections.find(({ connection_id }) => connection_id === connection.id) ?? null
  }
  const not = (outcome: "skipped" | "rejected", decided_by: DecidedBy, reason: string, message: string) => ({
    ...basic,
    outcome,
    decided_by,
    reason,
    message: redactDeep(message) as string,
    next_step: null
  })
  if (!connection.enabled) return not("skipped", "disabled", "disabled", "The connection is disabled.")
  if (suppressed?._tag === "Erased") return not("skipped", "suppression", suppressionReasons.erased, erasedMessage)
  const mapped = mapForConnection(event, connection, connector, now)
  if (mapped._tag !== "Mapped") {
    const outcome = mapped._tag === "Skipped" ? "skipped" : "rejected"
    const decided = not(outcome, decidedBy(mapped.reason, consent._tag === "Skip"), mapped.reason, mapped.message)
    return mapped._tag === "Rejected" ? { ...decided, next_step: mapped.nextStep ?? null } : decided
  }
  return { ...basic, ...payloadFields(mapped.event, given.dropped_fields) }
}

const payloadFields = (event: MappedEvent, before: ReadonlyArray<DroppedField>) => ({
  outcome: "payload" as const,
  decided_by: null,
  reason: null,
  message: null,
  next_step: null,
  platform_event: event.platform_event,
  match_quality: event.match_quality,
  deadline: event.deadline,
  not_before: event.not_before,
  payload: maskPayload(payloadOf(event)),
  left_out: event.dropped_fields.filter((dropped) => !before.includes(dropped)).map(leftOut)
})

/** The filter comes first, then consent. */
const decidedBy = (reason: string, isDenied: boolean): DecidedBy => {
  if (reason === "filter") return "filter"
  if (reason === "event_too_old") return "age"
  return isDenied ? "consent" : "mapping"
}

const leftOut = ({ field, reason, nearest }: DroppedField): ExplainedField => ({
  field,
  treatment: "left_out",
  reason,
  nearest: nearest ?? null
})

/** Every field that the event has a value of, then what was left out that it has no field for, such as an unknown one. */
const fieldsOf = (
  raw: RawEvent,
  dropped: ReadonlyArray<DroppedField>,
  event: NormalizedEvent | null
): ReadonlyArray<ExplainedField> => {
  const byField = new Map(dropped.map((one) => [one.field, one]))
  // A producer's name may be a person's: only those that normalizing let through, or names itself, are shown.
  const isShown = (field: string) =>
    byField.has(field) || !freeNames.some((prefix) => field.startsWith(prefix) && !hasName(event, prefix, field))
  const found = pathsOf(raw, "")
    .filter(isShown)
    .map((field): ExplainedField => {
      const without = byField.get(field)
      if (without !== undefined && !(event !== null && isLeft(event, field))) return leftOut(without)
      return { field, treatment: treatmentOf(field), reason: without?.reason ?? null, nearest: null }
    })
  const known = new Set(found.map(({ field }) => field))
  return [...found, ...dropped.filter(({ field }) => !known.has(field)).map(leftOut)]
}

const freeNames = ["properties.custom.", "user.click_ids."] as const

const hasName = (event: NormalizedEvent | null, prefix: (typeof freeNames)[number], field: string): boolean => {
  const named = prefix === "properties.custom." ? event?.properties?.custom : event?.user.click_ids
  return Object.hasOwn(named ?? {}, field.slice(prefix.length))
}

/** Only a part was left out, such as a parameter of a URL or one of two numbers. */
const isLeft = ({ user, ...event }: NormalizedEvent, field: string): boolean => {
  if (field === "user.phone") return user.phones.length > 0
  const value = field
    .replace(/\[(\d+)\]/g, ".$1")
    .split(".")
    .reduce<unknown>((of, name) => (typeof of === "object" && of !== null ? Reflect.get(of, name) : null), {
      ...event,
      user
    })
  return value !== null && value !== undefined && !(Array.isArray(value) && value.length === 0)
}

const pathsOf = (value: unknown, path: string): ReadonlyArray<string> => {
  if (value === null || value === undefined) return []
  if (Array.isArray(value) && value.every((item) => typeof item === "object"))
    return value.flatMap((item, index) => pathsOf(item, `${path}[${index}]`))
  if (typeof value !== "object" || Array.isArray(value)) return Array.isArray(value) && value.length === 0 ? [] : [path]
  return Object.entries(value).flatMap(([name, item]) => pathsOf(item, path === "" ? name : `${path}.${name}`))
}

const treatmentOf = (field: string): ExplainedField["treatment"] => {
  if (hashedFields.has(field)) return "hashed"
  return field === "user.whatsapp_user_id" ? "sealed" : "kept"
}

/** What the normalizer hashes (docs/identity.md). */
const hashedFields: ReadonlySet<string> = new Set(
  [
    ...["email", "phone", "first_name", "last_name", "city", "state", "zip", "country", "external_id", "anonymous_id"],
    ...["date_of_birth", "gender"]
  ].map((name) => `user.${name}`)
)
