import { once } from "node:events"
import { createRequire } from "node:module"
import { type AddressInfo, connect, createServer } from "node:net"
import { afterEach, assert, beforeEach, describe, it, vi } from "@effect/vitest"
import * as fc from "fast-check"
import { txnOffsetCommit } from "../transaction-requests.ts"
import "./index.ts"

interface Receiver {
  readonly processData: (chunk: Buffer) => void
}

const Connection = createRequire(import.meta.url)("kafkajs/src/network/connection") as {
  readonly prototype: Receiver & {
    readonly send: (this: unknown, given: unknown) => Promise<unknown>
    readonly disconnect: (this: unknown) => Promise<boolean>
  }
}

interface Response {
  readonly size: number
  readonly correlationId: number
  readonly payload: Buffer
}

/** A connection of kafkajs without a socket, and what it passed on. */
const receiver = (authentication?: { readonly framed: boolean }) => {
  const responses: Array<Response> = []
  const raw: Array<Buffer> = []
  const errors: Array<Error> = []
  const connection = Object.assign(Object.create(Connection.prototype) as Receiver, {
    socket: { destroy: (error: Error) => errors.push(error) },
    authHandlers: authentication === undefined ? null : { onSuccess: (bytes: Buffer) => raw.push(bytes) },
    authExpectResponse: authentication?.framed === true,
    requestQueue: { fulfillRequest: (response: Response) => responses.push(response) }
  })
  /** As a socket does, which reads into the same buffer again. */
  const read = (bytes: Buffer): void => {
    const chunk = Buffer.from(bytes)
    connection.processData(chunk)
    chunk.fill(0xee)
  }
  return { read, responses, raw, errors }
}

const framed = (correlationId: number, payload: Uint8Array): Buffer => {
  const bytes = Buffer.alloc(8 + payload.length)
  bytes.writeInt32BE(4 + payload.length)
  bytes.writeInt32BE(correlationId, 4)
  bytes.set(payload, 8)
  return bytes
}

describe("a response", () => {
  it("is passed on whole, however it is cut into reads", () => {
    const payloads = fc.array(fc.uint8Array({ maxLength: 40 }), { minLength: 1, maxLength: 6 })
    fc.assert(
      fc.property(payloads, fc.array(fc.integer({ min: 1, max: 30 }), { maxLength: 20 }), (sent, cuts) => {
        const { read, responses } = receiver()
        let rest = Buffer.concat(sent.map((payload, index) => framed(index, payload)))
        for (const cut of cuts) {
          read(rest.subarray(0, cut))
          rest = rest.subarray(cut)
        }
        read(rest)
        assert.deepStrictEqual(
          responses.map(({ size, correlationId, payload }) => [size, correlationId, [...payload]]),
          sent.map((payload, index) => [4 + payload.length, index, [...payload]])
        )
      })
    )
  })

  it("keeps its size in front while a connection authenticates", () => {
    const { read, raw } = receiver({ framed: true })
    const response = framed(7, Buffer.from("token"))
    read(response.subarray(0, 6))
    read(response.subarray(6))
    assert.deepStrictEqual(raw, [response])
  })

  it("is passed on as it comes where the mechanism has no frames", () => {
    const { read, raw } = receiver({ framed: false })
    read(Buffer.from("n,,"))
    assert.deepStrictEqual(raw, [Buffer.from("n,,")])
  })

  it.each([
    ["a web server's response", "HTTP/1.1 400 Bad Request\r\n"],
    ["a TLS alert", "\x15\x03\x03\x00\x02\x02\x46"],
    ["a size of 0", "\x00\x00\x00\x00"]
  ])("closes the connection if the response is not Kafka's: %s", (_, text) => {
    const { read, responses, errors } = receiver()
    read(Buffer.from(text, "latin1"))
    assert.lengthOf(errors, 1)
    assert.lengthOf(responses, 0)
  })
})

const RequestQueue = createRequire(import.meta.url)("kafkajs/src/network/requestQueue")

const quiet = { debug: () => undefined, warn: () => undefined }

/** A queue that sends one request at a time; it notes what it sent. */
const queueOf = () => {
  const queue = new RequestQueue({
    maxInFlightRequests: 1,
    requestTimeout: 1_000,
    clientId: "c",
    broker: "b",
    logger: quiet
  })
  const sent: Array<number> = []
  const push = (correlationId: number) =>
    queue.push({
      entry: { correlationId, resolve: () => undefined, reject: () => undefined },
      expectResponse: true,
      sendRequest: () => void sent.push(correlationId)
    })
  return { queue, sent, push }
}

describe("a queue of requests", () => {
  beforeEach(() => {
    vi.useFakeTimers()
  })
  afterEach(() => {
    vi.useRealTimers()
  })

  // Red without `checkWhilePending`: the timer then runs for ever, with a negative delay.
  it("sets no timer while no request is pending", () => {
    const { queue, sent, push } = queueOf()
    push(1)
    queue.fulfillRequest({ correlationId: 1, payload: Buffer.alloc(0), size: 0 })
    assert.deepStrictEqual(sent, [1])
    assert.strictEqual(vi.getTimerCount(), 0)
  })

  it("sends what is pending when a response or the end of a throttling allows it", () => {
    const { queue, sent, push } = queueOf()
    push(1)
    push(2)
    assert.deepStrictEqual(sent, [1])
    queue.fulfillRequest({ correlationId: 1, payload: Buffer.alloc(0), size: 0 })
    assert.deepStrictEqual(sent, [1, 2])
    queue.fulfillRequest({ correlationId: 2, payload: Buffer.alloc(0), size: 0 })
    queue.maybeThrottle(500)
    push(3)
    vi.advanceTimersByTime(400)
    assert.deepStrictEqual(sent, [1, 2])
    vi.advanceTimersByTime(200)
    assert.deepStrictEqual(sent, [1, 2, 3])
  })
})

