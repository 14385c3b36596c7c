/**
 * Receives what brokers answer in one copy. kafkajs lets each read of a socket make a buffer of its own and joins them once an
 * answer is whole: twice the bytes of a fetch are garbage at once, for which V8 collects its whole heap again and again
 * (docs/performance.md). Here a socket reads into one buffer over and over, and an answer is copied from there to a buffer of
 * just its size. kafkajs has no seam for the second half, so its class of connections is changed, once for the process.
 */
import { connect, isIP, type Socket } from "node:net"
import tls from "node:tls"
import type { ISocketFactory } from "kafkajs"
import { answerBuffer } from "../wire/response-buffer-pool.ts"
import { repairClass } from "./patches/patch-prototype.ts"

interface Connection {
  readonly socket: Pick<Socket, "destroy">
  readonly authHandlers: { readonly onSuccess: (raw: Buffer) => void } | null
  /** False while a mechanism of authentication talks without Kafka's frames. */
  readonly authExpectResponse: boolean
  readonly requestQueue: {
    readonly fulfillRequest: (answer: { size: number; correlationId: number; payload: Buffer }) => void
  }
  processData: (chunk: Buffer) => void
}

/** An answer on its way. */
interface Incoming {
  readonly size: Buffer
  /** The size in front; null until it is there. */
  answer: Buffer | null
  /** Bytes that are there. */
  at: number
}

/** The connection's sockets, which lend what they read to `processData`. Kafka's own clients switch Nagle's algorithm off too. */
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

/** Changes the class of kafkajs's connections. */
export const repairReceive = (): void => repairClass("network/connection", receiveLent)

const receiveLent = (prototype: Connection): void => {
  prototype.processData = receive
}

/** Takes what was read, which is only lent: it is overwritten by the next read. */
function receive(this: Connection, chunk: Buffer): void {
  if (this.authHandlers !== null && !this.authExpectResponse) {
    this.authHandlers.onSuccess(Buffer.from(chunk))
    return
  }
  const coming = incomingOf(this)
  for (let from = 0; from < chunk.length; ) {
    const into = coming.answer ?? coming.size
    const copied = chunk.copy(into, coming.at, from)
    from += copied
    coming.at += copied
    if (coming.at < into.length) return
    if (coming.answer === null) {
      const size = into.readInt32BE()
      if (size < sizeMin || size > sizeMax) {
        this.socket.destroy(new NoAnswer(size))
        return
      }
      coming.answer = answerBuffer(sizeBytes + size)
      into.copy(coming.answer)
    } else {
      const { answer } = coming
      coming.answer = null
      coming.at = 0
      deliver(this, answer)
    }
  }
}

const incomingOf = ({ socket }: Connection): Incoming => {
  let known = incoming.get(socket)
  if (known === undefined) {
    known = { size: Buffer.alloc(sizeBytes), answer: null, at: 0 }
    incoming.set(socket, known)
  }
  return known
}

/** By the socket, since a connection may get a new one in the middle of an answer. */
const incoming = new WeakMap<Connection["socket"], Incoming>()

const deliver = ({ authHandlers, requestQueue }: Connection, answer: Buffer): void => {
  if (authHandlers !== null) authHandlers.onSuccess(answer)
  else {
    const correlationId = answer.readInt32BE(sizeBytes)
    const payload = answer.subarray(sizeBytes + correlationBytes)
    requestQueue.fulfillRequest({ size: answer.length - sizeBytes, correlationId, payload })
  }
}

class NoAnswer extends Error {
  override readonly name = "NoAnswer"
  constructor(size: number) {
    super(`an answer of ${size} bytes is none of Kafka's: is this the port of a broker, and does it speak TLS?`)
  }
}

const sizeBytes = 4
const correlationBytes = 4
const sizeMin = 4
/** Far above a fetch, and below what other protocols begin with, which would else be waited for: TLS's alert, `HTTP`. */
const sizeMax = 256 * 1024 * 1024
const readBytes = 128 * 1024
const keepAliveMillis = 60_000
