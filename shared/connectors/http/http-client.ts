/** The one place where a request leaves for a platform: bounded in time, size and connections, silent about secrets. */
import { promisify } from "node:util"
import { brotliDecompress, constants, gunzip, inflate } from "node:zlib"
import type * as Undici from "@effect/platform-node/Undici"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import type { BufferRef } from "../../kafka/wire/buffer-pool.ts"
import type { HttpRequestSpec, HttpResponseSpec } from "../exchange.ts"
import { type HttpFailure, httpFailure, httpFailureFrom } from "./http-failure.ts"
import {
  type ConnectionPool,
  makePool,
  type PoolOptions,
  type PoolStatistics,
  type Sockets,
  sharingPool
} from "./http-pool.ts"

export interface HttpTransportOptions extends PoolOptions {
  /** From the call to the last byte of the answer, waiting for a connection included. */
  readonly timeoutMillis: number
  /** An answer is read up to here and cut beyond. */
  readonly responseBytesMax: number
}

/** The specification's pool (10 connections, 30 s) with bounds that hold the largest documented answer: an error for each of 2,000 events. */
export const httpTransportDefaults: HttpTransportOptions = {
  connections: 10,
  connectTimeoutMillis: 10_000,
  idleMillis: 15_000,
  connectionLifeMillis: 300_000,
  timeoutMillis: 30_000,
  responseBytesMax: 4 * 1024 * 1024
}

/** Sends requests of one platform. Each connection (or platform) has its own, so that none waits for another's pool. */
export class HttpTransport extends Context.Service<
  HttpTransport,
  {
    /** The answer, whatever its status. Redirects are answers, not followed: a token never goes to another host. */
    readonly execute: (request: HttpRequestSpec) => Effect.Effect<HttpResponseSpec, HttpFailure>
    readonly statistics: Effect.Effect<PoolStatistics>
  }
>()("shared/connectors/HttpTransport") {}

/** A transport with its own connections, which end with the scope. */
export const makeHttpTransport = (
  options: Partial<HttpTransportOptions> = {}
): Effect.Effect<HttpTransport["Service"], never, Scope.Scope> => {
  const complete = { ...httpTransportDefaults, ...options }
  return Effect.map(makePool(complete), (pool) => transportOver(pool, complete))
}

/** A transport over connections that others use as well: the options but for their number must be those that these were made with. */
export const sharingTransport = (
  sockets: Sockets,
  options: Partial<HttpTransportOptions> = {}
): HttpTransport["Service"] => {
  const complete = { ...httpTransportDefaults, ...options }
  return transportOver(sharingPool(sockets, complete), complete)
}

/** `makeHttpTransport` as a layer. */
export const layerHttpTransport = (options: Partial<HttpTransportOptions> = {}): Layer.Layer<HttpTransport> =>
  Layer.effect(HttpTransport, makeHttpTransport(options))

const transportOver = (pool: ConnectionPool, options: HttpTransportOptions): HttpTransport["Service"] => {
  const execute = (request: HttpRequestSpec): Effect.Effect<HttpResponseSpec, HttpFailure> => {
    const url = urlOf(request)
    if (url === null) return pool.counted(Effect.fail(httpFailure("invalid_request", noHost)))
    return Effect.suspend(() => {
      const progress: RequestProgress = { started: false }
      return pool.counted(exchange(pool, request, url, options, progress))
    })
  }
  return { execute, statistics: pool.statistics }
}

const exchange = (
  pool: ConnectionPool,
  request: HttpRequestSpec,
  url: URL,
  { responseBytesMax, timeoutMillis }: HttpTransportOptions,
  progress: RequestProgress
): Effect.Effect<HttpResponseSpec, HttpFailure> =>
  Effect.suspend(() => {
    let bodyRef: BufferRef | null = null
    const take = (bytes: number): Buffer => {
      bodyRef = pool.bodies.acquire(bytes)
      return bodyRef.buffer
    }
    const body = bodyOf(request, take)
    const wire = { method: request.method, url, headers: headersOf(request, body), body, timeoutMillis }
    return Effect.matchEffect(dispatch(pool, wire, responseBytesMax, progress), {
      onFailure: (error) => Effect.fail(httpFailureFrom(error, url.host, progress.started)),
      onSuccess: (answer) => {
        if (bodyRef !== null) pool.bodies.releaseWhenSent(bodyRef)
        const text = decodeBody(answer.body, answer.headers["content-encoding"], responseBytesMax, url.host)
        return Effect.zipWith(text, Clock.currentTimeMillis, (body, receivedAt) => ({ ...answer, body, receivedAt }))
      }
    })
  })

