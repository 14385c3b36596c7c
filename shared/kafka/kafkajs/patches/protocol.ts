/** Patches of kafkajs's `protocol`: a request's frame, the record batches that are read, and the produce request. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import { BatchCompressor } from "../../wire/batch-compressor.ts"
import { BatchSizes } from "../../wire/batch-sizes.ts"
import { BufferPool, type BufferRef, bufferRefOf } from "../../wire/buffer-pool.ts"
import { ReadResponse, readBatches } from "../../wire/fetched-batches.ts"
import {
  compactFraming,
  type Framing,
  framingBefore9,
  nullableStringBytes,
  requestBytes,
  type TopicBatches,
  writeNullableString,
  writeRequest
} from "../../wire/produce-request.ts"
import { headerBytes, isReadable } from "../../wire/record-batch-reader.ts"
import {
  type BatchHeader,
  type BatchRecord,
  sizeBatch,
  writeBatch,
  writeCompressedBatch
} from "../../wire/record-batch-writer.ts"
import { type AskedTopics, type FetchedTopics, readPortions } from "../portions.ts"
import { readProduceResponse, refuseErrors } from "../produce-response.ts"
import { ResponseReader } from "../raw-request.ts"
import { noteRefused, type ProduceResponse } from "../refused-batches.ts"
import { isAddedByProduce, notifyWritten, produceVersion } from "../transaction-requests.ts"

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
const headroomBytes = 512

/**
 * Puts the header in front of a request without copying the request, if its encoder has left room for it. kafkajs copies each
 * request twice for that. The header has version 1 (Kafka protocol, "Request Header v1") and follows the request's size.
 */
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

interface Decoder {
  readonly buffer: Buffer
  offset: number
  /** Of the response that it is for. */
  read?: ReadResponse
}

type DecodeMessages = (decoder: Decoder) => Promise<ReadonlyArray<unknown>>

/**
 * Decodes the record batches of a partition in a fetch response, each in one pass, without the last if the fetch's limit cut it off. kafkajs makes a
 * buffer and 64-bit objects for each field of each record, and knows two compressions. It also hands all records of a batch to `push` as arguments, which
 * fails for 130,000, whenever that batch is fetched: a compressed batch of a megabyte may hold more. What is too much for one response is
 * left out, or there as an `UnreadBatch`.
 */
export const decodeInOnePass =
  (original: DecodeMessages): DecodeMessages =>
  async (decoder) => {
    const { buffer, offset } = decoder
    const at = offset + 4
    const end = at + buffer.readInt32BE(offset)
    // No records, or those of an older format.
    if (end - at < headerBytes || end > buffer.length || !isReadable(buffer, at)) return original(decoder)
    decoder.offset = end
    decoder.read ??= new ReadResponse()
    return readBatches(buffer, at, end, decoder.read)
  }

/** kafkajs's Fetch API. */
export interface FetchApi {
  protocol: (of: { readonly version: number }) => (options: { readonly topics: AskedTopics }) => {
    readonly response: { readonly decode: (payload: Buffer) => Promise<FetchedTopics> }
  }
}

/** A batch that is too much for one response is read in portions, for which the offset that was asked for must be known. */
export const readUnreadBatches = (api: FetchApi): FetchApi => {
  const { protocol } = api
  api.protocol = (of) => {
    const create = protocol(of)
    return (options) => {
      const call = create(options)
      const decode = async (payload: Buffer) => readPortions(await call.response.decode(payload), options.topics)
      return { ...call, response: { ...call.response, decode } }
    }
  }
  return api
}

/** kafkajs's Metadata API. */
interface MetadataApi {
  protocol: (of: { readonly version: number }) => (options: { readonly topics: ReadonlyArray<string> }) => {
    readonly request: { readonly encode: () => Promise<EncodedRequest> }
  }
}

/** Asks a broker's `metadata` for the brokers alone: an empty list asks for all topics of the cluster. */
export const noTopics: ReadonlyArray<string> = []

