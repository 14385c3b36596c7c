/** The value of a raw record to a raw event: Confluent-Avro (magic byte 0) or one JSON object. */
import { isUtf8 } from "node:buffer"
import * as Result from "effect/Result"
import type { RawEvent } from "../../../schemas/types.gen.ts"
import type { Decoded, Undecodable } from "../../../shared/codec/codecs.ts"
import { type Problem, problem } from "../normalize/problem.ts"
import { type JsonEvent, rawEventFromJson } from "./json-event.ts"
import { withSkippedFields } from "./unknown-fields.ts"

/**
 * @param decodeAvro decodes a value with magic byte 0, see `Codecs`
 * @param recordBytesMax longer values are refused before anything reads them
 */
export const readRecord = (
  value: Buffer | null,
  decodeAvro: (value: Buffer) => Decoded<RawEvent>,
  recordBytesMax: number
): JsonEvent => {
  if (value === null || value.length === 0) return problemEvent(problem("empty", "The record has no value."))
  if (value.length > recordBytesMax) {
    const message = `The record has ${value.length} bytes, more than the limit of ${recordBytesMax}.`
    return problemEvent(problem("record_too_large", message))
  }
  if (value[0] === 0) {
    const decoded = decodeAvro(value)
    if (decoded._tag === "Decoded") {
      const { skipped, value: raw } = decoded
      const read = { raw, dropped: [] }
      return { _tag: "Read", ...(skipped === undefined ? read : withSkippedFields(skipped, read)) }
    }
    return problemEvent(problem(avroReasons[decoded.reason], decoded.message))
  }
  return readJson(value)
}

/** One JSON object as text; a byte order mark and space around it are skipped. */
export const readJson = (value: Buffer): JsonEvent => {
  const start = firstByte(value)
  if (start < 0) return problemEvent(problem("empty", "The record holds nothing but space."))
  if (value[start] !== openingBrace) {
    return problemEvent(problem("not_avro_not_json", "The record is neither Confluent-Avro nor a JSON object."))
  }
  if (!isUtf8(value)) return problemEvent(problem("undecodable", "The JSON record is not in UTF-8."))
  const parsed = Result.try(() => JSON.parse(value.toString("utf8", start)) as unknown)
  // The parser's own message quotes the text, which may be personal data.
  if (Result.isFailure(parsed)) return problemEvent(problem("undecodable", "The record is not valid JSON."))
  return rawEventFromJson(parsed.success)
}

const problemEvent = (reason: Problem): JsonEvent => ({ _tag: "Problem", problem: reason })

const openingBrace = 0x7b

/** The first byte that is neither space nor part of a byte order mark; -1 without one. */
const firstByte = (value: Buffer): number => {
  let at = value[0] === 0xef && value[1] === 0xbb && value[2] === 0xbf ? 3 : 0
  while (at < value.length && isSpace(value[at]!)) at++
  return at < value.length ? at : -1
}

const isSpace = (byte: number): boolean => byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09

const avroReasons = {
  empty: "empty",
  not_avro: "not_avro_not_json",
  unknown_schema_id: "unknown_schema_id",
  schema_unavailable: "schema_unavailable",
  undecodable: "undecodable"
} as const satisfies Record<Undecodable["reason"], Problem["reason"]>
