/** The Confluent frame around an Avro record: magic byte 0, the schema's id (4 bytes, big-endian), then the record. */
import type { Undecodable } from "./codecs.ts"

export const frameBytes = 5

/** The schema id of a framed value, or null if it is not framed. */
export const schemaIdOf = (value: Buffer | null): number | null =>
  value === null || value.length < frameBytes || value[0] !== 0 ? null : value.readUInt32BE(1)

/** Writes the frame's head at `at`. */
export const writeFrame = (into: Buffer, at: number, schemaId: number): void => {
  into[at] = 0
  into.writeUInt32BE(schemaId, at + 1)
}

/** Why a value without a schema id is not a record. */
export const unframed = (value: Buffer | null): Undecodable =>
  value === null || value.length === 0
    ? { _tag: "Undecodable", reason: "empty", message: "The record has no value." }
    : {
        _tag: "Undecodable",
        reason: "not_avro",
        message: `The record does not begin with a schema id (magic byte 0 and 4 bytes); it has ${value.length} bytes.`
      }