/** From version 1 on a list without topics names none, and one that is null all (Kafka protocol, "Metadata Request"); kafkajs writes null for both. */
export const namesNoTopics = (api: MetadataApi): MetadataApi => {
  const { protocol } = api
  api.protocol = (of) => {
    const create = protocol(of)
    return (options) => {
      const call = create(options)
      if (options.topics !== noTopics || of.version === 0) return call
      const encode = async () => {
        const encoded = await call.request.encode()
        encoded.buf.writeInt32BE(0, 0)
        return encoded
      }
      return { ...call, request: { ...call.request, encode } }
    }
  }
  return api
}

interface ProduceOptions {
  readonly acks: number
  readonly timeout: number
  readonly transactionalId?: string | null
  readonly producerId?: { readonly toString: () => string }
  readonly producerEpoch?: number
  /** kafkajs's number for none, or what the producer gave, which kafkajs hands on. */
  readonly compression?: number | BatchSizes
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
  readonly request: { readonly apiVersion: number; readonly encode: () => Promise<EncodedRequest> }
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

/**
 * Encodes a produce request in one pass into a pooled buffer, and releases the buffer when the broker has
 * answered. kafkajs writes a buffer for each record and copies the whole five times.
 * Versions 3 and later have record batches. A request that adds its partitions to the transaction has version 12, whose framing is
 * another.
 */
export const poolProduceRequests = (api: ProduceApi): ProduceApi => {
  const { protocol } = api
  api.protocol = ({ version }) => {
    const create = protocol({ version })
    return (options) => {
      const call = create(options)
      if (version < 3) return call
      return isAddedByProduce(options.topicData)
        ? pooled(withVersion12(call, options.topicData), options, compactFraming)
        : pooled(call, options, framingBefore9)
    }
  }
  return api
}

const withVersion12 = ({ request, response }: ProduceCall, topicData: object): ProduceCall => ({
  request: { ...request, apiVersion: produceVersion },
  response: {
    ...response,
    decode: async (payload) => readProduceResponse(new ResponseReader(payload)),
    parse: async (decoded) => {
      const parsed = await refuseErrors(decoded)
      notifyWritten(topicData)
      return parsed
    }
  }
})

const pooled = ({ request, response }: ProduceCall, options: ProduceOptions, framing: Framing): ProduceCall => {
  let sent: BufferRef | null = null
  return {
    request: {
      ...request,
      encode: async () => {
        const encoded = encode(options, Effect.runSync(Clock.currentTimeMillis), framing)
        sent = encoded.ref
        return encoded
      }
    },
    response: {
      ...response,
      // Not after an error: the socket may still hold the request.
      parse: async (decoded) => {
        const parsed = await response.parse(decoded).catch((error: unknown) => {
          noteRefused(error, decoded as ProduceResponse)
          return Promise.reject(error)
        })
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

/** The request after the room for its header. */
const encode = (options: ProduceOptions, now: number, framing: Framing): PooledRequest => {
  const { transactionalId = null, topicData } = options
  const producerId = BigInt((options.producerId ?? -1).toString())
  const compressor = new BatchCompressor(options.compression instanceof BatchSizes ? options.compression : null)
  const topics = topicData.map(
    ({ topic, partitions }): TopicBatches => ({
      topic,
      partitions: partitions.map(({ partition, firstSequence, messages }) => {
        const batch = sizeBatch(messages, now)
        const head: BatchHeader = {
          now,
          transactional: transactionalId !== null && transactionalId !== "",
          producerId,
          producerEpoch: options.producerEpoch ?? 0,
          firstSequence: firstSequence ?? 0
        }
        const compressed = compressor.compress(topic, batch, now)
        return compressed === null
          ? { partition, bytes: batch.bytes, write: (into, at) => writeBatch(into, at, batch, head) }
          : {
              partition,
              bytes: compressed.bytes,
              write: (into, at) => writeCompressedBatch(into, at, compressed, head)
            }
      })
    })
  )
  const bytes = requestBytes(options, topics, framing)
  const ref = requestBuffers.acquire(headroomBytes + bytes).retain()
  const into = ref.buffer.subarray(headroomBytes, headroomBytes + bytes)
  writeRequest(into, options, topics, framing)
  compressor.done()
  return { buf: into, offset: bytes, ref }
}
