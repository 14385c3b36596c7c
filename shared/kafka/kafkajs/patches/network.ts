import { connect, isIP, type Socket } from "node:net"
import tls from "node:tls"
import type { ISocketFactory } from "kafkajs"
import { BufferPool } from "../../wire/buffer-pool.ts"
import { type Denied, deniedOf, type SentRequest } from "../denied.ts"

/** Patches of kafkajs's `network`: how responses are received, and when pending requests are looked for. */

interface Connection {
  readonly socket: Pick<Socket, "destroy">
  readonly authHandlers: { readonly onSuccess: (raw: Buffer) => void } | null
  /** False while an authentication mechanism exchanges bytes without Kafka's frames. */
  readonly authExpectResponse: boolean
  readonly requestQueue: {
    readonly fulfillRequest: (response: { size: number; correlationId: number; payload: Buffer }) => void
  }
  processData: (chunk: Buffer) => void
}

/** A connection as it is closed. */
interface Closing {
  readonly socket?: { readonly destroyed: boolean; unref: () => unknown }
  disconnect: () => Promise<boolean>
}

/**
 * kafkajs disconnects a connection again each time that it is found not to be connected, and `unref` on a socket without a handle
 * waits for `connect` with one more listener: a warning after ten, and memory while a broker is away. A socket that is destroyed
 * keeps no process alive.
 */
const disconnectOnce = (connection: { readonly prototype: Closing }) => {
  const { disconnect } = connection.prototype
  connection.prototype.disconnect = function (this: Closing) {
    const { socket } = this
    if (socket?.destroyed === true) socket.unref = () => socket
    return disconnect.call(this)
  }
  return connection
}

/** A connection as it is made. */
interface Connecting {
  readonly socket?: { readonly destroyed: boolean }
  connect: () => Promise<boolean>
}

/**
 * Requests that come at the same time, as those that read several topics, find no connection and each make one: kafkajs keeps the last
 * socket, and no one closes the others.
 */
const connectOnce = <C extends { readonly prototype: Connecting }>(connection: C): C => {
  const { connect } = connection.prototype
  const underWay = new WeakMap<Connecting, { readonly socket: unknown; readonly connected: Promise<boolean> }>()
  connection.prototype.connect = function (this: Connecting) {
    const known = underWay.get(this)
    if (known !== undefined && known.socket === this.socket && this.socket?.destroyed !== true) return known.connected
    const connected = connect.call(this)
    const made = { socket: this.socket, connected }
    const forget = (): void => {
      if (underWay.get(this) === made) underWay.delete(this)
    }
    underWay.set(this, made)
    connected.then(forget, forget)
    return connected
  }
  return connection
}

export const connectAndDisconnectOnce = (connection: { readonly prototype: Closing & Connecting }) =>
  disconnectOnce(connectOnce(connection))

/** A response that is being received. */
interface Incoming {
  readonly size: Buffer
  /** With the size in front; null until the size is complete. */
  response: Buffer | null
  /** Bytes that are there. */
  at: number
}

/**
 * Opens a connection's socket, which reads into one buffer: a chunk is valid only while `processData` handles it. Nagle's
 * algorithm is off, as in Kafka's own clients.
 */
export const pooledSocket: ISocketFactory = ({ host, port, ssl, onConnect }) => {
  const common = { host, port, noDelay: true, keepAlive: true, keepAliveInitialDelay: keepAliveMillis }
  if (ssl) return tls.connect({ ...common, ...(isIP(host) === 0 ? { servername: host } : {}), ...ssl }, onConnect)
  const buffer = Buffer.allocUnsafeSlow(readBytes)
  const socket: Socket = connect(
    {
      ...common,
      onread: {
        buffer,
        callback: (bytes) => {
          socket.emit("data", buffer.subarray(0, bytes))
          return true
        }
      }
    },
    onConnect
  )
  return socket
}

/**
 * Receives responses in one copy. kafkajs lets each read of a socket allocate a buffer and joins them when a response is
 * complete: twice the bytes of a fetch are garbage at once, for which V8 collects its whole heap again and again
 * (docs/performance.md). Here a socket reads into one buffer over and over, and a response is copied from there into a pooled
 * buffer of its size.
 */
export const receivePooled = (connection: { readonly prototype: Connection }) => {
  connection.prototype.processData = receive
  return connection
}

/** The next read overwrites the chunk. */
function receive(this: Connection, chunk: Buffer): void {
  if (this.authHandlers !== null && !this.authExpectResponse) {
    this.authHandlers.onSuccess(Buffer.from(chunk))
    return
  }
  const incoming = incomingOf(this)
  for (let from = 0; from < chunk.length; ) {
    const into = incoming.response ?? incoming.size
    const copied = chunk.copy(into, incoming.at, from)
    from += copied
    incoming.at += copied
    if (incoming.at < into.length) return
    if (incoming.response === null) {
      const size = into.readInt32BE()
      if (size < sizeMin || size > sizeMax) {
        this.socket.destroy(new NotKafka(size))
        return
      }
      incoming.response = responseBuffer(sizeBytes + size)
      into.copy(incoming.response)
    } else {
      const { response } = incoming
      incoming.response = null
      incoming.at = 0
      deliver(this, response)
    }
  }
}

/** The connection itself is no user of the buffer: each record that is read from it is one (`readBatch`). */
const responseBuffer = (bytes: number): Buffer =>
  bytes < pooledMin ? Buffer.allocUnsafe(bytes) : responseBuffers.acquire(bytes).buffer.subarray(0, bytes)

