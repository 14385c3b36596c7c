/** The one place where a request leaves for a platform: bounded in time, size and connections, silent about secrets. */
import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import { Clock, Context, Effect, Layer, Redacted, type Scope, Stream } from "effect"
import { HttpClient, HttpClientRequest, type HttpClientResponse } from "effect/http"
import type { HttpRequestSpec, HttpResponseSpec } from "./connector.ts"
import { decodeBody } from "./http-body.ts"
import { HttpFailure, httpFailure, httpFailureFrom } from "./http-failure.ts"
import { type ConnectionPool, makePool, type PoolOptions, type PoolStatistics } from "./http-pool.ts"

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
>()("shared/platforms/HttpTransport") {}

/** A transport with its own pool, which ends with the scope. */
export const makeHttpTransport = (
  options: Partial<HttpTransportOptions> = {}
): Effect.Effect<HttpTransport["Service"], never, Scope.Scope> =>
  Effect.gen(function* () {
    const complete = { ...httpTransportDefaults, ...options }
    const pool = yield* makePool(complete)
    const client = yield* NodeHttpClient.makeUndici.pipe(
      Effect.provideService(NodeHttpClient.Dispatcher, pool.dispatcher)
    )
    return transportOver(client, pool, complete)
  })

/** `makeHttpTransport` as a layer. */
export const layerHttpTransport = (options: Partial<HttpTransportOptions> = {}): Layer.Layer<HttpTransport> =>
  Layer.effect(HttpTransport, makeHttpTransport(options))

const transportOver = (
  client: HttpClient.HttpClient,
  pool: ConnectionPool,
  options: HttpTransportOptions
): HttpTransport["Service"] => {
  // The scope aborts what is still under way when a request ends early (out of time, body cut), so that its connection is freed.
  const scoped = HttpClient.withScope(client)
  const execute = (request: HttpRequestSpec): Effect.Effect<HttpResponseSpec, HttpFailure> => {
    const host = hostOf(request.url)
    return Effect.gen(function* () {
      const response = yield* scoped.execute(clientRequest(request))
      const bytes = yield* readBody(response, options.responseBytesMax)
      const body = yield* decodeBody(bytes, response.headers["content-encoding"], options.responseBytesMax, host)
      const receivedAt = yield* Clock.currentTimeMillis
      return { status: response.status, headers: { ...response.headers }, body, receivedAt }
    }).pipe(
      Effect.mapError((error) => (error instanceof HttpFailure ? error : httpFailureFrom(error, host))),
      Effect.scoped,
      Effect.timeoutOrElse({
        duration: options.timeoutMillis,
        orElse: () => Effect.fail(httpFailure("timeout", host))
      }),
      // Neither trace headers to the platform nor its URL into a span.
      Effect.provideService(HttpClient.TracerDisabledWhen, () => true),
      Effect.provideService(HttpClient.TracerPropagationEnabled, false),
      pool.counted
    )
  }
  return { execute, statistics: pool.statistics }
}

const clientRequest = (request: HttpRequestSpec): HttpClientRequest.HttpClientRequest => {
  const headers: Record<string, string> = { "user-agent": "capi-relay", "accept-encoding": "gzip", ...request.headers }
  for (const [name, value] of Object.entries(request.secretHeaders)) headers[name] = Redacted.value(value)
  const bare = HttpClientRequest.make(request.method)(request.url).pipe(
    HttpClientRequest.setUrlParams(request.secretParams),
    HttpClientRequest.setHeaders(headers)
  )
  const body = request.secretForm === undefined ? request.body : formOf(request.secretForm)
  return body === null ? bare : HttpClientRequest.bodyText(bare, body, headers["content-type"] ?? "application/json")
}

const formOf = (form: Readonly<Record<string, Redacted.Redacted>>): string => {
  const fields = new URLSearchParams()
  for (const [name, value] of Object.entries(form)) fields.set(name, Redacted.value(value))
  return fields.toString()
}

const readBody = (response: HttpClientResponse.HttpClientResponse, bytesMax: number) =>
  Effect.gen(function* () {
    const declared = Number(response.headers["content-length"])
    if (declared <= bytesMax) return Buffer.from(yield* response.arrayBuffer)
    const chunks: Array<Uint8Array> = []
    let size = 0
    yield* Stream.runForEachWhile(response.stream, (chunk) =>
      Effect.sync(() => {
        chunks.push(chunk)
        size += chunk.byteLength
        return size < bytesMax
      })
    )
    return Buffer.concat(chunks).subarray(0, bytesMax)
  })

const hostOf = (url: string): string => (URL.canParse(url) ? new URL(url).host : "invalid address")
