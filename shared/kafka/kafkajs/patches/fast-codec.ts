/**
 * Puts quicker code in the place of kafkajs's hottest functions, which is most of what a record costs: its record batches are
 * written through a buffer for each record and five copies of the whole, checked byte by byte, divided by partition with a
 * copy for each record, and hashed with 64-bit arithmetic on objects. kafkajs has no hook for that and is not released any
 * more, so its modules are replaced when they load, for the one version that this is written for; any other stays as it is.
 * `kafkajs.ts` loads this before kafkajs. What is not an uncompressed batch goes to kafkajs's own code. Tests hold both against each other.
 */
import { createRequire } from "node:module"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import { murmur2 } from "../../wire/murmur2.ts"
import { batchBytes, isCompressed, type ReadRecord, readBatch } from "../../wire/record-batch-reader.ts"
import {
  type BatchHead,
  type BatchRecord,
  type SizedBatch,
  sizeBatch,
  writeBatch
} from "../../wire/record-batch-writer.ts"
import { giveBackRequestBuffer, takeRequestBuffer } from "../../wire/request-buffers.ts"

const require = createRequire(import.meta.url)
const version: unknown = require("kafkajs/package.json").version

interface Encoder {
  buf: Buffer
  offset: number
}
interface Decoder {
  readonly buffer: Buffer
  offset: number
}

/** The module as it was; from now on whoever requires it gets `quick(original)`. */
const replace = <A>(name: string, quick: (original: A) => A): void => {
  const file = require.resolve(`kafkajs/src/${name}`)
  const original = require(file) as A
  require.cache[file]!.exports = quick(original)
}

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
type ProduceRequest = (options: ProduceOptions) => { readonly encode: () => Promise<Encoder> }

const encoderOf = (buf: Buffer): Encoder => {
  const Made = require("kafkajs/src/protocol/encoder") as new (size: number) => Encoder
  const encoder = new Made(1)
  encoder.buf = buf
  encoder.offset = buf.length
  return encoder
}

