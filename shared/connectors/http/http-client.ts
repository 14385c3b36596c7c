/** The one place where a request leaves for a platform: bounded in time, size and connections, silent about secrets. */
import { promisify } from "node:util"
import { brotliDecompress, constants, gunzip, inflate } from "node:zlib"
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
import { type Address, dispatch, type RequestProgress } from "./http-wire.ts"

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
  const addressOf = makeAddressReader()
  const execute = (request: HttpRequestSpec): Effect.Effect<HttpResponseSpec, HttpFailure> =>
    Effect.suspend(() => {
      const address = addressOf(request)
      return pool.counted(
        address === null
          ? Effect.fail(httpFailure("invalid_request", noHost))
          : exchange(pool, request, address, options, { started: false, connection: null })
      )
    })
  return { execute, statistics: pool.statistics }
}

const exchange = (
  pool: ConnectionPool,
  request: HttpRequestSpec,
  address: Address,
  { responseBytesMax, timeoutMillis }: HttpTransportOptions,
  progress: RequestProgress
): Effect.Effect<HttpResponseSpec, HttpFailure> =>
  Effect.suspend(() => {
    let bodyRef: BufferRef | null = null
    const take = (bytes: number): Buffer => {
      if (bytes <= smallBodyBytes) return Buffer.allocUnsafe(bytes)
      bodyRef = pool.bodies.acquire(bytes)
      return bodyRef.buffer
    }
    const body = bodyOf(request, take)
    const wire = { method: request.method, address, headers: headersOf(request, body), body, timeoutMillis }
    return Effect.matchEffect(dispatch(pool, wire, responseBytesMax, progress), {
      onFailure: (error) => Effect.fail(httpFailureFrom(error, address.host, progress.started)),
      onSuccess: (answer) => {
        const socket = progress.connection?.socket ?? null
        if (bodyRef !== null && socket !== null) pool.bodies.releaseWhenSent(bodyRef, socket)
        const { status, headers } = answer
        const text = decodeBody(answer.body, headers["content-encoding"], responseBytesMax, address.host)
        const received = (body: string) =>
          Effect.map(Clock.currentTimeMillis, (receivedAt): HttpResponseSpec => ({ status, headers, body, receivedAt }))
        return typeof text === "string" ? received(text) : Effect.flatMap(text, received)
      }
    })
  })

/** Less is not worth a pooled buffer, which has room for much more. */
const smallBodyBytes = 16 * 1024

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

/** Reads the addresses of requests, mostly that of the one before; null where one cannot be used. */
const makeAddressReader = () => {
  let known: { readonly url: string; readonly address: Address | null } = { url: "", address: null }
  return ({ url, secretParams }: HttpRequestSpec): Address | null => {
    const secrets = Object.entries(secretParams)
    if (secrets.length > 0) return readAddress(url, secrets)
    if (known.url !== url) known = { url, address: readAddress(url, secrets) }
    return known.address
  }
}

const readAddress = (text: string, secrets: ReadonlyArray<[string, Redacted.Redacted]>): Address | null => {
  const url = URL.parse(text)
  if (url === null || (url.protocol !== "https:" && url.protocol !== "http:")) return null
  for (const [name, value] of secrets) url.searchParams.append(name, Redacted.value(value))
  return { origin: url.origin, host: url.host, path: url.pathname + url.search }
}

const noHost = "invalid address"

/**
 * The text of a body, at most `bytesMax` bytes before and after decompression (a small body may be a bomb). Bytes that
 * are no UTF-8 become replacement characters. A compressed body that was cut gives what could be read of it.
 */
const decodeBody = (
  bytes: Buffer,
  encoding: string | undefined,
  bytesMax: number,
  host: string
): string | Effect.Effect<string, HttpFailure> => {
  const decompress = encoding === undefined ? undefined : decompressors[encoding.trim().toLowerCase()]
  if (bytes.length === 0 || decompress === undefined) return bytes.toString("utf8")
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
