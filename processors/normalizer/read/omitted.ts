/** Records whose values are not kept, since a producer compressed more than is read (`FetchedRecord.omittedBytes`). */
import { recordBytesMax } from "../../../shared/kafka/wire/batch-bounds.ts"
import type { Inbound } from "../../../shared/runtime/contract.ts"
import { type Problem, problem } from "../normalize/problem.ts"

/** Of a sealed record: what it stands for was omitted when it was sealed; its bytes as above. */
const omittedHeader = "omitted-bytes"

/** The headers with which a record is sealed that was omitted. */
export const omittedHeaders = ({ omittedBytes }: Inbound): Readonly<Record<string, string>> | undefined =>
  omittedBytes === undefined ? undefined : { [omittedHeader]: String(omittedBytes) }

/** Bytes of the record where its value is not kept; undefined where it is. */
export const omittedBytesOf = ({ omittedBytes, headers }: Inbound, isSealed: boolean): number | undefined => {
  if (omittedBytes !== undefined || !isSealed || headers[omittedHeader] === undefined) return omittedBytes
  return Number(headers[omittedHeader]) || 0
}

/** @param bytes of the record; 0 where they are not known, -1 where its batch is damaged */
export const omittedProblem = (bytes: number): Problem =>
  bytes < 0
    ? { ...problem("undecodable", damaged), nextStep: nextStepOfDamaged }
    : { ...problem("record_too_large", messageOf(bytes)), nextStep }

const damaged = "The compressed batch that the record is in cannot be decompressed from here on; there is no value."
const nextStepOfDamaged =
  "Find the producer by the record's partition and time, and let it send its events again; if Kafka's console consumer can read the record, report it."

const messageOf = (bytes: number): string =>
  bytes === 0
    ? "The record lies so far behind in a compressed batch that it was not read; its value is not kept."
    : `Without compression the record has ${bytes} bytes, more than the ${recordBytesMax} that are kept of one; its value is not kept.`

const nextStep = "Find the producer by the record's partition and time, and let it send less per event and per batch."