interface Request {
  readonly apiName: string
  readonly apiVersion: number
  readonly encode: () => Promise<{ readonly buf: Buffer; readonly offset: number }>
}
type Make = (given: unknown) => Request
const required = createRequire(import.meta.url)
const request = (name: string, version: number, given: unknown): Request =>
  (required(`kafkajs/src/protocol/requests/${name}/v${version}/request`) as Make)(given)

const rawRequest = ({ body, apiName, apiVersion }: ReturnType<typeof txnOffsetCommit>): Request => ({
  apiName,
  apiVersion,
  encode: async () => ({ buf: body, offset: body.length })
})

const topicDenied = { type: "TOPIC_AUTHORIZATION_FAILED" }
const produced = request("produce", 3, { acks: -1, timeout: 1, transactionalId: null, topicData: [] })
const transaction = { transactionalId: "mapper.normalized-events.0", producerId: "7", producerEpoch: 1 }

describe("an authorization error", () => {
  type DeniedCase = [string, { type: string }, Request, unknown, string, ReadonlyArray<string>]
  const cases: ReadonlyArray<DeniedCase> = [
    [
      "the topics of a write",
      topicDenied,
      produced,
      {
        topics: [
          { topicName: "allowed", partitions: [{ partition: 0, errorCode: 0 }] },
          { topicName: "denied", partitions: [0, 1].map((partition) => ({ partition, errorCode: 29 })) }
        ]
      },
      "Write",
      ["denied"]
    ],
    [
      "the topic of a metadata request",
      topicDenied,
      request("metadata", 4, { topics: ["t"], allowAutoTopicCreation: false }),
      { topicMetadata: [{ topic: "t", topicErrorCode: 29, partitionMetadata: [] }] },
      "Describe",
      ["t"]
    ],
    [
      "the group of a member that joins",
      { type: "GROUP_AUTHORIZATION_FAILED" },
      request("joinGroup", 0, {
        groupId: "mapper",
        sessionTimeout: 1,
        memberId: "",
        protocolType: "consumer",
        groupProtocols: []
      }),
      { errorCode: 30 },
      "Read",
      ["mapper"]
    ],
    [
      "the group of a transaction's offsets",
      { type: "GROUP_AUTHORIZATION_FAILED" },
      request("addOffsetsToTxn", 0, { ...transaction, groupId: "mapper" }),
      { errorCode: 30 },
      "Read",
      ["mapper"]
    ],
    ...(["group", "transactional id"] as const).map(
      (resource): DeniedCase => [
        `the ${resource} of a transaction of version 2`,
        { type: resource === "group" ? "GROUP_AUTHORIZATION_FAILED" : "TRANSACTIONAL_ID_AUTHORIZATION_FAILED" },
        rawRequest(txnOffsetCommit(transaction, "mapper", [])),
        { value: { topics: [] } },
        resource === "group" ? "Read" : "Write",
        [resource === "group" ? "mapper" : "mapper.normalized-events.0"]
      ]
    ),
    [
      "the transactional id",
      { type: "TRANSACTIONAL_ID_AUTHORIZATION_FAILED" },
      request("initProducerId", 0, { transactionalId: "mapper.normalized-events.0", transactionTimeout: 1 }),
      { errorCode: 53 },
      "Write",
      ["mapper.normalized-events.0"]
    ],
    [
      "the cluster",
      { type: "CLUSTER_AUTHORIZATION_FAILED" },
      request("createTopics", 0, { topics: [], timeout: 1 }),
      { topicErrors: [] },
      "Create",
      []
    ]
  ]
  it.each(cases)("names %s and the operation", async (_name, error, sent, data, operation, names) => {
    const sending = (error: object) =>
      Connection.prototype.send.call(connectionThatFails(data), {
        request: sent,
        response: { decode: async () => data, parse: async () => Promise.reject(error) }
      })
    const failed = await sending(Object.assign(new Error("denied"), error)).catch((cause: unknown) => cause)
    const { denied } = failed as { readonly denied?: { readonly operation: string; readonly names: unknown } }
    assert.strictEqual(denied?.operation, operation)
    assert.deepStrictEqual(denied?.names, names)
    const other = await sending(new Error("another")).catch((cause: unknown) => cause)
    assert.notProperty(other, "denied")
  })
})

describe("a connection that is closed", () => {
  it("keeps its listeners, however often it is disconnected", async () => {
    const server = createServer().listen(0, "127.0.0.1")
    await once(server, "listening")
    const socket = connect((server.address() as AddressInfo).port, "127.0.0.1")
    await once(socket, "connect")
    const requestQueue = { waitForPendingRequests: async () => undefined, destroy: () => undefined }
    const connection = { socket, requestQueue, logDebug: () => undefined }
    const listeners = () => socket.eventNames().reduce((sum, name) => sum + socket.listenerCount(name), 0)
    await Connection.prototype.disconnect.call(connection)
    socket.destroy()
    await once(socket, "close")
    const before = listeners()
    for (let time = 0; time < 20; time++) await Connection.prototype.disconnect.call(connection)
    assert.strictEqual(listeners(), before)
    server.close()
  })
})

/** A connection whose broker answers each request at once. */
const connectionThatFails = (data: unknown) => ({
  clientId: "c",
  isAuthenticated: () => true,
  failIfNotConnected: () => undefined,
  nextCorrelationId: () => 1,
  logDebug: () => undefined,
  logError: () => undefined,
  requestQueue: {
    push: ({ entry }: { readonly entry: { readonly resolve: (answer: unknown) => void } }) =>
      entry.resolve({ correlationId: 1, size: 0, entry, payload: data }),
    maybeThrottle: () => undefined
  }
})
