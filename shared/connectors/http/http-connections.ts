/**
 * Connections to hosts, each for one request at a time. A request takes a free one, however many are busy, or opens one; undici's pool looks at
 * each of them for every request. One that stays idle is closed.
 */
import type { Socket } from "node:net"
import * as Undici from "@effect/platform-node/Undici"

export interface ConnectionTimes {
  readonly connectTimeoutMillis: number
  /** An idle connection is closed after this time: there are fewer when demand is less. */
  readonly idleMillis: number
  /** A connection is replaced after this time, so that changes of the host's addresses are followed. */
  readonly connectionLifeMillis: number
}

export class HttpConnections {
  /** So many are open, and were since the start. */
  readonly counters = { open: 0, peakOpen: 0, opened: 0, closed: 0 }
  readonly #times: ConnectionTimes
  readonly #connect: Undici.buildConnector.connector
  /** By origin. The one that was used last is taken first, so that those that are not needed become idle. */
  readonly #free = new Map<string, Array<HttpConnection>>()
  readonly #all = new Set<HttpConnection>()
  #isDestroyed = false

  constructor(times: ConnectionTimes) {
    this.#times = times
    // HTTP/1.1 only: connections are what bounds the requests at a time. All share it, and so the sessions of TLS.
    this.#connect = Undici.buildConnector({ allowH2: false, timeout: times.connectTimeoutMillis })
  }

  /** A connection for one request, which ends with `complete` or `drop`. It may not be open yet: undici opens it for the request. */
  take(origin: string): HttpConnection {
    const free = this.#freeOf(origin)
    for (let found = free.pop(); found !== undefined; found = free.pop()) {
      if (performance.now() - found.openedAt < this.#times.connectionLifeMillis) return found
      found.drop()
    }
    const opened = new HttpConnection(origin, this.#times, this.#connect, this)
    this.#all.add(opened)
    if (this.#isDestroyed) opened.client.destroy().catch(() => undefined)
    return opened
  }

  /** Connections without a request. */
  get idle(): number {
    let count = 0
    for (const free of this.#free.values()) count += free.length
    return count
  }

  /** Ends all connections; requests that are under way or come later fail. */
  async destroy(): Promise<void> {
    this.#isDestroyed = true
    await Promise.all([...this.#all].map(({ client }) => client.destroy()))
  }

  /** For `HttpConnection`. */
  setFree(connection: HttpConnection): void {
    this.#freeOf(connection.origin).push(connection)
  }

  /** For `HttpConnection`: whether it was free, and is not any more. */
  withdraw(connection: HttpConnection): boolean {
    const free = this.#freeOf(connection.origin)
    const index = free.lastIndexOf(connection)
    if (index >= 0) free.splice(index, 1)
    return index >= 0
  }

  /** For `HttpConnection`. */
  forget(connection: HttpConnection): void {
    this.#all.delete(connection)
  }

  #freeOf(origin: string): Array<HttpConnection> {
    const known = this.#free.get(origin)
    if (known !== undefined) return known
    const made: Array<HttpConnection> = []
    this.#free.set(origin, made)
    return made
  }
}

export class HttpConnection {
  readonly origin: string
  readonly client: Undici.Client
  /** The last that was opened; null before that. */
  socket: Socket | null = null
  /** By `performance.now()`. */
  openedAt = Number.POSITIVE_INFINITY
  readonly #owner: HttpConnections
  #isDropped = false

  constructor(
    origin: string,
    { idleMillis }: ConnectionTimes,
    connect: Undici.buildConnector.connector,
    owner: HttpConnections
  ) {
    this.origin = origin
    this.#owner = owner
    this.client = new Undici.Client(origin, {
      allowH2: false,
      keepAliveTimeout: idleMillis,
      keepAliveMaxTimeout: idleMillis,
      connect: (target, callback) =>
        connect(target, (...[error, socket]) => {
          if (error !== null) return callback(error, null)
          this.socket = socket
          return callback(null, socket)
        })
    })
    this.client.on("connect", () => this.#opened())
    this.client.on("disconnect", () => this.#closed())
    this.client.on("connectionError", () => this.drop())
  }

  /**
   * The response is complete: the next request may take it. undici sends that one when the event loop has come round. A server that answered before
   * it had all of the request mostly closes the connection, after which it is unknown whether the next request arrived.
   */
  complete(): void {
    if (this.#isDropped) return
    if (this.socket !== null && this.socket.writableLength > 0) this.drop()
    else this.#owner.setFree(this)
  }

  /** The request failed or was ended: no other takes it, and it is closed. */
  drop(): void {
    if (this.#isDropped) return
    this.#isDropped = true
    this.#owner.withdraw(this)
    this.client.close(() => this.#owner.forget(this))
  }

  #opened(): void {
    this.openedAt = performance.now()
    const { counters } = this.#owner
    counters.opened++
    counters.open++
    counters.peakOpen = Math.max(counters.peakOpen, counters.open)
  }

  // Where a request has it, undici opens it again for what was not sent.
  #closed(): void {
    const { counters } = this.#owner
    counters.closed++
    counters.open--
    if (this.#owner.withdraw(this)) this.drop()
  }
}
