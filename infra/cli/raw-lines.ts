/** Lines of raw events: numbered, checked as the normalizer would, and encoded for the topic. */

import * as Stream from "effect/Stream"
import { defaultNormalizerOptions, normalize } from "../../processors/normalizer/normalize/normalize.ts"
import { nextSteps } from "../../processors/normalizer/normalize/problem.ts"
import type { JsonEvent } from "../../processors/normalizer/read/read-record.ts"
import { readJson, readRecord } from "../../processors/normalizer/read/read-record.ts"
import type { DroppedField, RawEvent } from "../../schemas/types.gen.ts"
import type { Codecs, Decoded } from "../../shared/codec/codecs.ts"
import { topicNames } from "../../shared/model/topics.ts"
import { printableLine } from "../../shared/telemetry/printable.ts"
import { sampleOfText } from "../samples/sample-events.ts"

export interface Line {
  /** From 1. */
  readonly number: number
  readonly text: string
}

export interface SendOptions {
  readonly encoding: "json" | "avro"
  /** Milliseconds for events without event_time; null leaves them as they are. */
  readonly setTime: number | null
  /** From when the times of the shipped sample file count, in milliseconds since the epoch. */
  readonly samplesAt: number
}

type EncodedLine =
  | {
      readonly _tag: "Record"
      readonly key: string
      readonly value: Buffer
      /** Fields that Avro's schema lacks, which no later stage can name; absent where there are none. */
      readonly dropped?: ReadonlyArray<DroppedField>
    }
  | { readonly _tag: "Refused"; readonly line: number; readonly message: string }

/** Lines that are not blank, so many at a time; nothing else is held. */
export const linesOf = <E, R>(
  text: Stream.Stream<string, E, R>,
  atOnce: number
): Stream.Stream<ReadonlyArray<Line>, E, R> =>
  text.pipe(
    Stream.splitLines,
    Stream.zipWithIndex,
    Stream.map(([line, index]): Line => ({ number: index + 1, text: line })),
    Stream.filter((line) => line.text.trim() !== ""),
    Stream.grouped(atOnce)
  )

/** What a line stands for: itself, or the record that a line of the shipped sample file describes. */
export const rawRecordOf = (
  text: string,
  samplesAt: number
): { readonly key: string | null; readonly value: Buffer } => {
  const sample = sampleOfText(text, samplesAt)
  if (sample === null) return { key: null, value: Buffer.from(text) }
  const value = sample.encoding === "bytes" ? sample.bytes : Buffer.from(JSON.stringify(sample.json))
  return { key: sample.key, value }
}

/** Reads a record as the normalizer does, but for Avro, which only a registry can decode. */
export const readRaw = (value: Buffer): JsonEvent => readRecord(value, withoutRegistry, recordBytesMax)

/** The normalizer's default limit. */
const recordBytesMax = 1024 * 1024

const withoutRegistry = (): Decoded<RawEvent> => ({
  _tag: "Undecodable",
  reason: "undecodable",
  message: "The record is Confluent-Avro, which only the normalizer can read, by its schema registry."
})

/** A line as a record. JSON goes out as it came, good or bad for the pipeline, as long as it is an object. */
export const encodeLine = (line: Line, options: SendOptions, codecs: Codecs["Service"]): EncodedLine => {
  const record = rawRecordOf(line.text, options.samplesAt)
  const text = record.value.toString("utf8")
  const event = objectOf(text)
  // A sample that is not JSON is bad on purpose.
  if (event === null && record.key !== null) return { _tag: "Record", key: record.key, value: record.value }
  if (event === null)
    return { _tag: "Refused", line: line.number, message: "This is not a JSON object; a line holds one event whole." }
  const timed = withTime(event, options.setTime)
  const key = record.key ?? keyOf(timed)
  if (options.encoding === "json")
    return { _tag: "Record", key, value: Buffer.from(timed === event ? text.trim() : JSON.stringify(timed)) }
  const read = readJson(Buffer.from(JSON.stringify(timed)))
  if (read._tag === "Problem") {
    return { _tag: "Refused", line: line.number, message: `${read.problem.message} ${read.problem.nextStep}` }
  }
  if (!Number.isSafeInteger(read.raw.event_time)) {
    return { _tag: "Refused", line: line.number, message: nextSteps.event_time_invalid }
  }
  const value = codecs.encode(topicNames.raw, "raw-event", read.raw)
  return { _tag: "Record", key, value, ...(read.dropped.length === 0 ? {} : { dropped: read.dropped }) }
}

/** A line for people for each value of an event that is left out, with the field that was most likely meant. */
export const droppedFieldNotes = (line: number, dropped: ReadonlyArray<DroppedField>): ReadonlyArray<string> =>
  dropped.map(({ field, nearest, reason }) =>
    printableLine(
      reason === "unknown_field"
        ? `line ${line}: ${field} is not a known field and is left out.${typeof nearest === "string" ? ` Did you mean ${nearest}?` : ""}`
        : `line ${line}: ${field} left out: ${reason}`
    )
  )

interface CheckedLine {
  readonly line: number
  readonly event_id: string | null
  readonly valid: boolean
  readonly reason: string | null
  readonly message: string | null
  readonly next_step: string | null
  readonly dropped_fields: ReadonlyArray<DroppedField>
}

/** What the normalizer would make of a line at the time `now` (milliseconds since the epoch). */
export const checkLine = (line: Line, options: SendOptions, now: number): CheckedLine => {
  const { value } = rawRecordOf(line.text, options.samplesAt)
  const event = objectOf(value.toString("utf8"))
  const read = readRaw(event === null ? value : Buffer.from(JSON.stringify(withTime(event, options.setTime))))
  const source = { topic: topicNames.raw, partition: 0, offset: line.number, timestamp: now }
  const result =
    read._tag === "Problem" ? read : normalize(read.raw, source, { ...defaultNormalizerOptions, now }, read.dropped)
  return result._tag === "Problem"
    ? {
        line: line.number,
        event_id: result.problem.eventId,
        valid: false,
        reason: result.problem.reason,
        message: result.problem.message,
        next_step: result.problem.nextStep,
        dropped_fields: result.problem.dropped
      }
    : {
        line: line.number,
        event_id: result.event.event_id,
        valid: true,
        reason: null,
        message: null,
        next_step: null,
        dropped_fields: result.event.dropped_fields
      }
}

type JsonObject = Readonly<Record<string, unknown>>

const objectOf = (text: string): JsonObject | null => {
  // Anything else is not worth reading to its end.
  if (!/^\s*\{/.test(text)) return null
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as JsonObject) : null
  } catch {
    return null
  }
}

const withTime = (event: JsonObject, time: number | null): JsonObject =>
  time === null || (event["event_time"] !== undefined && event["event_time"] !== null)
    ? event
    : { ...event, event_time: time }

/** A customer's events keep their order: the key is the customer's id, where there is one. */
const keyOf = (event: JsonObject): string => {
  const user = event["user"]
  const ids = typeof user === "object" && user !== null && "external_id" in user ? [user.external_id].flat() : []
  return [...ids, event["event_id"]].find((id): id is string => typeof id === "string" && id !== "") ?? ""
}