const bodyOf = (request: HttpRequestSpec, take: (bytes: number) => Buffer): Buffer | string | null => {
  if (request.bodyBytes !== undefined) return request.bodyBytes(take)
  return request.secretForm === undefined ? request.body : formOf(request.secretForm)
}

const headersOf = (request: HttpRequestSpec, body: Buffer | string | null): Record<string, string> => {
  const headers: Record<string, string> = { "user-agent": "capi-relay", "accept-encoding": "gzip", ...request.headers }
  for (const [name, value] of Object.entries(request.secretHeaders)) headers[name] = Redacted.value(value)
  if (body !== null) headers["content-type"] ??= "application/json"
  return headers
}

const formOf = (form: Readonly<Record<string, Redacted.Redacted>>): string => {
  const fields = new URLSearchParams()
  for (const [name, value] of Object.entries(form)) fields.set(name, Redacted.value(value))
  return fields.toString()
}

const urlOf = ({ url, secretParams }: HttpRequestSpec): URL | null => {
  const parsed = URL.parse(url)
  if (parsed !== null)
    for (const [name, value] of Object.entries(secretParams)) parsed.searchParams.append(name, Redacted.value(value))
  return parsed
}

const noHost = "invalid address"

/** One request over a pool, and its answer's bytes, without streams: bodies are whole on the way out and bounded on the way in. */
interface WireRequest {
  readonly method: "GET" | "POST"
  readonly url: URL
  readonly headers: Readonly<Record<string, string>>
  readonly body: Buffer | string | null
  readonly timeoutMillis: number
}

/** How far a request has come. */
interface RequestProgress {
  /** It was given to a connection, so that bytes of it may have been written; false while it waits for one. */
  started: boolean
}

interface WireAnswer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  /** At most as many bytes as allowed, cut beyond. */
  readonly body: Buffer
}

/**
 * Sends a request and reads the answer, whatever its status. Fails with the error of the HTTP layer. What is still under way
 * when it is interrupted, or when the answer is cut, is aborted, so that its connection is free again.
 */
const dispatch = (
  { dispatcher, enter }: ConnectionPool,
  { method, url, headers, body, timeoutMillis }: WireRequest,
  bytesMax: number,
  progress: RequestProgress
): Effect.Effect<WireAnswer, unknown> =>
  Effect.callback((resume) => {
    let hasEnded = false
    let leave = (): void => undefined
    const end = (answer: Effect.Effect<WireAnswer, unknown>) => {
      hasEnded = true
      clearTimeout(timer)
      leave()
      resume(answer)
    }
    const reader = new AnswerReader(bytesMax, end, progress)
    // One timer for all of it, and no fiber that waits: a request is most of what a small batch costs.
    const timer = setTimeout(() => {
      end(Effect.fail(tooLate))
      reader.abort()
    }, timeoutMillis)
    const timeouts = { headersTimeout: 0, bodyTimeout: 0 }
    const path = url.pathname + url.search
    leave = enter(() => {
      dispatcher.dispatch({ origin: url.origin, path, method, headers: { ...headers }, body, ...timeouts }, reader)
    })
    // It failed at once.
    if (hasEnded) leave()
    return Effect.sync(() => {
      clearTimeout(timer)
      leave()
      reader.abort()
    })
  })

class AnswerReader implements Undici.Dispatcher.DispatchHandler {
  readonly #bytesMax: number
  readonly #resume: (answer: Effect.Effect<WireAnswer, unknown>) => void
  readonly #progress: RequestProgress
  #controller: Undici.Dispatcher.DispatchController | null = null
  #aborted = false
  #status = 0
  #headers: Record<string, string> = {}
  readonly #chunks: Array<Buffer> = []
  #size = 0