const responseBuffers = new BufferPool({ stepBytes: 256 * 1024, freeBytesMax: 8 * 1024 * 1024 })
const pooledMin = 64 * 1024

const incomingOf = ({ socket }: Connection): Incoming => {
  let known = incomings.get(socket)
  if (known === undefined) {
    known = { size: Buffer.alloc(sizeBytes), response: null, at: 0 }
    incomings.set(socket, known)
  }
  return known
}

/** By the socket, since a connection may get a new one in the middle of a response. */
const incomings = new WeakMap<Connection["socket"], Incoming>()

const deliver = ({ authHandlers, requestQueue }: Connection, response: Buffer): void => {
  if (authHandlers !== null) authHandlers.onSuccess(response)
  else {
    const correlationId = response.readInt32BE(sizeBytes)
    const payload = response.subarray(sizeBytes + correlationBytes)
    requestQueue.fulfillRequest({ size: response.length - sizeBytes, correlationId, payload })
  }
}

class NotKafka extends Error {
  override readonly name = "NotKafka"
  constructor(size: number) {
    super(`a response of ${size} bytes is not Kafka's: is this the port of a broker, and does it speak TLS?`)
  }
}

const sizeBytes = 4
const correlationBytes = 4
const sizeMin = 4
/** Far above a fetch, and below what other protocols begin with, which would be waited for otherwise: a TLS alert, `HTTP`. */
const sizeMax = 256 * 1024 * 1024
const readBytes = 128 * 1024
const keepAliveMillis = 60_000

interface RequestQueue {
  readonly pending: ReadonlyArray<unknown>
  readonly inflight: ReadonlyMap<number, SocketRequest>
  readonly requestTimeout: number
  readonly enforceRequestTimeout: boolean
  requestTimeoutIntervalId: NodeJS.Timeout | undefined
  scheduleCheckPendingRequests: (this: RequestQueue) => void
  scheduleRequestTimeoutCheck: (this: RequestQueue) => void
  sendSocketRequest: (this: RequestQueue, request: SocketRequest) => void
  /** Stops the timers. */
  readonly destroy: () => void
}

interface SocketRequest {
  /** Milliseconds, at least those of its queue. */
  readonly requestTimeout: number
  readonly timeoutRequest: () => void
}

/**
 * Looks for pending requests only while there are some. kafkajs sets a timer after each response, whose handler sets the next
 * one, with a delay that is negative unless the broker throttles: every connection wakes up each millisecond for nothing, and
 * Node warns of the delay (TimeoutNegativeWarning). A request that becomes pending later sets the timer itself.
 */
export const checkWhilePending = (queue: { readonly prototype: RequestQueue }) => {
  const { scheduleCheckPendingRequests } = queue.prototype
  queue.prototype.scheduleCheckPendingRequests = function () {
    if (this.pending.length > 0) scheduleCheckPendingRequests.call(this)
  }
  return queue
}

/**
 * Looks for requests without a response only while there are some, and when the first of them may be due. kafkajs looks ten times a second
 * on each connection for as long as it is open: more than a hundred times a second in a program that has nothing to do.
 */
export const timeOutWhileInFlight = (queue: { readonly prototype: RequestQueue }) => {
  const { sendSocketRequest } = queue.prototype
  // Called when the connection is established.
  queue.prototype.scheduleRequestTimeoutCheck = function () {
    this.destroy()
    this.requestTimeoutIntervalId = undefined
  }
  queue.prototype.sendSocketRequest = function (request) {
    sentAt.set(request, performance.now())
    sendSocketRequest.call(this, request)
    if (this.enforceRequestTimeout && this.inflight.size > 0) lookForTimeouts(this, this.requestTimeout)
  }
  return queue
}

const sentAt = new WeakMap<SocketRequest, number>()

const lookForTimeouts = (queue: RequestQueue, inMillis: number): void => {
  queue.requestTimeoutIntervalId ??= setTimeout(() => {
    queue.requestTimeoutIntervalId = undefined
    let next = Number.POSITIVE_INFINITY
    for (const request of [...queue.inflight.values()]) {
      const left = request.requestTimeout - (performance.now() - (sentAt.get(request) ?? 0))
      if (left <= 0) request.timeoutRequest()
      else next = Math.min(next, left)
    }
    if (next < Number.POSITIVE_INFINITY) lookForTimeouts(queue, Math.ceil(next))
  }, inMillis)
}

interface SendingConnection {
  send: (this: SendingConnection, given: SentGiven) => Promise<unknown>
}

interface SentGiven {
  readonly request: SentRequest
  readonly response: {
    readonly decode: (payload: Buffer) => Promise<unknown>
    readonly parse: (data: unknown) => Promise<unknown>
  }
}

/**
 * An error of the broker's authorizer gets `denied`: which operation was refused on what. Kafka's error says neither, and whoever
 * has to grant the right needs both.
 */
export const nameDenied = (connection: { readonly prototype: SendingConnection }) => {
  const { send } = connection.prototype
  connection.prototype.send = async function (given) {
    const parse = async (data: unknown) =>
      given.response.parse(data).catch(async (error: DeniedError) => {
        const denied = await deniedOf(String(error.type ?? error.errors?.[0]?.type), given.request, data)
        if (denied !== null) error.denied = denied
        return Promise.reject(error)
      })
    return send.call(this, { ...given, response: { decode: given.response.decode, parse } })
  }
  return connection
}

interface DeniedError extends Error {
  readonly type?: string
  /** Of several topics that could not be created. */
  readonly errors?: ReadonlyArray<{ readonly type?: string }>
  denied?: Denied
}
