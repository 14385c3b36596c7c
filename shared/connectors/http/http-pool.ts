/**
 * What requests to platforms share: connections, opened as requests need them, and buffers of bodies. Accounts of the same host may share both, each
 * within its own limit of requests at a time: one that hangs keeps the connections that its requests have, the others' open new ones.
 */

import type { Socket } from "node:net"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import { BufferPool, type BufferRef } from "../../kafka/wire/buffer-pool.ts"
import { type ConnectionTimes, HttpConnections } from "./http-connections.ts"
import type { HttpFailure } from "./http-failure.ts"

export interface PoolOptions extends ConnectionTimes {
  /** At most so many connections; a request beyond waits. */
  readonly connections: number
}

/** The pool now, and since its start. */
export interface PoolStatistics {
  readonly connectionsMax: number
  /** Open connections, and those of them without a request. */
  readonly open: number
  readonly idle: number
  readonly peakOpen: number
  /** Requests under way, and those of them that wait for a connection. */
  readonly active: number
  readonly waiting: number
  readonly opened: number
  readonly closed: number
  readonly requests: number
  readonly failures: Readonly<Record<string, number>>
  readonly timeouts: number
  readonly meanMillis: number
}

/** Open connections, and the buffers of what is sent over them. */
export interface Sockets {
  readonly connections: HttpConnections
  readonly bodies: BodyBuffers
}

export interface ConnectionPool extends Sockets {
  /** Starts a request, now or when one of those before it has left. What it returns is to be called when the request has ended. */
  readonly enter: (start: () => void) => () => void
  readonly statistics: Effect.Effect<PoolStatistics>
  /** Counts a request's start, end, duration and failure. */
  readonly counted: <A>(request: Effect.Effect<A, HttpFailure>) => Effect.Effect<A, HttpFailure>
}

/** A pool with separate connections, which end with the scope. */
export const makePool = (options: PoolOptions): Effect.Effect<ConnectionPool, never, Scope.Scope> =>
  Effect.map(makeSockets(options), (sockets) => new OwnPool(sockets, options.connections))

/** Connections that end with the scope, as many as requests need. */
export const makeSockets = (times: ConnectionTimes): Effect.Effect<Sockets, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.sync(() => ({ connections: new HttpConnections(times), bodies: new BodyBuffers() })),
    ({ connections }) => Effect.promise(() => connections.destroy())
  )

/** A pool over connections that it shares with others: it uses at most `connections` of them at a time. */
export const sharingPool = (sockets: Sockets, { connections }: Pick<PoolOptions, "connections">): ConnectionPool =>
  new SharingPool(sockets, connections)

class SharingPool implements ConnectionPool {
  readonly connections: HttpConnections
  readonly bodies: BodyBuffers
  private readonly connectionsMax: number
  private readonly waiting: Array<() => void> = []
  private used = 0
  private peakOpen = 0
  private requests = 0
  private finished = 0
  private totalMillis = 0
  /** By code; null before the first. */
  private failures: Map<string, number> | null = null

  constructor({ connections, bodies }: Sockets, connectionsMax: number) {
    this.connections = connections
    this.bodies = bodies
    this.connectionsMax = connectionsMax
  }

  enter(start: () => void): () => void {
    let state: "waiting" | "started" | "left" = "waiting"
    const startNow = () => {
      state = "started"
      start()
    }
    if (this.used < this.connectionsMax && this.waiting.length === 0) this.begin(startNow)
    else this.waiting.push(startNow)
    return () => {
      const before = state
      state = "left"
      if (before === "waiting") this.waiting.splice(this.waiting.indexOf(startNow), 1)
      if (before !== "started") return
      this.used--
      // Those whose time is over as well fail first, without having been sent.
      if (this.waiting.length > 0) setImmediate(() => this.beginWaiting())
    }
  }

  counted<A>(request: Effect.Effect<A, HttpFailure>): Effect.Effect<A, HttpFailure> {
    return Effect.suspend(() => {
      this.requests++
      const started = performance.now()
      return Effect.onExitPrimitive(request, (exit) => {
        this.finished++
        this.totalMillis += performance.now() - started
        this.countFailure(exit)
        return undefined
      })
    })
  }

  get statistics(): Effect.Effect<PoolStatistics> {
    return Effect.sync(() => ({
      active: this.requests - this.finished,
      requests: this.requests,
      failures: Object.fromEntries(this.failures ?? []),
      timeouts: this.failures?.get("timeout") ?? 0,
      meanMillis: this.finished === 0 ? 0 : this.totalMillis / this.finished,
      connectionsMax: this.connectionsMax,
      open: this.used,
      idle: 0,
      peakOpen: this.peakOpen,
      waiting: this.waiting.length,
      opened: 0,
      closed: 0
    }))
  }

  private begin(start: () => void): void {
    this.used++
    this.peakOpen = Math.max(this.peakOpen, this.used)
    start()
  }

  private beginWaiting(): void {
    while (this.used < this.connectionsMax && this.waiting.length > 0) this.begin(this.waiting.shift()!)
  }

  private countFailure(exit: Exit.Exit<unknown, HttpFailure>): void {
    const failure = Exit.isFailure(exit) ? Option.getOrUndefined(Cause.findErrorOption(exit.cause)) : undefined
    if (failure === undefined) return
    this.failures ??= new Map()
    this.failures.set(failure.code, (this.failures.get(failure.code) ?? 0) + 1)
  }
}

class OwnPool extends SharingPool {
  /** All of the connections are its own, also those that are idle. */
  override get statistics(): Effect.Effect<PoolStatistics> {
    return Effect.map(super.statistics, (shared) => ({
      ...shared,
      ...this.connections.counters,
      idle: this.connections.idle
    }))
  }
}

/**
 * Of all connections of the process, as many as hundreds of accounts have in flight at a time: a new buffer is memory outside of the heap, which
 * makes V8 collect the whole heap the sooner.
 */
const freeBodies = new BufferPool({ stepBytes: 64 * 1024, freeBytesMax: 32 * 1024 * 1024 })

/** The buffers of request bodies: pooled, and released when no socket can hold their bytes any more. */
class BodyBuffers {
  /** Of requests that were answered early, and the sockets that still hold bytes of them. */
  readonly #answered: Array<{ readonly buffer: BufferRef; readonly socket: Socket }> = []

  /** A buffer of at least `bytes` bytes with arbitrary content, for one request. */
  acquire(bytes: number): BufferRef {
    this.#releaseSent()
    return freeBodies.acquire(bytes).retain()
  }

  /** The request was answered completely over this socket. After a failure the buffer is not released: it may still be sent. */
  releaseWhenSent(buffer: BufferRef, socket: Socket): void {
    if (!mayHoldBytes(socket)) buffer.release()
    else if (this.#answered.length < answeredMax) this.#answered.push({ buffer, socket })
  }

  #releaseSent(): void {
    for (let index = this.#answered.length - 1; index >= 0; index--) {
      const { buffer, socket } = this.#answered[index]!
      if (mayHoldBytes(socket)) continue
      this.#answered.splice(index, 1)
      buffer.release()
    }
  }
}

/** What a socket was given before a time when it holds nothing has been sent. */
const mayHoldBytes = (socket: Socket): boolean => socket.writableLength > 0 && !socket.closed

/** More are left to the garbage collector. */
const answeredMax = 16
