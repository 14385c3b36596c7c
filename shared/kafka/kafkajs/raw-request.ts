/**
 * Requests of versions that kafkajs does not have, over the connection that it has to a broker; and by them what topics are, and what
 * this user may do with them and with groups.
 */
import type { Broker, Cluster } from "kafkajs"
import type { TopicOperation } from "../client.ts"
import { unsignedVarintBytes, writeUnsignedVarint } from "../wire/produce-request.ts"

export interface RawRequest<A> {
  readonly apiKey: number
  readonly apiVersion: number
  readonly apiName: string
  /** What follows the request's header of version 1. */
  readonly body: Buffer
  /** Reads what follows the response's header of version 0. */
  readonly read: (response: ResponseReader) => A
  /** Throws where the response says that the request failed. */
  readonly check?: (value: A) => void
}

interface Connection {
  readonly send: (given: {
    readonly request: {
      readonly apiKey: number
      readonly apiVersion: number
      readonly apiName: string
      readonly encode: () => Promise<{ readonly buf: Buffer; readonly offset: number }>
    }
    readonly response: {
      readonly decode: (payload: Buffer) => Promise<Decoded>
      readonly parse: (data: Decoded) => Promise<Decoded>
    }
  }) => Promise<Decoded>
}
type Decoded = { readonly value: unknown; readonly clientSideThrottleTime: number }

/** kafkajs's type lacks the connections of a broker; its class has them. */
type ConnectedBroker = Broker & { readonly connectionPool: { readonly getConnection: () => Promise<Connection> } }

export const sendRaw = async <A>(broker: Broker, { body, read, check, ...request }: RawRequest<A>): Promise<A> => {
  const connection = await (broker as ConnectedBroker).connectionPool.getConnection()
  const { value } = await connection.send({
    request: { ...request, encode: async () => ({ buf: body, offset: body.length }) },
    response: {
      decode: async (payload) => ({ value: read(new ResponseReader(payload)), clientSideThrottleTime: 0 }),
      parse: async (data) => {
        check?.(data.value as A)
        return data
      }
    }
  })
  return value as A
}

/** A list of STRINGs with its length, as requests before the compact forms have it. */
const textList = (texts: ReadonlyArray<string>): Buffer => {
  const count = Buffer.alloc(4)
  count.writeInt32BE(texts.length)
  return Buffer.concat([
    count,
    ...texts.flatMap((each) => {
      const text = Buffer.from(each)
      const length = Buffer.alloc(2)
      length.writeInt16BE(text.length)
      return [length, text]
    })
  ])
}

/** A COMPACT_STRING. */
export const compactText = (text: string): Buffer => {
  const bytes = Buffer.from(text)
  return Buffer.concat([varint(bytes.length + 1), bytes])
}

/** UNSIGNED_VARINT. */
export const varint = (value: number): Buffer => {
  const bytes = Buffer.alloc(unsignedVarintBytes(value))
  writeUnsignedVarint(bytes, 0, value)
  return bytes
}

/** Reads the protocol's primitive types from front to back. */
export class ResponseReader {
  readonly #payload: Buffer
  #at = 0

  constructor(payload: Buffer) {
    this.#payload = payload
  }

  /** Bytes that were read or skipped. */
  get position(): number {
    return this.#at
  }

  skip(bytes: number): void {
    this.#at += bytes
  }

  int16(): number {
    this.#at += 2
    return this.#payload.readInt16BE(this.#at - 2)
  }

  int32(): number {
    this.#at += 4
    return this.#payload.readInt32BE(this.#at - 4)
  }

  int64(): bigint {
    this.#at += 8
    return this.#payload.readBigInt64BE(this.#at - 8)
  }

  /** UNSIGNED_VARINT. */
  varint(): number {
    let value = 0
    for (let shift = 0; ; shift += 7) {
      const byte = this.#payload.readUInt8(this.#at++)
      value += (byte & 0x7f) * 2 ** shift
      if ((byte & 0x80) === 0) return value
    }
  }

  /** STRING; an absent one is empty. */
  text(): string {
    return this.#take(this.int16())
  }

  /** BYTES, as a view. */
  bytes(): Buffer {
    const length = this.int32()
    this.#at += length
    return this.#payload.subarray(this.#at - length, this.#at)
  }

  /** BYTES that are not needed. */
  skipBytes(): void {
    this.skip(Math.max(0, this.int32()))
  }

  compactText(): string {
    return this.#take(this.varint() - 1)
  }

  /** ARRAY. */
  each(read: () => void): void {
    for (let left = this.int32(); left > 0; left--) read()
  }

  /** The length of an ARRAY whose elements of so many bytes are not needed. */
  count(bytesEach: number): number {
    const count = this.int32()
    this.skip(count * bytesEach)
    return count
  }

