/**
 * The normalizer's decision: each raw record becomes a normalized event, or a dead letter if it is invalid. Read, normalize, hash,
 * encode. Pure.
 */
import type * as Duration from "effect/Duration"
import type { DeadLetter, DroppedField } from "../../schemas/types.gen.ts"
import type { Codecs } from "../../shared/codec/codecs.ts"
import type { IdentityKey } from "../../shared/credentials/identity-key.ts"
import { type SealerShape, sealedDeadLetter } from "../../shared/credentials/sealer.ts"
import { deadLetterRecord } from "../../shared/model/dead-letter.ts"
import { deliveryResultRecord } from "../../shared/model/delivery-result.ts"
import { topicNames, valueBytesMax } from "../../shared/model/topics.ts"
import type { Batch, Inbound, Outbound, Step } from "../../shared/runtime/contract.ts"
import { poisonMessage } from "../../shared/runtime/poison.ts"
import { erasedMessage, type Suppressions, suppressionReasons } from "../../shared/suppression/suppressions.ts"
import type { Hop } from "../../shared/telemetry/tracing.ts"
import { personHashes } from "./identity/user.ts"
import { type NormalizeResult, type NormalizerOptions, normalize } from "./normalize/normalize.ts"
import { type Problem, problem } from "./normalize/problem.ts"
import { unknownLabel } from "./read/json-reader.ts"
import { omittedBytesOf, omittedProblem } from "./read/omitted.ts"
import { readRecord } from "./read/read-record.ts"
import type { Opened } from "./sealing/open-sealed.ts"

export interface NormalizerConfig {
  /** See `NormalizerOptions`; `now` comes from the clock with every batch. */
  readonly options: Omit<NormalizerOptions, "now">
  /** Seals the dead letters. */
  readonly deadLetters: SealerShape
  /** Longer records become dead letters, unread. */
  readonly recordBytesMax: number
  /** How long a registry that does not answer holds up records whose schema is not known. */
  readonly schemaTimeout: Duration.Duration
  /** Keyed ids of the persons of events, by the SHA-256 of their identifiers; absent where there is no key. */
  readonly personIdsOf?: IdentityKey["idTextsOf"]
  /** Whose events go no further. */
  readonly suppressions?: Suppressions
}

export interface Decision {
  readonly step: Step
  readonly normalized: number
  /** Records of persons who were erased: each has a result without a connection. */
  readonly erased: number
  /** Dead letters by reason. */
  readonly deadLettered: ReadonlyMap<string, number>
  /** Values left out, by `<field> <reason>`; free properties are counted together. */
  readonly dropped: ReadonlyMap<string, number>
}

/**
 * @param now `Clock` in milliseconds since the epoch
 * @param open gives the raw record of a sealed one; null where raw events are read as they are
 * @param hop traces the events; null where traces are not exported
 */
export const decide = (
  batch: Batch,
  config: NormalizerConfig,
  codecs: Codecs["Service"],
  now: number,
  open: ((record: Inbound) => Opened) | null = null,
  hop: Hop | null = null
): Decision => {
  const outputs: Array<Outbound> = []
  const deadLettered = new Map<string, number>()
  const dropped = new Map<string, number>()
  const options = { ...config.options, now }
  let normalized = 0
  let erased = 0
  for (let from = 0; from < batch.records.length; from += recordsAtOnce) {
    const records = batch.records.slice(from, from + recordsAtOnce)
    const read = named(
      records.map((record) => readRaw(record, open, config, options, codecs)),
      config
    )
    for (const [index, record] of records.entries()) {
      const result = encodeNormalized(unlessErased(read[index]!, config), codecs)
      const headers = hop === null ? undefined : traceOf(hop, record, result)
      if (result._tag === "Erased") {
        erased++
        outputs.push(withHeaders(erasedResult(record, codecs, now), headers))
        continue
      }
      const leftOut = result._tag === "Encoded" ? result.event.dropped_fields : result.problem.dropped
      for (const left of leftOut) count(dropped, `${countedField(left)} ${left.reason}`)
      if (result._tag === "Encoded") {
        const { event, value } = result
        normalized++
        outputs.push(withHeaders({ topic: topicNames.normalized, key: detachString(event.event_id), value }, headers))
      } else {
        count(deadLettered, result.problem.reason)
        const entry = deadLetterOf(record, result.problem, config.deadLetters, now)
        outputs.push(withHeaders(deadLetterRecord(codecs, entry), headers))
      }
    }
  }
  return { step: { outputs }, normalized, erased, deadLettered, dropped }
}

/** The dead letter of a record that ended the process each time, unread. */
export const poisonStep = (
  record: Inbound,
  config: NormalizerConfig,
  codecs: Codecs["Service"],
  now: number,
  headers?: Outbound["headers"]
): Step => {
  const entry = deadLetterOf(record, problem("poison", poisonMessage), config.deadLetters, now)
  return { outputs: [withHeaders(deadLetterRecord(codecs, entry), headers)] }
}

/** So many share a call of the cipher that names their persons, and so few that they are written while the caches of the CPU hold them. */
const recordsAtOnce = 16

type Read = NormalizeResult | typeof isErased

