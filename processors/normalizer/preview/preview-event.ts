/**
 * A raw event to the element of the request body that it becomes: normalizing and mapping in one pure step, without Kafka.
 * What the pipeline would send, and the way to try a mapping out.
 */
import { randomBytes } from "node:crypto"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import type { Consent, DroppedField, MappedEvent, NormalizedEvent, RawEvent } from "../../../schemas/types.gen.ts"
import { type Connection, defaultCountriesOf, tcfVendorsOf } from "../../../shared/connections/connection.ts"
import type { JsonObject } from "../../../shared/connectors/connector.ts"
import { droppedFields, mapForConnection } from "../../../shared/connectors/mapping/map.ts"
import { connectorFor } from "../../../shared/connectors/registry.ts"
import { makeSealer, openRecipient, type SealerShape } from "../../../shared/credentials/sealer.ts"
import { normalizeConsent } from "../normalize/consent.ts"
import { deriveConsent, type Statement } from "../normalize/consent-signals.ts"
import { defaultNormalizerOptions, normalize } from "../normalize/normalize.ts"
import type { Problem } from "../normalize/problem.ts"
import { type JsonEvent, rawEventFromJson } from "../read/read-record.ts"

export type EventPreview =
  | {
      readonly event_id: string
      readonly outcome: "payload"
      readonly payload: JsonObject
      readonly dropped_fields: ReadonlyArray<DroppedField>
      /** Where the event has signals of consent frameworks. */
      readonly consent?: ConsentPreview
    }
  | {
      /** Null where it could not be read. */
      readonly event_id: string | null
      readonly outcome: "skipped" | "rejected"
      /** Stable code. */
      readonly reason: string
      /** For people. */
      readonly message: string
      readonly dropped_fields: ReadonlyArray<DroppedField>
      readonly consent?: ConsentPreview
    }

/** What each signal says, what they say together, and the country whose rules count where that is unknown. */
export interface ConsentPreview {
  readonly derived: Consent | null
  readonly statements: ReadonlyArray<Statement>
  readonly country: string | null
}

/**
 * Prepares a raw event for a connection. The event is the parsed JSON of a raw record; fields may be absent.
 * @param now milliseconds since the epoch, for age limits; null (the default) checks none
 */
export const previewEvent = (rawEvent: unknown, connection: Connection, now: number | null = null): EventPreview =>
  previewRead(rawEventFromJson(rawEvent), connection, now)

/** As `prepare`, for a record that was read already, or could not be. */
export const previewRead = (read: JsonEvent, connection: Connection, now: number | null): EventPreview => {
  if (read._tag === "Problem") return refused(read.problem)
  const normalized = normalizeFor(read.raw, read.dropped, [connection], now)
  if (normalized._tag === "Problem") return refused(normalized.problem)
  const preview = previewNormalized(normalized.event, connection, now)
  return read.raw.consent_signals === null
    ? preview
    : { ...preview, consent: consentPreview(read.raw, normalized.event) }
}

/** How the consent of a normalized event came about. */
export const consentPreview = (
  { consent, consent_signals: signals }: RawEvent,
  event: NormalizedEvent
): ConsentPreview => {
  const given = consent === null ? null : normalizeConsent(consent, ignored)
  const { consent: derived, consent_country: country = null } = event
  if (signals === null) return { derived, statements: given === null ? [] : [{ source: "consent", ...given }], country }
  return { derived, statements: deriveConsent(given, signals, ignored).statements, country }
}

/** The normalized event names what was left out. */
const ignored = (): void => undefined

/** Normalizes as the program does that serves these connections. `now` in milliseconds since the epoch. */
export const normalizeFor = (
  raw: RawEvent,
  dropped: ReadonlyArray<DroppedField>,
  connections: ReadonlyArray<Connection>,
  now: number | null
) => {
  return normalize(
    raw,
    { ...nowhere, timestamp: now ?? 0 },
    {
      ...defaultNormalizerOptions,
      defaultCountries: defaultCountriesOf(connections),
      tcfVendors: tcfVendorsOf(connections),
      recipients: connections.some(({ kind }) => connectorFor(kind).sealedRecipients === true) ? localSealer : null,
      now
    },
    dropped
  )
}

const previewNormalized = (event: NormalizedEvent, connection: Connection, now: number | null): EventPreview => {
  const mapped = mapForConnection(event, connection, connectorFor(connection.kind), now)
  if (mapped._tag !== "Mapped") {
    return {
      event_id: event.event_id,
      outcome: mapped._tag === "Skipped" ? "skipped" : "rejected",
      reason: mapped.reason,
      message: mapped.message,
      dropped_fields: droppedFields(event, connection, [])
    }
  }
  return {
    event_id: event.event_id,
    outcome: "payload",
    payload: payloadOf(mapped.event),
    dropped_fields: mapped.event.dropped_fields
  }
}

/** The element of the request body that a mapped event becomes. */
export const payloadOf = ({ payload, sealed_recipient, event_id }: MappedEvent): JsonObject =>
  withRecipient(JSON.parse(payload) as JsonObject, sealed_recipient, event_id)

/** A message as delivery sends it, its recipient opened. */
const withRecipient = (payload: JsonObject, sealed: string | null, eventId: string): JsonObject => {
  if (sealed === null) return payload
  const recipient = openRecipient(localSealer, sealed, eventId)
  return Result.isSuccess(recipient) ? { ...payload, to: recipient.success } : payload
}

const refused = (problem: Problem): EventPreview => ({
  event_id: problem.eventId,
  outcome: "rejected",
  reason: problem.reason,
  message: problem.message,
  dropped_fields: problem.dropped
})

/** Seals recipients between the two steps, in this process only. */
const localSealer: SealerShape = makeSealer(Redacted.make(randomBytes(32).toString("hex")))

/** The event is on no topic; it arrives now. */
const nowhere = { topic: "", partition: 0, offset: 0, timestamp: 0 }
