/** Which operations the broker's authorizer allows on topics: Metadata requests of version 8, which kafkajs does not have. */
import type { Broker, Cluster } from "kafkajs"
import type { TopicOperation } from "../client.ts"

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

/** kafkajs's type lacks the connections of a broker; its class has them. */
type ConnectedBroker = Broker & { readonly connectionPool: { readonly getConnection: () => Promise<Connection> } }

type Operations = ReadonlyMap<string, ReadonlySet<TopicOperation>>
type Decoded = { readonly operations: Operations; readonly clientSideThrottleTime: number }

const metadataKey = 3
const version = 8

/** Topics that the user may not even see have no operation; those that do not exist are left out. */
export const authorizedOperations = async (cluster: Cluster, topics: ReadonlyArray<string>): Promise<Operations> => {
  await cluster.refreshMetadataIfNecessary()
  const [nodeId] = cluster.getNodeIds()
  const broker = (await cluster.findBroker({ nodeId: String(nodeId) })) as ConnectedBroker
  const connection = await broker.connectionPool.getConnection()
  const { operations } = await connection.send({
    request: { apiKey: metadataKey, apiVersion: version, apiName: "Metadata", encode: async () => encode(topics) },
    response: { decode: async (payload) => decode(payload), parse: async (data) => data }
  })
  return operations
}

/** The bit of each operation is its number in the protocol (AclOperation). */
const bits: ReadonlyArray<readonly [TopicOperation, number]> = [
  ["Read", 1 << 3],
  ["Write", 1 << 4],
  ["Describe", 1 << 8]
]
const topicDenied = 29

const encode = (topics: ReadonlyArray<string>) => {
  const count = Buffer.alloc(4)
  count.writeInt32BE(topics.length)
  const names = topics.map((topic) => {
    const text = Buffer.from(topic)
    const length = Buffer.alloc(2)
    length.writeInt16BE(text.length)
    return Buffer.concat([length, text])
  })
  // No topic is created; operations of the cluster are not asked for, those of topics are.
  const buf = Buffer.concat([count, ...names, Buffer.from([0, 0, 1])])
  return { buf, offset: buf.length }
}

const decode = (payload: Buffer): Decoded => {
  let at = 4
  const int16 = () => {
    at += 2
    return payload.readInt16BE(at - 2)
  }
  const int32 = () => {
    at += 4
    return payload.readInt32BE(at - 4)
  }
  const text = () => {
    const length = int16()
    if (length < 0) return ""
    at += length
    return payload.toString("utf8", at - length, at)
  }
  const each = (read: () => void) => {
    for (let left = int32(); left > 0; left--) read()
  }
  each(() => {
    int32()
    text()
    int32()
    text()
  })
  text()
  int32()
  const operations = new Map<string, ReadonlySet<TopicOperation>>()
  each(() => {
    const error = int16()
    const topic = text()
    at += 1
    each(() => {
      at += 2 + 4 + 4 + 4
      each(int32)
      each(int32)
      each(int32)
    })
    const allowed = int32()
    if (error === 0)
      operations.set(topic, new Set(bits.flatMap(([name, bit]) => ((allowed & bit) === 0 ? [] : [name]))))
    else if (error === topicDenied) operations.set(topic, new Set())
  })
  return { operations, clientSideThrottleTime: 0 }
}
