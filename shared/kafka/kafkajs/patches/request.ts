/**
 * Puts the header in front of a request without copying the request, if its encoder has left room for it. kafkajs copies each
 * request twice for that.
 */
import { bufferRefOf } from "../../wire/buffer-pool.ts"

/** What `protocol/request` gets of a request's encoder. */
export interface EncodedRequest {
  /** The request is the first `offset` bytes. One in a pooled buffer begins after `headroomBytes` free ones. */
  readonly buf: Buffer
  readonly offset: number
}

/** What kafkajs writes to the socket. */
interface FramedRequest {
  readonly buffer: Buffer
}

type CreateRequest = (given: {
  readonly correlationId: number
  readonly clientId: string | null
  readonly request: {
    readonly apiKey: number
    readonly apiVersion: number
    readonly encode: () => Promise<EncodedRequest>
  }
}) => Promise<FramedRequest>

/** The free bytes in front of a request in a pooled buffer: enough for a header with a client id of 498 bytes. */
export const headroomBytes = 512

/** A header of version 1 (Kafka protocol, "Request Header v1"), after the request's size. */
export const frameRequest: CreateRequest = async ({ correlationId, clientId, request }) => {
  const payload = await request.encode()
  const headerBytes = 4 + 8 + nullableStringBytes(clientId)
  const pooled = headerBytes <= headroomBytes ? (bufferRefOf(payload.buf)?.buffer ?? null) : null
  const buffer =
    pooled === null
      ? Buffer.allocUnsafeSlow(headerBytes + payload.offset)
      : pooled.subarray(headroomBytes - headerBytes, headroomBytes + payload.offset)
  let at = buffer.writeInt32BE(buffer.length - 4, 0)
  at = buffer.writeInt16BE(request.apiKey, at)
  at = buffer.writeInt16BE(request.apiVersion, at)
  at = buffer.writeInt32BE(correlationId, at)
  at = writeNullableString(buffer, at, clientId ?? null)
  if (pooled === null) payload.buf.copy(buffer, at, 0, payload.offset)
  return { buffer }
}

/** Bytes of a NULLABLE_STRING: a length of two bytes, then UTF-8. */
export const nullableStringBytes = (text: string | null): number =>
  2 + (text === null || text === undefined ? 0 : Buffer.byteLength(text))

/** Writes a NULLABLE_STRING and gives the position after it. */
export const writeNullableString = (into: Buffer, at: number, text: string | null): number => {
  if (text === null) return into.writeInt16BE(-1, at)
  const start = into.writeInt16BE(Buffer.byteLength(text), at)
  return start + into.write(text, start)
}
