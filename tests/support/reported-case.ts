/** Runs one reported case through the real parts and says in words what is not as it should be. */
import { createHash } from "node:crypto"
import { isDeepStrictEqual } from "node:util"
import * as Duration from "effect/Duration"
import * as Redacted from "effect/Redacted"
import { pendingRecord } from "../../processors/delivery/outcomes/pending.ts"
import { makeWebhookOutcomes } from "../../processors/delivery/outcomes/webhook-outcomes.ts"
import { defaultNormalizerOptions, normalize } from "../../processors/normalizer/normalize/normalize.ts"
import { readJson } from "../../processors/normalizer/read/read-record.ts"
import type { DroppedField, PendingOutcome } from "../../schemas/types.gen.ts"
import type { BatchVerdict, EventVerdict } from "../../shared/connectors/connector.ts"
import { builtinConnection } from "../../shared/connectors/load-connections.ts"
import { droppedFields, mapForConnection } from "../../shared/connectors/mapping/map.ts"
import { connectorFor } from "../../shared/connectors/registry.ts"
import { messageStatuses } from "../../shared/connectors/whatsapp/webhook.ts"
import { makeSealer } from "../../shared/credentials/sealer.ts"
import type { ConnectorKind } from "../../shared/model/platform.ts"
import { json, mappedEvent } from "../../shared/testing/connector-fixture.ts"
import { makeMemoryCodecs } from "../../shared/testing/memory-codecs.ts"

export interface ReportedCase {
  readonly case: string
  readonly platform: ConnectorKind
  readonly kind: string
  /** The public report: repository and number of the issue or pull request. */
  readonly source?: string
  readonly input: { readonly [key: string]: unknown }
  /** The right answer in words. */
  readonly expected: string
  readonly check: Check
  /** Known not to hold yet. */
  readonly pending?: true
}

/** The right answer, as far as a program can hold it; what is not given is not looked at. */
interface Check {
  /** The kinds of connectors that it holds for; absent: the case's platform. */
  readonly platforms?: ReadonlyArray<ConnectorKind>
  /** The clock in milliseconds; absent: the event's time. */
  readonly now?: number
  /** Options of the connection's mapping, in place of the built-in ones. */
  readonly mapping?: object
  readonly outcome?: "payload" | "rejected" | "skipped"
  readonly reason?: string
  /** Words of the message. */
  readonly message?: string
  /** Path in the payload → its value; that of `hashed` is the text that was hashed. */
  readonly payload?: Readonly<Record<string, unknown>>
  readonly hashed?: Readonly<Record<string, ReadonlyArray<string>>>
  readonly absent?: ReadonlyArray<string>
  /** Fields that `dropped_fields` names. */
  readonly dropped?: ReadonlyArray<string>
  /** Nothing goes out more than a minute before its event's time. */
  readonly due?: true
  /** The class of each event of an answer; null where the event goes again. */
  readonly classes?: ReadonlyArray<string | null>
  /** Words of the next step of every verdict. */
  readonly next_step?: string
  /** The outcomes of a message, in the order of its notifications. */
  readonly outcomes?: ReadonlyArray<string>
}

interface Ran {
  readonly outcome: string
  readonly reason: string | null
  readonly message: string | null
  readonly payload: unknown
  readonly notBefore: number | null
  readonly dropped: ReadonlyArray<DroppedField>
}

export const eventFaults = ({ platform, input, check }: ReportedCase): ReadonlyArray<string> =>
  (check.platforms ?? [platform]).flatMap((kind) =>
    faultsOf(run(kind, input, check), check).map((fault) => `${kind}: ${fault}`)
  )

const run = (kind: ConnectorKind, input: ReportedCase["input"], check: Check): Ran => {
  const builtin = builtinConnection(kind)
  const { maxAgeDays: _, ...mapping } = builtin.mapping
  const connection = { ...builtin, mapping: { ...mapping, ...check.mapping } }
  const time = input["event_time"]
  const now = check.now ?? (typeof time === "number" ? time : null)
  const read = readJson(Buffer.from(JSON.stringify(input)))
  const normalized =
    read._tag === "Problem"
      ? read
      : normalize(read.raw, { ...nowhere, timestamp: now ?? 0 }, { ...options, now }, read.dropped)
  if (normalized._tag === "Problem") {
    const { reason, message, dropped } = normalized.problem
    return { outcome: "rejected", reason, message, payload: null, notBefore: null, dropped }
  }
  const { event } = normalized
  const mapped = mapForConnection(event, connection, connectorFor(kind), now)
  if (mapped._tag !== "Mapped") {
    const outcome = mapped._tag === "Skipped" ? "skipped" : "rejected"
    const dropped = droppedFields(event, connection, [])
    return { outcome, reason: mapped.reason, message: mapped.message, payload: null, notBefore: null, dropped }
  }
  const payload: unknown = JSON.parse(mapped.event.payload)
  const { not_before, dropped_fields } = mapped.event
  return { outcome: "payload", reason: null, message: null, payload, notBefore: not_before, dropped: dropped_fields }
}

const nowhere = { topic: "raw-events", partition: 0, offset: 0, timestamp: 0 }
const options = { ...defaultNormalizerOptions, recipients: makeSealer(Redacted.make("a".repeat(64))) }

