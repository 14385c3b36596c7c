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
  Effect.map(makeSockets(options), (sockets) => {
    const pool = sharingPool(sockets, options)
    const { connections } = sockets
    // All of the connections are its own, also those that are idle.
    const statistics = Effect.map(pool.statistics, (shared) => ({
      ...shared,
      ...connections.counters,
      idle: connections.idle
    }))
    return { ...pool, statistics }
  })

/** Connections that end with the scope, as many as requests need. */
export const makeSockets = (times: ConnectionTimes): Effect.Effect<Sockets, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.sync(() => ({ connections: new HttpConnections(times), bodies: new BodyBuffers() })),
    ({ connections }) => Effect.promise(() => connections.destroy())
  )

/** A pool over connections that it shares with others: it uses at most `connections` of them at a time. */
export const sharingPool = (sockets: Sockets, { connections }: Pick<PoolOptions, "connections">): ConnectionPool => {
  const waiting: Array<() => void> = []
  let used = 0
  let peakOpen = 0
  const begin = (start: () => void): void => {
    used++
    peakOpen = Math.max(peakOpen, used)
    start()
  }
  const beginWaiting = (): void => {
    while (used < connections && waiting.length > 0) begin(waiting.shift()!)
  }
  const enter: ConnectionPool["enter"] = (start) => {
    let state: "waiting" | "started" | "left" = "waiting"
    const startNow = () => {
      state = "started"
      start()
    }
    if (used < connections && waiting.length === 0) begin(startNow)
    else waiting.push(startNow)
    return () => {
      const before = state
      state = "left"
      if (before === "waiting") waiting.splice(waiting.indexOf(startNow), 1)
      if (before !== "started") return
      used--
      // Those whose time is over as well fail first, without having been sent.
      if (waiting.length > 0) setImmediate(beginWaiting)
    }
  }
  const { counted, requests } = counting()
  const statistics = Effect.sync(() => ({
    ...requests(),
    connectionsMax: connections,
    open: used,
    idle: 0,
    peakOpen,
    waiting: waiting.length,
    opened: 0,
    closed: 0
  }))
  return { ...sockets, enter, counted, statistics }
}

/** Counts requests, and says how many there were and how they went. */
const counting = () => {
  const failures = new Map<string, number>()
  const counters = { requests: 0, finished: 0, totalMillis: 0 }
  const counted: ConnectionPool["counted"] = (request) =>
    Effect.suspend(() => {
      counters.requests++
      const started = performance.now()
      return Effect.onExitPrimitive(request, (exit) => {
        const failure = Exit.isFailure(exit) ? Option.getOrUndefined(Cause.findErrorOption(exit.cause)) : undefined
        if (failure !== undefined) failures.set(failure.code, (failures.get(failure.code) ?? 0) + 1)
        counters.finished++
        counters.totalMillis += performance.now() - started
        return undefined
      })
    })
  const requests = () => ({
    active: counters.requests - counters.finished,
    requests: counters.requests,
    failures: Object.fromEntries(failures),
    timeouts: failures.get("timeout") ?? 0,
    meanMillis: counters.finished === 0 ? 0 : counters.totalMillis / counters.finished
  })
  return { counted, requests }
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