  /** COMPACT_ARRAY. */
  compactEach(read: () => void): void {
    for (let left = this.varint() - 1; left > 0; left--) read()
  }

  /** Tagged fields: calls back with each field's tag; what it does not read is skipped. */
  tagged(read: (tag: number) => void = () => undefined): void {
    for (let left = this.varint(); left > 0; left--) {
      const tag = this.varint()
      const bytes = this.varint()
      const end = this.#at + bytes
      read(tag)
      this.#at = end
    }
  }

  #take(bytes: number): string {
    if (bytes <= 0) return ""
    this.#at += bytes
    return this.#payload.toString("utf8", this.#at - bytes, this.#at)
  }
}

type Operations = ReadonlyMap<string, ReadonlySet<TopicOperation>>

/** Topics that the user may not even see have no operation; those that do not exist are left out. */
export const authorizedOperations = async (cluster: Cluster, topics: ReadonlyArray<string>): Promise<Operations> => {
  await cluster.refreshMetadataIfNecessary()
  const [nodeId] = cluster.getNodeIds()
  const described = await describeTopics(await cluster.findBroker({ nodeId: String(nodeId) }), topics)
  return new Map([...described].map(([topic, { operations }]) => [topic, operations]))
}

export interface DescribedTopic {
  readonly operations: ReadonlySet<TopicOperation>
  /** None of a topic that the user may not see. `leader` is negative where the partition has no leader. */
  readonly partitions: ReadonlyArray<{ readonly leader: number; readonly replicas: number; readonly inSync: number }>
}

/** Topics that do not exist are left out. A partition without a leader, an error for kafkajs, is described like the others. */
export const describeTopics = (
  broker: Broker,
  topics: ReadonlyArray<string>
): Promise<ReadonlyMap<string, DescribedTopic>> =>
  sendRaw(broker, {
    apiName: "Metadata",
    apiKey: 3,
    apiVersion: 8,
    // No topic is created; operations of the cluster are not asked for, those of topics are.
    body: Buffer.concat([textList(topics), Buffer.from([0, 0, 1])]),
    read: (response) => {
      response.skip(4)
      response.each(() => {
        response.int32()
        response.text()
        response.int32()
        response.text()
      })
      response.text()
      response.int32()
      const described = new Map<string, DescribedTopic>()
      response.each(() => {
        const error = response.int16()
        const topic = response.text()
        response.skip(1)
        const partitions: Array<DescribedTopic["partitions"][number]> = []
        response.each(() => {
          response.skip(2 + 4)
          const leader = response.int32()
          response.skip(4)
          const [replicas = 0, inSync = 0] = [0, 1, 2].map(() => response.count(4))
          partitions.push({ leader, replicas, inSync })
        })
        const allowed = response.int32()
        if (error === topicDenied) described.set(topic, { operations: new Set(), partitions: [] })
        else if (error !== unknownTopic) described.set(topic, { operations: operationsOf(allowed), partitions })
      })
      return described
    }
  })

/** Of groups, whether they exist or not. A group that the user may not even see has no operation. */
export const authorizedOnGroups = async (cluster: Cluster, groups: ReadonlyArray<string>): Promise<Operations> => {
  await cluster.refreshMetadataIfNecessary()
  const operations = new Map<string, ReadonlySet<TopicOperation>>()
  for (const groupId of groups) {
    const coordinator = await cluster.findGroupCoordinator({ groupId }).catch((error: unknown) => {
      if ((error as { readonly type?: string }).type !== "GROUP_AUTHORIZATION_FAILED") throw error
      return null
    })
    if (coordinator === null) {
      operations.set(groupId, new Set())
      continue
    }
    await sendRaw(coordinator, {
      apiName: "DescribeGroups",
      apiKey: 15,
      apiVersion: 3,
      body: Buffer.concat([textList([groupId]), Buffer.from([1])]),
      read: (response) => {
        response.skip(4)
        response.each(() => {
          const error = response.int16()
          const name = response.text()
          for (let field = 0; field < 3; field++) response.text()
          response.each(() => {
            for (let field = 0; field < 3; field++) response.text()
            for (let field = 0; field < 2; field++) response.skipBytes()
          })
          const allowed = response.int32()
          if (error === groupDenied) operations.set(name, new Set())
          else if (error === 0) operations.set(name, operationsOf(allowed))
        })
      }
    })
  }
  return operations
}

/** The bit of each operation is its number in the protocol (AclOperation). */
const bits: ReadonlyArray<readonly [TopicOperation, number]> = [
  ["Read", 1 << 3],
  ["Write", 1 << 4],
  ["Describe", 1 << 8]
]
const unknownTopic = 3
const topicDenied = 29
const groupDenied = 30

const operationsOf = (allowed: number): ReadonlySet<TopicOperation> =>
  new Set(bits.flatMap(([name, bit]) => ((allowed & bit) === 0 ? [] : [name])))
