/** The connection pool of one platform: opens connections as requests wait for one, closes those that stay idle. */

import type { Socket } from "node:net"
import * as Undici from "@effect/platform-node/Undici"
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import { BufferPool, type BufferRef } from "../../kafka/wire/buffer-pool.ts"
import type { HttpFailure } from "./http-failure.ts"

export interface PoolOptions {
  /** At most so many connections to a host; a request beyond waits. */
  readonly connections: number
  readonly connectTimeoutMillis: number
  /** An idle connection is closed after this time: the pool shrinks when demand does. */
  readonly idleMillis: number
  /** A connection is replaced after this time, so that changes of the host's addresses are followed. */
  readonly connectionLifeMillis: number
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

export interface ConnectionPool {
  readonly dispatcher: Undici.Dispatcher
  /** For bodies that are sent over this pool. */
  readonly bodies: BodyBuffers
  readonly statistics: Effect.Effect<PoolStatistics>
  /** Counts a request's start, end, duration and failure. */
  readonly counted: <A>(request: Effect.Effect<A, HttpFailure>) => Effect.Effect<A, HttpFailure>
}

/** A pool that is destroyed with its scope. HTTP/1.1 only: its connections are what the limit counts. */
export const makePool = (options: PoolOptions): Effect.Effect<ConnectionPool, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.sync(() => openPool(options)),
    ({ dispatcher }) => Effect.promise(() => dispatcher.destroy())
  )

interface Counters {
  open: number
  peakOpen: number
  opened: number
  closed: number
  requests: number
  finished: number
  totalMillis: number
}

const openPool = (options: PoolOptions): ConnectionPool => {
  const bodies = new BodyBuffers()
  const agent = new Undici.Agent({
    // undici treats 1 as "no pool"; a pool of one is meant.
    factory: (origin, poolOptions) => new Undici.Pool(origin, poolOptions),
    connections: options.connections,
    allowH2: false,
    connect: watchedConnector(options, bodies),
    keepAliveTimeout: options.idleMillis,
    keepAliveMaxTimeout: options.idleMillis,
    clientTtl: options.connectionLifeMillis
  })
  const counters: Counters = { open: 0, peakOpen: 0, opened: 0, closed: 0, requests: 0, finished: 0, totalMillis: 0 }
  const failures = new Map<string, number>()
  agent.on("connect", () => {
    counters.opened++
    counters.open++
    counters.peakOpen = Math.max(counters.peakOpen, counters.open)
  })
  agent.on("disconnect", () => {
    counters.closed++
    counters.open--
  })
  const counted = <A>(request: Effect.Effect<A, HttpFailure>): Effect.Effect<A, HttpFailure> =>
    Effect.flatMap(Clock.currentTimeMillis, (started) => {
      counters.requests++
      return Effect.onExit(request, (exit) => {
        const failure = Exit.isFailure(exit) ? Option.getOrUndefined(Cause.findErrorOption(exit.cause)) : undefined
        if (failure !== undefined) failures.set(failure.code, (failures.get(failure.code) ?? 0) + 1)
        return Effect.map(Clock.currentTimeMillis, (now) => {
          counters.finished++
          counters.totalMillis += now - started
        })
      })
    })
  const statistics = Effect.sync(() => statisticsOf(agent, counters, failures, options))
  return { dispatcher: agent, bodies, counted, statistics }
}

/** undici's own connector, whose sockets report when they have sent what they were given. */
const watchedConnector = (options: PoolOptions, bodies: BodyBuffers): Undici.buildConnector.connector => {
  const connect = Undici.buildConnector({ allowH2: false, timeout: options.connectTimeoutMillis })
  return (target, callback) =>
    connect(target, (...[error, socket]) => {
      if (error !== null) return callback(error, null)
      bodies.watch(socket)
      return callback(null, socket)
    })
}

const statisticsOf = (
  agent: Undici.Agent,
  counters: Counters,
  failures: ReadonlyMap<string, number>,
  options: PoolOptions
): PoolStatistics => {
  let idle = 0
  let waiting = 0
  for (const origin of Object.values(agent.stats)) {
    if ("free" in origin) idle += origin.free
    if ("queued" in origin) waiting += origin.queued
  }
  const { open, peakOpen, opened, closed, requests, finished, totalMillis } = counters
  return {
    connectionsMax: options.connections,
    open,
    idle,
    peakOpen,
    active: requests - finished,
    waiting,
    opened,
    closed,
    requests,
    failures: Object.fromEntries(failures),
    timeouts: failures.get("timeout") ?? 0,
    meanMillis: finished === 0 ? 0 : totalMillis / finished
  }
}

/** Of all connections of the process: hundreds of accounts send few requests at a time. */
const freeBodies = new BufferPool({ stepBytes: 64 * 1024, freeBytesMax: 128 * 1024 * 1024, freeBuffersMax: 16 })

/** The buffers of request bodies: pooled, and released when no socket can hold their bytes any more. */
class BodyBuffers {
  /** Of requests that are answered; a socket may still hold bytes of those that were answered early. */
  readonly #answered: Array<BufferRef> = []
  readonly #sockets = new Set<Socket>()

  /** Watches a socket that bodies are written to, until it closes. */
  watch(socket: Socket): void {
    this.#sockets.add(socket)
    socket.once("close", () => this.#sockets.delete(socket))
  }

  /** A buffer of at least `bytes` bytes with arbitrary content, for one request. */
  acquire(bytes: number): BufferRef {
    this.#releaseSent()
    return freeBodies.acquire(bytes).retain()
  }

  /** The request was answered completely. After a failure the buffer is not released: it may still be sent. */
  releaseWhenSent(buffer: BufferRef): void {
    if (this.#answered.length < answeredMax) this.#answered.push(buffer)
    this.#releaseSent()
  }

  // Whatever was written before a time when no socket holds anything has been sent.
  #releaseSent(): void {
    if (this.#answered.length === 0) return
    for (const socket of this.#sockets) if (socket.writableLength > 0) return
    for (const buffer of this.#answered.splice(0)) buffer.release()
  }
}

/** More are left to the garbage collector. */
const answeredMax = 4