const readRaw = (
  record: Inbound,
  open: ((record: Inbound) => Opened) | null,
  config: NormalizerConfig,
  options: NormalizerOptions,
  codecs: Codecs["Service"]
): Read => {
  const opened = open === null ? null : open(record)
  if (opened?._tag === "Erased") return isErased
  if (opened?._tag === "Problem") return opened
  const omittedBytes = omittedBytesOf(record, opened !== null)
  if (omittedBytes !== undefined) return { _tag: "Problem", problem: omittedProblem(omittedBytes) }
  const value = opened === null ? record.value : opened.value
  const read = readRecord(value, (bytes) => codecs.decode("raw-event", bytes), config.recordBytesMax)
  if (read._tag === "Problem") return read
  const { topic, partition, offset, timestamp } = record
  return normalize(read.raw, { topic, partition, offset, timestamp }, options, read.dropped)
}

/** The events with the keyed ids of their persons, by which an erasure or a withdrawn consent finds them later. */
const named = (read: ReadonlyArray<Read>, { personIdsOf }: NormalizerConfig): ReadonlyArray<Read> => {
  if (personIdsOf === undefined) return read
  const ids = personIdsOf(read.map((one) => (one._tag === "Normalized" ? personHashes(one.event.user) : noHashes)))
  for (const [index, one] of read.entries())
    if (one._tag === "Normalized") Object.assign(one.event, { person_ids: ids[index]! })
  return read
}

const noHashes: ReadonlyArray<string> = []

/** An erased person's raw record may be read again: it goes no further, and what it needs to be known by is its position. */
const unlessErased = (read: Read, { suppressions }: NormalizerConfig): Read =>
  read._tag === "Normalized" && suppressions?.find(read.event)?._tag === "Erased" ? isErased : read

const isErased = { _tag: "Erased" } as const

/** The event's span here, and the headers that carry it on. */
const traceOf = (hop: Hop, record: Inbound, result: { readonly _tag: "Encoded" | "Erased" } | Failed) => {
  let trace = hop.begin(record, record)
  if (result._tag === "Problem") {
    trace = hop.failing(trace, record, record)
    trace.end({ outcome: "dead_lettered", failure: result.problem.reason })
  } else trace?.end({ outcome: result._tag === "Encoded" ? "normalized" : "skipped", failure: null })
  return trace?.headers
}

type Failed = Extract<NormalizeResult, { readonly _tag: "Problem" }>

const withHeaders = (output: Outbound, headers: Outbound["headers"]): Outbound =>
  headers === undefined ? output : { ...output, headers }

/** Without an event id, which is sealed with the rest, and without a connection: the ledger counts it for all of them. */
const erasedResult = ({ topic, partition, offset, timestamp }: Inbound, codecs: Codecs["Service"], now: number) =>
  deliveryResultRecord(codecs, {
    event_id: `${topic}/${partition}/${offset}`,
    event_name: "",
    platform: "",
    connection_id: "",
    timestamp: now,
    outcome: "skipped",
    reason_code: suppressionReasons.erased,
    error_message: erasedMessage,
    source: { topic, partition, offset, timestamp }
  })

/** Hashes are longer than what they stand for, so that a record within its limit can outgrow the next topic's. */
const encodeNormalized = (result: Read, codecs: Codecs["Service"]) => {
  if (result._tag !== "Normalized") return result
  const { event } = result
  const value = codecs.encode(topicNames.normalized, "normalized-event", event)
  const limit = valueBytesMax(topicNames.normalized)
  if (value.length <= limit) return { _tag: "Encoded", event, value } as const
  const message = `Normalized, the event has ${value.length} bytes, more than the limit of ${limit}.`
  return { _tag: "Problem", problem: problem("record_too_large", message, event.event_id, event.event_name) } as const
}

/**
 * Copies a key that was sliced from a record's string: V8 slices retain the whole record, and keys live until the commit, which is
 * long enough for every record's text to need a full collection. (Other records are read with copied strings.)
 */
export const detachString = (text: string): string => {
  if (text.length < cutLengthMin || text.length > lengthMax) return text
  return scratch.toString("utf8", 0, scratch.write(text))
}

/** Shorter pieces are copies anyway. */
const cutLengthMin = 13
const lengthMax = 1_024
const scratch = Buffer.allocUnsafeSlow(3 * lengthMax)

const count = (counts: Map<string, number>, key: string): void => {
  counts.set(key, (counts.get(key) ?? 0) + 1)
}

/** Names of free properties, of unknown fields and places in lists are as many as producers like: no label of a metric. */
const countedField = (left: DroppedField): string => {
  if (left.reason === "unknown_field") return unknownLabel(left)
  return left.field.startsWith("properties.custom") ? "properties.custom" : left.field.replace(/\[\d+\]/, "[]")
}

/**
 * The dead letter of a raw record. It is sealed, since a record that could not be read may hold personal data.
 *
 * @param now when it was given up, in milliseconds since the epoch
 */
const deadLetterOf = (record: Inbound, problem: Problem, sealer: SealerShape, now: number): DeadLetter =>
  sealedDeadLetter(sealer, record, {
    stage: "normalizer",
    reason_code: problem.reason,
    message: problem.message,
    timestamp: now,
    event_id: problem.eventId,
    event_name: problem.eventName,
    next_step: problem.nextStep
  })