const faultsOf = (ran: Ran, check: Check): ReadonlyArray<string> => {
  const faults: Array<string> = []
  const expect = (what: string, found: unknown, right: unknown) => {
    if (!isDeepStrictEqual(found, right))
      faults.push(`${what} is ${JSON.stringify(found)}, not ${JSON.stringify(right)}`)
  }
  if (check.outcome !== undefined) expect("outcome", ran.outcome, check.outcome)
  if (check.reason !== undefined) expect("reason", ran.reason, check.reason)
  if (check.message !== undefined && !ran.message?.includes(check.message)) faults.push(`message is ${ran.message}`)
  for (const [path, right] of Object.entries(check.payload ?? {})) expect(path, at(ran.payload, path), right)
  for (const [path, plain] of Object.entries(check.hashed ?? {})) expect(path, at(ran.payload, path), plain.map(sha256))
  for (const path of check.absent ?? []) expect(path, at(ran.payload, path), undefined)
  for (const field of check.dropped ?? []) {
    if (!ran.dropped.some((dropped) => dropped.field === field)) faults.push(`dropped_fields does not name ${field}`)
  }
  const time = at(ran.payload, "event_time")
  if (
    check.due === true &&
    !(typeof time === "number" && time * 1000 <= Math.max(check.now ?? 0, ran.notBefore ?? 0) + minute)
  ) {
    faults.push(`it goes out ahead of its time: event_time ${String(time)}, not before ${ran.notBefore}`)
  }
  return faults
}

const minute = 60_000
const sha256 = (plain: string): string => createHash("sha256").update(plain).digest("hex")

const at = (value: unknown, path: string): unknown => {
  let found = value
  for (const key of path.split(".")) {
    if (typeof found !== "object" || found === null) return undefined
    found = (found as Readonly<Record<string, unknown>>)[key]
  }
  return found
}

export const answerFaults = ({ platform, input, check }: ReportedCase): ReadonlyArray<string> => {
  const { status, events, body } = input as { readonly status: number; readonly events: number; readonly body: object }
  const sent = Array.from({ length: events }, (_, index) => mappedEvent(index))
  const verdicts = verdictsOf(
    connectorFor(platform).verdict(json(status, JSON.parse(JSON.stringify(body))), sent),
    events
  )
  const faults: Array<string> = []
  const classes = verdicts.map((verdict) => verdict?.errorClass ?? null)
  const holds = (right: string | null, index: number) =>
    right === null ? goesAgain(classes[index]) : classes[index] === right
  if (!(check.classes ?? []).every(holds)) faults.push(`classes are ${JSON.stringify(classes)}`)
  const words = check.next_step
  if (words !== undefined && !verdicts.every((verdict) => verdict?.nextStep?.includes(words))) {
    faults.push(`the next step is ${JSON.stringify(verdicts.map((verdict) => verdict?.nextStep))}`)
  }
  return faults
}

/** Not named by the answer, or one of the classes after which the engine sends the event again, or delivered. */
const goesAgain = (found: string | null | undefined): boolean =>
  found === null || found === "transient" || found === "throttled" || found === "delivered"

/** One of each event; null for those that an answer that names invalid events does not name. */
const verdictsOf = (verdict: BatchVerdict, count: number): ReadonlyArray<EventVerdict | null> => {
  if (verdict._tag === "PerEvent") return verdict.events
  return Array.from({ length: count }, (_, index) =>
    verdict._tag === "InvalidEvents" ? (verdict.invalidEvents.get(index) ?? null) : verdict.verdict
  )
}

/** One message that was accepted, then the notifications about it. */
export const webhookFaults = ({ input, check }: ReportedCase): ReadonlyArray<string> => {
  const body = JSON.stringify({ entry: [{ changes: [{ value: { statuses: input["statuses"] } }] }] })
  const statuses = messageStatuses(body)
  const subject = makeWebhookOutcomes(whatsapp, codecs, { asyncOutcomeLife: Duration.days(3) })
  const trackingId = statuses[0]?.trackingId ?? ""
  const record = pendingRecord({ connection: whatsapp, codecs }, { partition: 0 }, trackingId, {
    ...accepted,
    later_id: trackingId
  })
  const [key, headers] = [Buffer.from(record.key ?? ""), record.headers ?? {}]
  subject.pending({ ...record, partition: 0, offset: 0, timestamp: 0, key, headers }, 0)
  const outcomes = statuses
    .flatMap((status, index) => subject.status(status.trackingId, status.verdict, index + 1))
    .map(({ outcome }) => outcome)
  return isDeepStrictEqual(outcomes, check.outcomes) ? [] : [`the outcomes are ${JSON.stringify(outcomes)}`]
}

const whatsapp = builtinConnection("whatsapp")
const codecs = makeMemoryCodecs()
const accepted: PendingOutcome = {
  connection_id: whatsapp.id,
  platform: "whatsapp",
  later_id: "",
  accepted_at: 0,
  rejected_at: null,
  latency_ms: 1,
  events: [
    {
      event_id: "e",
      event_name: "purchase",
      event_time: 0,
      platform_event: "purchase",
      mapping_version: "1",
      retry_count: 0,
      source: nowhere,
      traceparent: null
    }
  ]
}
