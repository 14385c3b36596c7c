/**
 * The requests of version 2 of Kafka's transaction protocol (KIP-890, part 2), which kafkajs lacks: Produce and TxnOffsetCommit add
 * what they write to to the transaction, and EndTxn gives the producer its next epoch. Produce is `patches/protocol.ts`.
 */
import { createRequire } from "node:module"
import type { ApiVersions } from "./api-versions.ts"
import { compactText, type RawRequest, varint } from "./raw-request.ts"

/** Who writes, as the coordinator knows it. The id is a decimal number of 64 bits. */
export interface ProducerSession {
  readonly transactionalId: string
  readonly producerId: string
  readonly producerEpoch: number
}

/** Offsets of a group, in kafkajs's form. */
export interface OffsetsOfTopic {
  readonly topic: string
  readonly partitions: ReadonlyArray<{
    readonly partition: number
    readonly offset: string
    readonly metadata?: string
  }>
}

export const produceVersion = 12
const txnOffsetCommitVersion = 5
const endTxnVersion = 5

/** True if transactions of the cluster have version 2, and the broker knows its requests. */
export const hasVersionTwo = ({ newestVersions, finalizedFeatures }: ApiVersions): boolean =>
  (finalizedFeatures.get("transaction.version") ?? 0) >= 2 &&
  [[0, produceVersion] as const, [28, txnOffsetCommitVersion] as const, [26, endTxnVersion] as const].every(
    ([key, version]) => (newestVersions.get(key) ?? 0) >= version
  )

/**
 * Says of what a produce request writes, as one object, that the request adds its partitions to the transaction: kafkajs hands the
 * object on to the encoder, and nothing else. `onWritten` is called when the broker has written it.
 */
export const addByProduce = (topicData: object, onWritten = (): void => undefined): void =>
  void addedByProduce.set(topicData, onWritten)

export const isAddedByProduce = (topicData: object): boolean => addedByProduce.has(topicData)

export const notifyWritten = (topicData: object): void => addedByProduce.get(topicData)?.()

const addedByProduce = new WeakMap<object, () => void>()

/**
 * Commits or aborts. The response holds the producer id and the epoch of the next transaction. The request may be repeated: the
 * coordinator recognizes a repetition by its epoch, answers CONCURRENT_TRANSACTIONS until the transaction is complete, and then as before.
 */
export const endTxn = (session: ProducerSession, commit: boolean): RawRequest<Ended> => ({
  apiName: "EndTxn",
  apiKey: 26,
  apiVersion: endTxnVersion,
  body: Buffer.concat([
    noTags,
    compactText(session.transactionalId),
    idAndEpoch(session),
    Buffer.from([commit ? 1 : 0]),
    noTags
  ]),
  read: (response) => {
    response.tagged()
    response.int32()
    return {
      errorCode: response.int16(),
      producerId: String(response.int64()),
      producerEpoch: response.int16()
    }
  },
  check: ({ errorCode }) => failIf(errorCode)
})

interface Ended extends Pick<ProducerSession, "producerId" | "producerEpoch"> {
  readonly errorCode: number
}

/** Commits offsets of a group with the transaction. No generation is sent: the transactional id is claimed for each partition (decision 3). */
export const txnOffsetCommit = (
  session: ProducerSession,
  groupId: string,
  topics: ReadonlyArray<OffsetsOfTopic>
): RawRequest<OffsetsCommitted> => ({
  apiName: "TxnOffsetCommit",
  apiKey: 28,
  apiVersion: txnOffsetCommitVersion,
  body: Buffer.concat([
    noTags,
    compactText(session.transactionalId),
    compactText(groupId),
    idAndEpoch(session),
    int32(noGeneration),
    compactText(""),
    // No group instance id.
    varint(0),
    compactArray(topics, ({ topic, partitions }) => [
      compactText(topic),
      compactArray(partitions, ({ partition, offset, metadata = "" }) => [
        int32(partition),
        int64(offset),
        int32(noLeaderEpoch),
        compactText(metadata),
        noTags
      ]),
      noTags
    ]),
    noTags
  ]),
  read: (response) => {
    response.tagged()
    response.int32()
    const topics: Array<OffsetsCommitted["topics"][number]> = []
    response.compactEach(() => {
      const topic = response.compactText()
      const partitions: Array<{ readonly errorCode: number }> = []
      response.compactEach(() => {
        response.int32()
        partitions.push({ errorCode: response.int16() })
        response.tagged()
      })
      topics.push({ topic, partitions })
      response.tagged()
    })
    return { topics }
  },
  check: ({ topics }) => {
    for (const { partitions } of topics) for (const { errorCode } of partitions) failIf(errorCode)
  }
})

interface OffsetsCommitted {
  readonly topics: ReadonlyArray<{
    readonly topic: string
    readonly partitions: ReadonlyArray<{ readonly errorCode: number }>
  }>
}

/** Throws kafkajs's error of the code, unless it is 0. */
export const failIf = (errorCode: number): void => {
  if (errorCode === 0) return
  const error = createErrorFromCode(errorCode)
  const type = newerTypes.get(errorCode)
  throw type === undefined ? error : Object.assign(error, { type, message: type })
}

const { createErrorFromCode } = createRequire(import.meta.url)("kafkajs/src/protocol/error") as {
  readonly createErrorFromCode: (code: number) => Error
}

/** Errors of Kafka's protocol that kafkajs does not know. */
const newerTypes: ReadonlyMap<number, string> = new Map([
  [90, "PRODUCER_FENCED"],
  [120, "TRANSACTION_ABORTABLE"]
])

const noTags = Buffer.from([0])
const noGeneration = -1
const noLeaderEpoch = -1

const idAndEpoch = ({ producerId, producerEpoch }: ProducerSession): Buffer => {
  const epoch = Buffer.alloc(2)
  epoch.writeInt16BE(producerEpoch)
  return Buffer.concat([int64(producerId), epoch])
}

const int32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4)
  bytes.writeInt32BE(value)
  return bytes
}

const int64 = (value: string): Buffer => {
  const bytes = Buffer.alloc(8)
  bytes.writeBigInt64BE(BigInt(value))
  return bytes
}

/** COMPACT_ARRAY. */
const compactArray = <A>(items: ReadonlyArray<A>, fields: (item: A) => ReadonlyArray<Buffer>): Buffer =>
  Buffer.concat([varint(items.length + 1), ...items.flatMap(fields)])
