/**
 * Encodes an uncompressed produce request in one pass into a pooled buffer, and releases the buffer when the broker has
 * answered. kafkajs writes a buffer for each record and copies the whole five times.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import { BufferPool, type BufferRef } from "../../wire/buffer-pool.ts"
import {
  type BatchHeader,
  type BatchRecord,
  type SizedBatch,
  sizeBatch,
  writeBatch
} from "../../wire/record-batch-writer.ts"
import { type EncodedRequest, headroomBytes, nullableStringBytes, writeNullableString } from "./request.ts"

interface ProduceOptions {
  readonly acks: number
  readonly timeout: number
  readonly transactionalId?: string | null
  readonly producerId?: { readonly toString: () => string }
  readonly producerEpoch?: number
  readonly compression?: number
  readonly topicData: ReadonlyArray<{
    readonly topic: string
    readonly partitions: ReadonlyArray<{
      readonly partition: number
      readonly firstSequence?: number
      readonly messages: ReadonlyArray<BatchRecord>
    }>
  }>
}

interface ProduceCall {
  readonly request: { readonly encode: () => Promise<EncodedRequest> }
  readonly response: {
    readonly decode: (payload: Buffer) => Promise<unknown>
    /** Rejects if the broker refused the records of a partition. */
    readonly parse: (decoded: unknown) => Promise<unknown>
  }
}

/** kafkajs's Produce API: for each version, a function that makes the request and the reader of its response. */
export interface ProduceApi {
  protocol: (of: { readonly version: number }) => (options: ProduceOptions) => ProduceCall
}

/** Versions 3 and later have record batches. What is compressed stays with kafkajs. */
export const poolProduceRequests = (api: ProduceApi): ProduceApi => {
  const { protocol } = api
  api.protocol = ({ version }) => {
    const create = protocol({ version })
    return (options) => {
      const call = create(options)
      return version < 3 || (options.compression ?? 0) !== 0 ? call : pooled(call, options)
    }
  }
  return api
}

const pooled = ({ request, response }: ProduceCall, options: ProduceOptions): ProduceCall => {
  let sent: BufferRef | null = null
  return {
    request: {
      ...request,
      encode: async () => {
        const encoded = encode(options, Effect.runSync(Clock.currentTimeMillis))
        sent = encoded.ref
        return encoded
      }
    },
    response: {
      ...response,
      // Not after an error: the socket may still hold the request.
      parse: async (decoded) => {
        const parsed = await response.parse(decoded)
        sent?.release()
        sent = null
        return parsed
      }
    }
  }
}

const requestBuffers = new BufferPool({ stepBytes: 128 * 1024, freeBytesMax: 8 * 1024 * 1024 })

interface PooledRequest extends EncodedRequest {
  readonly ref: BufferRef
}

/** The request (Kafka protocol, "Produce Request", versions 3 to 7) after the room for its header. */
const encode = (options: ProduceOptions, now: number): PooledRequest => {
  const { acks, timeout, topicData } = options
  const transactionalId = options.transactionalId ?? null
  const batches: Array<SizedBatch> = []
  let bytes = nullableStringBytes(transactionalId) + 2 + 4 + 4
  for (const { topic, partitions } of topicData) {
    bytes += nullableStringBytes(topic) + 4
    for (const { messages } of partitions) {
      const batch = sizeBatch(messages, now)
      batches.push(batch)
      bytes += 8 + batch.bytes
    }
  }
  const ref = requestBuffers.acquire(headroomBytes + bytes).retain()
  const into = ref.buffer.subarray(headroomBytes, headroomBytes + bytes)
  let at = writeNullableString(into, 0, transactionalId)
  at = into.writeInt16BE(acks, at)
  at = into.writeInt32BE(timeout, at)
  at = into.writeInt32BE(topicData.length, at)
  let next = 0
  for (const { topic, partitions } of topicData) {
    at = writeNullableString(into, at, topic)
    at = into.writeInt32BE(partitions.length, at)
    for (const { partition, firstSequence } of partitions) {
      const batch = batches[next++]!
      const head: BatchHeader = {
        now,
        transactional: transactionalId !== null && transactionalId !== "",
        producerId: BigInt((options.producerId ?? -1).toString()),
        producerEpoch: options.producerEpoch ?? 0,
        firstSequence: firstSequence ?? 0
      }
      at = into.writeInt32BE(partition, at)
      at = into.writeInt32BE(batch.bytes, at)
      at = writeBatch(into, at, batch, head)
    }
  }
  return { buf: into, offset: bytes, ref }
}