/** The whole request of kafkajs's `Produce` v3 to v7 in one buffer. */
const encodeProduce = (options: ProduceOptions, now: number): Encoder => {
  const { acks, timeout, topicData } = options
  const transactionalId = options.transactionalId ?? null
  const batches: Array<SizedBatch> = []
  let bytes = shortTextBytes(transactionalId) + 2 + 4 + 4
  for (const { topic, partitions } of topicData) {
    bytes += shortTextBytes(topic) + 4
    for (const { messages } of partitions) {
      const batch = sizeBatch(messages, now)
      batches.push(batch)
      bytes += 8 + batch.bytes
    }
  }
  const whole = takeRequestBuffer(headroomBytes + bytes)
  const into = whole.subarray(headroomBytes, headroomBytes + bytes)
  let at = writeShortText(into, 0, transactionalId)
  at = into.writeInt16BE(acks, at)
  at = into.writeInt32BE(timeout, at)
  at = into.writeInt32BE(topicData.length, at)
  let next = 0
  for (const { topic, partitions } of topicData) {
    at = writeShortText(into, at, topic)
    at = into.writeInt32BE(partitions.length, at)
    for (const { partition, firstSequence } of partitions) {
      const batch = batches[next++]!
      const head: BatchHead = {
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
  const encoder = encoderOf(into)
  withHeadroom.set(encoder, whole)
  if (acks !== 0) taken.set(topicData, whole)
  return encoder
}

/** The buffers of requests that are to be answered, by what they were made of. */
const taken = new WeakMap<ProduceOptions["topicData"], Buffer>()

interface Broker {
  produce: (options: ProduceOptions) => Promise<unknown>
}

/** After an error nobody knows whether the request is still being sent. */
const produceAndGiveBack = ({ produce }: Broker): Broker["produce"] =>
  async function (this: Broker, options) {
    const answer = await produce.call(this, options)
    const buffer = taken.get(options.topicData)
    if (buffer !== undefined) {
      taken.delete(options.topicData)
      giveBackRequestBuffer(buffer)
    }
    return answer
  }

/** Left free in front of a produce request, so that its head is written there and the request not copied behind it. */
const headroomBytes = 512
const withHeadroom = new WeakMap<Encoder, Buffer>()

/** Kafka's nullable string: a length of two bytes. */
const shortTextBytes = (text: string | null): number => 2 + (text === null ? 0 : Buffer.byteLength(text))

const writeShortText = (into: Buffer, at: number, text: string | null): number => {
  if (text === null) return into.writeInt16BE(-1, at)
  const start = into.writeInt16BE(Buffer.byteLength(text), at)
  return start + into.write(text, start)
}

interface Framed {
  readonly correlationId: number
  readonly clientId: string | null
  readonly request: { readonly apiKey: number; readonly apiVersion: number; readonly encode: () => Promise<Encoder> }
}

const frame = async ({ correlationId, clientId, request }: Framed): Promise<Encoder> => {
  const payload = await request.encode()
  const headBytes = 4 + 8 + shortTextBytes(clientId)
  const whole = headBytes <= headroomBytes ? withHeadroom.get(payload) : undefined
  const into =
    whole === undefined
      ? Buffer.allocUnsafeSlow(headBytes + payload.offset)
      : whole.subarray(headroomBytes - headBytes, headroomBytes + payload.offset)
  let at = into.writeInt32BE(into.length - 4, 0)
  at = into.writeInt16BE(request.apiKey, at)
  at = into.writeInt16BE(request.apiVersion, at)
  at = into.writeInt32BE(correlationId, at)
  at = writeShortText(into, at, clientId ?? null)
  if (whole === undefined) payload.buf.copy(into, at, 0, payload.offset)
  return encoderOf(into)
}

interface Grouping<Message> {
  readonly topic: string
  readonly partitionMetadata: ReadonlyArray<unknown>
  readonly messages: ReadonlyArray<Message>
  /** Must not keep what it is asked with. */
  readonly partitioner: (of: {
    readonly topic: string
    readonly partitionMetadata: ReadonlyArray<unknown>
    readonly message: Message
  }) => number
}

const groupMessages = <Message>({
  messages,
  partitioner,
  ...of
}: Grouping<Message>): Record<number, Array<Message>> => {
  const groups: Record<number, Array<Message>> = {}
  if (of.partitionMetadata.length === 0) return groups
  const asked = { ...of, message: messages[0] as Message }
  for (const message of messages) {
    asked.message = message
    const partition = partitioner(asked)
    const group = groups[partition]
    if (group === undefined) groups[partition] = [message]
    else group.push(message)
  }
  return groups
}

type BatchDecoder = (decoder: Decoder) => Promise<unknown>

const decodeBatch =
  (original: BatchDecoder): BatchDecoder =>
  async (decoder) => {
    const { buffer, offset } = decoder
    const bytes = batchBytes(buffer, offset)
    // A batch that was cut off by the fetch's limit is an error there, which ends the reading.
    if (offset + bytes > buffer.length || isCompressed(buffer, offset)) return original(decoder)
    decoder.offset = offset + bytes
    return readBatch(buffer, offset)
  }

interface Fetched {
  readonly messages: ReadonlyArray<ReadRecord>
  readonly abortedTransactions?: ReadonlyArray<unknown> | null
}
interface BatchOffsets {
  firstOffset(): string | number | null
  lastOffset(): string | number
}

type BatchClass = new (topic: string, fetchedOffset: string, data: Fetched) => BatchOffsets

/** kafkajs's `Batch` compares each offset as a 64-bit object; offsets are far below 2^53. What it tells of them stays text. */
const quickBatch = (Original: BatchClass): BatchClass =>
  class Batch extends Original {
    override firstOffset(): string | null {
      const offset = super.firstOffset()
      return offset === null ? null : String(offset)
    }

    override lastOffset(): string {
      return String(super.lastOffset())
    }

    constructor(topic: string, fetchedOffset: string, data: Fetched) {
      const aborted = (data.abortedTransactions?.length ?? 0) > 0
      super(topic, fetchedOffset, aborted ? data : { ...data, messages: [] })
      if (aborted) return
      const from = Number(fetchedOffset)
      const first = data.messages[0]
      const isWhole = first === undefined || Number(first.offset) >= from
      const within = isWhole ? data.messages : data.messages.filter(({ offset }) => Number(offset) >= from)
      const messages = within.some(({ isControlRecord }) => isControlRecord)
        ? within.filter(({ isControlRecord }) => !isControlRecord)
        : within
      Object.assign(this, { rawMessages: data.messages, messagesWithinOffset: within, messages })
    }
  }

if (version === "2.2.4") {
  replace<ProduceRequest>("protocol/requests/produce/v3/request", (original) => (options) => ({
    ...original(options),
    ...((options.compression ?? 0) === 0
      ? { encode: async () => encodeProduce(options, Effect.runSync(Clock.currentTimeMillis)) }
      : {})
  }))
  replace("protocol/request", () => frame)
  replace("producer/groupMessagesPerPartition", () => groupMessages)
  replace(
    "producer/partitioners/default/murmur2",
    () => (key: unknown) => murmur2(Buffer.isBuffer(key) ? key : String(key))
  )
  replace("protocol/recordBatch/v0/decoder", decodeBatch)
  const { prototype } = require("kafkajs/src/broker") as { readonly prototype: Broker }
  prototype.produce = produceAndGiveBack(prototype)
  replace("consumer/batch", quickBatch)
}
