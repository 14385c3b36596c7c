/**
 * The sample events: at least 500 realistic ones of every canonical name, several countries, some of them bad. The file
 * holds times as distances from the time of publishing, because platforms refuse old events.
 */
import { readFileSync } from "node:fs"
import path from "node:path"
import { repository } from "../local/state.ts"

/** The committed file. It comes with the repository alone: an image has no made-up purchases to send to real accounts. */
export const samplesFile = path.join(repository, "examples/sample-events/sample-events.jsonl")

export type Json = string | number | boolean | null | ReadonlyArray<Json> | JsonObject
export interface JsonObject {
  readonly [key: string]: Json
}

/** What must become of the record. What each platform makes of a normalized one depends on the connections. */
export type Expectation =
  | { readonly outcome: "normalized" }
  /** The same event_id came before; `conflict` where its content differs. */
  | { readonly outcome: "duplicate"; readonly conflict: boolean }
  | { readonly outcome: "dead_letter"; readonly reason: DeadLetterReason }
  /** Normalized, and then refused by the mapper for every connection that it is meant for. */
  | { readonly outcome: "rejected"; readonly reason: "invalid_value" | "unknown_currency" }

export type DeadLetterReason =
  | "not_avro_not_json"
  | "empty"
  | "unknown_schema_id"
  | "undecodable"
  | "missing_event_id"
  | "missing_event_name"
  | "missing_event_time"
  | "event_time_in_seconds"
  | "event_time_in_future"
  | "event_time_invalid"
  | "empty_identity"
  | "record_too_large"

/** `avro`: encode `json` with RawEvent's schema; `json`: its UTF-8 text is the record; `bytes`: the record as it is. */
export type SampleEvent = {
  /** The record's key. */
  readonly key: string
  readonly expect: Expectation
  /** For people: what is special about it. */
  readonly note: string | null
} & (
  | { readonly encoding: "avro" | "json"; readonly json: JsonObject }
  | { readonly encoding: "bytes"; readonly bytes: Buffer }
)

export interface SampleOptions {
  /** Id that RawEvent's schema has in the registry: one bad record claims it and does not keep to it. */
  readonly rawEventSchemaId: number
}

/** One line of the file. */
export interface SampleLine {
  readonly key: string
  readonly encoding: SampleEvent["encoding"]
  readonly event?: JsonObject
  /** Absent: the event has no time. Times in the file are distances, in milliseconds. */
  readonly time?: { readonly offset_ms: number; readonly unit: "milliseconds" | "seconds" }
  readonly base64?: string
  /** Bytes 1 to 4 of the record become the id of RawEvent's schema. */
  readonly stamp_schema_id?: boolean
  /** So many bytes of a custom property are added. */
  readonly fill_bytes?: number
  readonly expect: Expectation
  readonly note?: string
}

/** @param now the time of publishing, in milliseconds since the epoch */
export const sampleEvents = (
  now: number,
  options: SampleOptions = { rawEventSchemaId: 1 }
): ReadonlyArray<SampleEvent> => sampleLines().map((line) => fromLine(line, now, options))

/** The lines of the committed file. */
export const sampleLines = (): ReadonlyArray<SampleLine> =>
  readFileSync(samplesFile, "utf8")
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as SampleLine)

/**
 * A line of the committed file as the record that it stands for, its times counted from `now`; null for any other text, which
 * is a raw event by itself. Costs nothing but a look at the first characters if it is not one.
 */
export const sampleOfText = (text: string, now: number): SampleEvent | null => {
  if (!text.startsWith('{"key":') || !text.includes('"expect":{"outcome":')) return null
  try {
    return fromLine(JSON.parse(text) as SampleLine, now, { rawEventSchemaId: 1 })
  } catch {
    return null
  }
}

const fromLine = (line: SampleLine, now: number, options: SampleOptions): SampleEvent => {
  const { key, encoding, expect, note = null } = line
  if (encoding === "bytes") return { key, encoding, bytes: bytesOf(line, options), expect, note }
  const json = filled(withTime(line, now), line.fill_bytes ?? 0)
  return { key, encoding, json, expect, note }
}

const withTime = ({ event = {}, time }: SampleLine, now: number): JsonObject => {
  if (time === undefined) return event
  const millis = now + time.offset_ms
  const { event_id, event_name, ...rest } = event
  const named: Record<string, Json> = {}
  if (event_id !== undefined) named.event_id = event_id
  if (event_name !== undefined) named.event_name = event_name
  return { ...named, event_time: time.unit === "seconds" ? Math.floor(millis / 1000) : millis, ...rest }
}

const filled = (event: JsonObject, bytes: number): JsonObject => {
  if (bytes === 0) return event
  const properties = event.properties as JsonObject
  const custom = { ...(properties.custom as JsonObject | undefined), filler: "x".repeat(bytes) }
  return { ...event, properties: { ...properties, custom } }
}

const bytesOf = (line: SampleLine, options: SampleOptions): Buffer => {
  const bytes = Buffer.from(line.base64 ?? "", "base64")
  if (line.stamp_schema_id === true) bytes.writeUInt32BE(options.rawEventSchemaId, 1)
  return bytes
}
