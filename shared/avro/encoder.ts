/** Encoding without a copy: records are written one behind the other into slabs, and each gets its part of one. */
import type { SchemaName } from "./codecs.ts"
import { frameBytes, writeFrame } from "./frame.ts"
import { recordTypes } from "./record-types.ts"

/** A slab lives as long as any record in it, that is about as long as the batch that it was filled for. */
const slabBytes = 256 * 1024
const ownBufferBytesMin = slabBytes / 4

/** Encodes a record under a schema id. A record that does not fit its schema is a bug: avsc throws. */
export type Encoder = <S extends SchemaName>(schema: S, schemaId: number, record: unknown) => Buffer

export const makeEncoder = (): Encoder => {
  let slab = Buffer.allocUnsafeSlow(slabBytes)
  let at = 0
  return (schema, schemaId, record) => {
    const type = recordTypes[schema]
    if (slabBytes - at < frameBytes) {
      slab = Buffer.allocUnsafeSlow(slabBytes)
      at = 0
    }
    let end = type.encode(record, slab, at + frameBytes)
    if (end < 0) {
      // What is missing tells the whole length; a long record gets a buffer of its own, a short one a new slab.
      const bytes = slabBytes - at - end
      if (bytes >= ownBufferBytesMin) return encodeAlone(schema, schemaId, record, bytes)
      slab = Buffer.allocUnsafeSlow(slabBytes)
      at = 0
      end = type.encode(record, slab, frameBytes)
    }
    writeFrame(slab, at, schemaId)
    const value = slab.subarray(at, end)
    at = end
    return value
  }
}

const encodeAlone = (schema: SchemaName, schemaId: number, record: unknown, bytes: number): Buffer => {
  const value = Buffer.allocUnsafeSlow(bytes)
  recordTypes[schema].encode(record, value, frameBytes)
  writeFrame(value, 0, schemaId)
  return value
}
