/**
 * Connections to platforms' hosts: opened as requests wait for one, closed when they stay idle. Accounts of the same host may share them, each
 * within its own limit of requests at a time: one that hangs keeps those that its requests have, the others' open new ones.
 */

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

/** Open connections, and the buffers of what is sent over them. */
export interface Sockets {
  readonly dispatcher: Undici.Agent
  readonly bodies: BodyBuffers
}

export interface ConnectionPool extends Sockets {
  /** Starts a request, now or when one of those before it has left. What it returns is to be called when the request has ended. */
  readonly enter: (start: () => void) => () => void
  readonly statistics: Effect.Effect<PoolStatistics>
  /** Counts a request's start, end, duration and failure. */
  readonly counted: <A>(request: Effect.Effect<A, HttpFailure>) => Effect.Effect<A, HttpFailure>
}

/** A pool with separate connections, which end with the scope. HTTP/1.1 only: they are what the limit counts. */
export const makePool = (options: PoolOptions): Effect.Effect<ConnectionPool, never, Scope.Scope> =>
  Effect.map(makeSockets(options), (sockets) => ownPool(sockets, options))

/** Connections that end with the scope; at most so many to a host, or as many as requests need. */
export const makeSockets = (
  options: Omit<PoolOptions, "connections"> & Partial<PoolOptions>
): Effect.Effect<Sockets, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.sync(() => openSockets(options)),
    ({ dispatcher }) => Effect.promise(() => dispatcher.destroy())
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

const openSockets = (options: Omit<PoolOptions, "connections"> & Partial<PoolOptions>): Sockets => {
  const bodies = new BodyBuffers()
  const dispatcher = new Undici.Agent({
    // undici treats 1 as "no pool"; a pool of one is meant.
    factory: (origin, poolOptions) => new Undici.Pool(origin, poolOptions),
    connections: options.connections ?? null,
    allowH2: false,
    connect: watchedConnector(options, bodies),
    keepAliveTimeout: options.idleMillis,
    keepAliveMaxTimeout: options.idleMillis,
    clientTtl: options.connectionLifeMillis
  })
  return { dispatcher, bodies }
}

const ownPool = (sockets: Sockets, options: PoolOptions): ConnectionPool => {
  const agent = sockets.dispatcher
  const counters = { open: 0, peakOpen: 0, opened: 0, closed: 0 }
  agent.on("connect", () => {
    counters.opened++
    counters.open++
    counters.peakOpen = Math.max(counters.peakOpen, counters.open)
  })
  agent.on("disconnect", () => {
    counters.closed++
    counters.open--
  })
  const { counted, requests } = counting()
  const statistics = Effect.sync(() => {
    let idle = 0
    let waiting = 0
    for (const origin of Object.values(agent.stats)) {
      if ("free" in origin) idle += origin.free
      if ("queued" in origin) waiting += origin.queued
    }
    return { ...requests(), ...counters, connectionsMax: options.connections, idle, waiting }
  })
  return { ...sockets, enter: startAtOnce, counted, statistics }
}

// The limit is that of its connections: undici makes the requests wait.
const startAtOnce: ConnectionPool["enter"] = (start) => {
  start()
  return () => undefined
}

/** Counts requests, and says how many there were and how they went. */
const counting = () => {
  const failures = new Map<string, number>()
  const counters = { requests: 0, finished: 0, totalMillis: 0 }
  const counted: ConnectionPool["counted"] = (request) =>
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
  const requests = () => ({
    active: counters.requests - counters.finished,
    requests: counters.requests,
    failures: Object.fromEntries(failures),
    timeouts: failures.get("timeout") ?? 0,
    meanMillis: counters.finished === 0 ? 0 : counters.totalMillis / counters.finished
  })
  return { counted, requests }
}

/** undici's own connector, whose sockets report when they have sent what they were given. */
const watchedConnector = (
  options: Pick<PoolOptions, "connectTimeoutMillis">,
  bodies: BodyBuffers
): Undici.buildConnector.connector => {
  const connect = Undici.buildConnector({ allowH2: false, timeout: options.connectTimeoutMillis })
  return (target, callback) =>
    connect(target, (...[error, socket]) => {
      if (error !== null) return callback(error, null)
      bodies.watch(socket)
      return callback(null, socket)
    })
}

/** Of all connections of the process: hundreds of accounts send few requests at a time. */
const freeBodies = new BufferPool({ stepBytes: 64 * 1024, freeBytesMax: 128 * 1024 * 1024, freeBuffersMax: 16 })

/** The buffers of request bodies: pooled, and released when no socket can hold their bytes any more. */
class BodyBuffers {
  /** Of requests that are answered, and the sockets that may still hold bytes of one that was answered early. */
  readonly #answered: Array<{ readonly buffer: BufferRef; holders: ReadonlyArray<Socket> }> = []
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
    const holders: Array<Socket> = []
    for (const socket of this.#sockets) if (socket.writableLength > 0) holders.push(socket)
    if (holders.length === 0) buffer.release()
    else if (this.#answered.length < answeredMax) this.#answered.push({ buffer, holders })
  }

  // What a socket was given before a time when it holds nothing has been sent.
  #releaseSent(): void {
    for (let index = this.#answered.length - 1; index >= 0; index--) {
      const entry = this.#answered[index]!
      entry.holders = entry.holders.filter((socket) => socket.writableLength > 0 && this.#sockets.has(socket))
      if (entry.holders.length > 0) continue
      this.#answered.splice(index, 1)
      entry.buffer.release()
    }
  }
}

/** More are left to the garbage collector. */
const answeredMax = 16
