/** The one place where a request leaves for a platform: bounded in time, size and connections, silent about secrets. */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import type { BufferRef } from "../../kafka/wire/buffer-pool.ts"
import type { HttpRequestSpec, HttpResponseSpec } from "../exchange.ts"
import { decodeBody, dispatch, type RequestProgress } from "./http-dispatch.ts"
import { type HttpFailure, httpFailure, httpFailureFrom } from "./http-failure.ts"
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
>()("shared/connectors/HttpTransport") {}

/** A transport with its own pool, which ends with the scope. */
export const makeHttpTransport = (
  options: Partial<HttpTransportOptions> = {}
): Effect.Effect<HttpTransport["Service"], never, Scope.Scope> =>
  Effect.gen(function* () {
    const complete = { ...httpTransportDefaults, ...options }
    return transportOver(yield* makePool(complete), complete)
  })

/** `makeHttpTransport` as a layer. */
export const layerHttpTransport = (options: Partial<HttpTransportOptions> = {}): Layer.Layer<HttpTransport> =>
  Layer.effect(HttpTransport, makeHttpTransport(options))

const transportOver = (pool: ConnectionPool, options: HttpTransportOptions): HttpTransport["Service"] => {
  const execute = (request: HttpRequestSpec): Effect.Effect<HttpResponseSpec, HttpFailure> => {
    const url = urlOf(request)
    if (url === null) return pool.counted(Effect.fail(httpFailure("invalid_request", noHost)))
    return Effect.suspend(() => {
      const progress: RequestProgress = { started: false }
      return exchange(pool, request, url, options, progress).pipe(
        Effect.timeoutOrElse({
          duration: options.timeoutMillis,
          orElse: () => Effect.fail(httpFailure("timeout", url.host, progress.started))
        }),
        pool.counted
      )
    })
  }
  return { execute, statistics: pool.statistics }
}

const exchange = (
  { dispatcher, bodies }: ConnectionPool,
  request: HttpRequestSpec,
  url: URL,
  { responseBytesMax }: HttpTransportOptions,
  progress: RequestProgress
): Effect.Effect<HttpResponseSpec, HttpFailure> =>
  Effect.suspend(() => {
    let bodyRef: BufferRef | null = null
    const take = (bytes: number): Buffer => {
      bodyRef = bodies.acquire(bytes)
      return bodyRef.buffer
    }
    const body = bodyOf(request, take)
    const wire = { method: request.method, url, headers: headersOf(request, body), body }
    return Effect.matchEffect(dispatch(dispatcher, wire, responseBytesMax, progress), {
      onFailure: (error) => Effect.fail(httpFailureFrom(error, url.host, progress.started)),
      onSuccess: (answer) => {
        if (bodyRef !== null) bodies.releaseWhenSent(bodyRef)
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
