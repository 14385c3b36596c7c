/** A small HTTP server in a scope: the one wrapper around node:http for probes, metrics and webhooks. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http"
import * as Cause from "effect/Cause"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"

export interface HttpRequest {
  readonly method: string
  /** Without the query. */
  readonly path: string
  readonly query: URLSearchParams
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>
  readonly body: Buffer
}

export interface HttpAnswer {
  readonly status: number
  readonly contentType?: string
  readonly body: string
}

export interface Route {
  readonly method: "GET" | "POST"
  readonly path: string
  readonly handle: (request: HttpRequest) => Effect.Effect<HttpAnswer>
}

export interface ServerOptions {
  readonly host: string
  /** 0 takes a free one. */
  readonly port: number
  readonly routes: ReadonlyArray<Route>
}

export class HttpServerError extends Data.TaggedError("HttpServerError")<{
  readonly code: "port_in_use" | "address_unavailable" | "forbidden" | "other"
  readonly message: string
  readonly nextStep: string
  readonly cause: unknown
}> {}

/** The most bytes of a request's body; more is answered with 413. */
const requestBytesMax = 4 * 1024 * 1024
/** How long a client may take to send a request. */
const requestTimeoutMillis = 10_000

/** Serves the routes until the scope closes; fails at once where the address cannot be had. */
export const serve = (options: ServerOptions): Effect.Effect<{ readonly port: number }, HttpServerError, Scope.Scope> =>
  Effect.gen(function* () {
    const scope = yield* Effect.scope
    // Requests run with the logger, the metrics and whatever else the server was started with.
    const fork = Effect.runForkWith(yield* Effect.context<never>())
    const server = createServer({ requestTimeout: requestTimeoutMillis, headersTimeout: requestTimeoutMillis })
    server.on("request", (request, response) => {
      const fiber = fork(Effect.tapCause(answer(options.routes, request), logDefect))
      fiber.addObserver((exit) => respond(response, Exit.isSuccess(exit) ? exit.value : failed(exit.cause)))
      response.on("close", () => fiber.interruptUnsafe())
    })
    const port = yield* listen(server, options)
    yield* Scope.addFinalizer(scope, close(server))
    return { port }
  })

const listen = (server: Server, { host, port }: ServerOptions): Effect.Effect<number, HttpServerError> =>
  Effect.callback((resume) => {
    server.once("error", (cause) => resume(Effect.fail(toServerError(cause, host, port))))
    server.listen(port, host, () => {
      const address = server.address()
      resume(Effect.succeed(typeof address === "object" && address !== null ? address.port : port))
    })
  })

const close = (server: Server): Effect.Effect<void> =>
  Effect.callback((resume) => {
    server.close(() => resume(Effect.void))
    server.closeAllConnections()
  })

const answer = (routes: ReadonlyArray<Route>, request: IncomingMessage): Effect.Effect<HttpAnswer> =>
  Effect.gen(function* () {
    const url = new URL(request.url ?? "/", "http://localhost")
    const there = routes.filter((route) => route.path === url.pathname)
    if (there.length === 0) return { status: 404, body: "Not found.\n" }
    const method = request.method === "HEAD" ? "GET" : (request.method ?? "GET")
    const route = there.find((candidate) => candidate.method === method)
    if (route === undefined) return { status: 405, body: "Method not allowed.\n" }
    const body = yield* readBody(request)
    if (body === null) return { status: 413, body: "Too large.\n" }
    return yield* route.handle({
      method,
      path: url.pathname,
      query: url.searchParams,
      headers: Object.fromEntries(
        Object.entries(request.headers).map(([name, value]) => [
          name,
          Array.isArray(value) ? value.join(", ") : (value ?? "")
        ])
      ),
      body
    })
  })

const readBody = (request: IncomingMessage): Effect.Effect<Buffer | null> =>
  Effect.callback((resume) => {
    const chunks: Array<Buffer> = []
    let bytes = 0
    request.on("data", (chunk: Buffer) => {
      bytes += chunk.length
      if (bytes > requestBytesMax) {
        request.pause()
        resume(Effect.succeed(null))
      } else chunks.push(chunk)
    })
    request.on("end", () => resume(Effect.succeed(Buffer.concat(chunks))))
    request.on("error", () => resume(Effect.succeed(Buffer.alloc(0))))
  })

const respond = (response: ServerResponse, { status, contentType, body }: HttpAnswer): void => {
  if (response.headersSent || response.destroyed) return
  response.writeHead(status, {
    "content-type": contentType ?? "text/plain; charset=utf-8",
    "content-length": Buffer.byteLength(body),
    ...(status === 413 ? { connection: "close" } : {})
  })
  response.end(body)
}

// What went wrong inside is for the log, not for whoever asks.
const logDefect = (cause: Cause.Cause<never>): Effect.Effect<void> =>
  Cause.hasInterruptsOnly(cause) ? Effect.void : Effect.logError("An HTTP route broke.", cause)

const failed = (cause: Cause.Cause<never>): HttpAnswer =>
  Cause.hasInterruptsOnly(cause) ? { status: 503, body: "Stopping.\n" } : { status: 500, body: "Internal error.\n" }

const toServerError = (cause: NodeJS.ErrnoException, host: string, port: number): HttpServerError => {
  const where = `${host}:${port}`
  if (cause.code === "EADDRINUSE")
    return new HttpServerError({
      code: "port_in_use",
      message: `Port ${port} is in use on ${host}.`,
      nextStep: "Set PORT to another port, or to 0 for a free one; or end the program that holds it.",
      cause
    })
  if (cause.code === "EACCES")
    return new HttpServerError({
      code: "forbidden",
      message: `This user may not listen on ${where}.`,
      nextStep: "Set PORT to 1024 or above.",
      cause
    })
  if (cause.code === "EADDRNOTAVAIL" || cause.code === "ENOTFOUND")
    return new HttpServerError({
      code: "address_unavailable",
      message: `${host} is not an address of this machine.`,
      nextStep: "Set HOST to 0.0.0.0 or 127.0.0.1.",
      cause
    })
  return new HttpServerError({
    code: "other",
    message: `The HTTP server cannot listen on ${where} (${cause.code ?? "unknown error"}).`,
    nextStep: "Set HOST and PORT to an address that is free.",
    cause
  })
}