  constructor(
    bytesMax: number,
    resume: (answer: Effect.Effect<WireAnswer, unknown>) => void,
    progress: RequestProgress
  ) {
    this.#bytesMax = bytesMax
    this.#resume = resume
    this.#progress = progress
  }

  abort(): void {
    this.#aborted = true
    this.#controller?.abort(ended)
  }

  onRequestStart(controller: Undici.Dispatcher.DispatchController): void {
    this.#controller = controller
    // An aborted one is not written any more.
    if (this.#aborted) controller.abort(ended)
    else this.#progress.started = true
  }

  onResponseStart(
    _: Undici.Dispatcher.DispatchController,
    status: number,
    headers: Readonly<Record<string, string | ReadonlyArray<string> | undefined>>
  ): void {
    // An interim answer (103) comes before the answer.
    if (status < 200) return
    this.#status = status
    for (const [name, value] of Object.entries(headers))
      if (value !== undefined) this.#headers[name] = typeof value === "string" ? value : value.join(", ")
  }

  onResponseData(_: Undici.Dispatcher.DispatchController, chunk: Buffer): void {
    this.#chunks.push(chunk)
    this.#size += chunk.length
    if (this.#size < this.#bytesMax) return
    this.onResponseEnd()
    this.abort()
  }

  onResponseEnd(): void {
    const whole = this.#chunks.length === 1 ? this.#chunks[0]! : Buffer.concat(this.#chunks)
    const body = whole.length <= this.#bytesMax ? whole : whole.subarray(0, this.#bytesMax)
    this.#resume(Effect.succeed({ status: this.#status, headers: this.#headers, body }))
  }

  onResponseError(_: Undici.Dispatcher.DispatchController | null, error: Error): void {
    this.#resume(Effect.fail(error))
  }
}

/** Never seen: whoever aborts has its answer already, or waits no more. Made once, since a stack trace costs. */
const ended = new Error("The request was ended.")
const tooLate = Object.assign(new Error("The answer did not come in time."), { code: "UND_ERR_BODY_TIMEOUT" })

/**
 * The text of a body, at most `bytesMax` bytes before and after decompression (a small body may be a bomb). Bytes that
 * are no UTF-8 become replacement characters. A compressed body that was cut gives what could be read of it.
 */
const decodeBody = (
  bytes: Buffer,
  encoding: string | undefined,
  bytesMax: number,
  host: string
): Effect.Effect<string, HttpFailure> => {
  const decompress = decompressors[encoding?.trim().toLowerCase() ?? "identity"]
  if (bytes.length === 0 || decompress === undefined) return Effect.succeed(bytes.toString("utf8"))
  return Effect.tryPromise({
    try: () => decompress(bytes, bytesMax),
    catch: (error) => httpFailure(isTooLarge(error) ? "body_too_large" : "invalid_encoding", host)
  }).pipe(Effect.map((plain) => plain.toString("utf8")))
}

type Decompress = (bytes: Buffer, bytesMax: number) => Promise<Buffer>

const gunzipAsync = promisify(gunzip)
const inflateAsync = promisify(inflate)
const brotliAsync = promisify<Buffer, object, Buffer>(brotliDecompress)

const zlibOptions = (maxOutputLength: number) => ({ maxOutputLength, finishFlush: constants.Z_SYNC_FLUSH })
const unzip: Decompress = (bytes, bytesMax) => gunzipAsync(bytes, zlibOptions(bytesMax))

const decompressors: Record<string, Decompress | undefined> = {
  gzip: unzip,
  "x-gzip": unzip,
  deflate: (bytes, bytesMax) => inflateAsync(bytes, zlibOptions(bytesMax)),
  br: (bytes, bytesMax) => brotliAsync(bytes, { maxOutputLength: bytesMax })
}

const isTooLarge = (error: unknown): boolean =>
  typeof error === "object" && error !== null && "code" in error && error.code === "ERR_BUFFER_TOO_LARGE"
