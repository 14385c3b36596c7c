/** Serves routes of Effect's HttpRouter until a scope closes: health endpoints, metrics and webhooks. */
import { createServer, type Server } from "node:http"
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import * as ByteSize from "effect/ByteSize"
import * as Cause from "effect/Cause"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import { MaxBodySize } from "effect/http/HttpIncomingMessage"
import * as HttpRouter from "effect/http/HttpRouter"
import type { HttpServerError } from "effect/http/HttpServerError"
import * as HttpServerRequest from "effect/http/HttpServerRequest"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"

/** May fail with a request that cannot be read: it is answered with 400, or with 413 where the body is too large. */
export type Route = HttpRouter.Route<HttpServerError, HttpServerRequest.HttpServerRequest>

export interface ServerOptions {
  readonly host: string
  /** 0 takes a free one. */
  readonly port: number
  /** The settings that host and port are from, for who has to change them; by default those of health and metrics. */
  readonly settings?: ListenSettings
  readonly routes: ReadonlyArray<Route>
  /** False for a request whose headers alone say that it is not meant: answered with 403, and none of its body is read. */
  readonly admit?: (request: HttpServerRequest.HttpServerRequest) => boolean
  /** As `admit`, with the answer; null for a request that is meant. Asked for every path. */
  readonly refuse?: (request: HttpServerRequest.HttpServerRequest) => HttpServerResponse.HttpServerResponse | null
  /** The answer to a path that no route has; null for 404. */
  readonly otherPath?: (request: HttpServerRequest.HttpServerRequest) => HttpServerResponse.HttpServerResponse | null
  /** Changes each response, such as by headers. */
  readonly finish?: (response: HttpServerResponse.HttpServerResponse) => HttpServerResponse.HttpServerResponse
}

export interface ListenSettings {
  readonly host: string
  readonly port: string
}

/** The server cannot listen on its address. */
export class ListenError extends Data.TaggedError("ListenError")<{
  readonly code: "port_in_use" | "address_unavailable" | "forbidden" | "other"
  readonly message: string
  readonly nextStep: string
  readonly cause: unknown
}> {}

/** More is answered with 413. WhatsApp's notifications have up to 3 MB. (Cloud API: webhooks.) */
export const bodyBytesMax = 3 * 1_048_576
/** Of all bodies that are read at the same time; what does not fit is answered with 503, and the platform posts it again. */
const bodiesBytesMax = 16 * 1_048_576
/** How long a client may take to send a request. */
const requestTimeoutMillis = 10_000
/** How often connections are checked for it. */
const checkConnectionsMillis = 2_000
/** More are closed as they come: each costs memory before it has said anything. */
export const connectionsMax = 128

/** Fails at once where the address cannot be bound. Requests run with the caller's logger and metrics. */
export const serve = ({
  host,
  port,
  settings = { host: "HOST", port: "PORT" },
  routes,
  admit,
  refuse = () => null,
  otherPath = () => null,
  finish = (response) => response
}: ServerOptions): Effect.Effect<{ readonly port: number }, ListenError, Scope.Scope> =>
  Effect.gen(function* () {
    const node = createServer({
      requestTimeout: requestTimeoutMillis,
      headersTimeout: requestTimeoutMillis,
      connectionsCheckingInterval: checkConnectionsMillis
    })
    node.maxConnections = connectionsMax
    checkWhileConnected(node)
    const server = yield* NodeHttpServer.make(() => node, { host, port }).pipe(
      Effect.mapError(({ cause }) => listenError(cause as NodeJS.ErrnoException, host, port, settings))
    )
    const router = yield* HttpRouter.toHttpEffect(HttpRouter.addAll(routes))
    const methods = methodsByPath(routes)
    const app = Effect.flatMap(HttpServerRequest.HttpServerRequest, (request) => {
      const refusal = refuse(request) ?? refusalOf(request, methods, admit)
      if (refusal?.status === 404) return Effect.succeed(finish(otherPath(request) ?? refusal))
      return refusal === null ? Effect.map(Effect.tapCause(router, logDefect), finish) : Effect.succeed(finish(refusal))
    })
    yield* server.serve(app).pipe(Effect.provideService(MaxBodySize, ByteSize.bytes(bodyBytesMax)))
    // Runs before the server waits for its connections: a client that keeps one open must not hold up the end of the program.
    yield* Effect.addFinalizer(() => Effect.sync(() => node.closeAllConnections()))
    return { port: "port" in server.address ? server.address.port : port }
  })

/**
 * Lets a server check its connections while it has some. Node checks from when it listens, which wakes up a process that has nothing to do
 * more often than anything else does; what begins the checks is its own listener, which takes the interval that is set then.
 */
export const checkWhileConnected = (node: Server & { connectionsCheckingInterval?: number }): void => {
  const every = node.connectionsCheckingInterval
  const begin = node.listeners("listening")
  let open = 0
  const check = (millis: number | undefined) => {
    if (!node.listening || millis === undefined) return
    node.connectionsCheckingInterval = millis
    for (const listener of begin) listener.call(node)
  }
  node.on("listening", () => check(neverMillis))
  node.on("connection", (socket) => {
    if (open++ === 0) check(every)
    socket.once("close", () => {
      if (--open === 0) check(neverMillis)
    })
  })
}

/** The longest time that a timer takes. */
const neverMillis = 2 ** 31 - 1

const methodsByPath = (routes: ReadonlyArray<Route>): ReadonlyMap<string, ReadonlySet<string>> => {
  const methods = new Map<string, Set<string>>()
  for (const { method, path } of routes) methods.set(path, (methods.get(path) ?? new Set()).add(method))
  return methods
}

/** What is answered by the first line and the headers alone; null for what a route answers. */
const refusalOf = (
  request: HttpServerRequest.HttpServerRequest,
  methods: ReadonlyMap<string, ReadonlySet<string>>,
  admit: ServerOptions["admit"]
): HttpServerResponse.HttpServerResponse | null => {
  const { headers, method, url } = request
  // Compared as it is: what is not one of these paths need not even be a URL.
  const known = methods.get(url.split("?", 1)[0]!)
  if (known === undefined) return refused(404)
  if (!known.has(method) && !(method === "HEAD" && known.has("GET"))) return refused(405)
  if (Number(headers["content-length"] ?? 0) > bodyBytesMax) return refused(413)
  return admit === undefined || admit(request) ? null : refused(403)
}

/** The connection is closed, so that a body which is not read costs nothing more. */
const refused = (status: number) => HttpServerResponse.empty({ status, headers: { connection: "close" } })

/** Reads the body, and answers by it. The bytes of all bodies in memory are bounded. */
export const withBody = <E, R>(
  request: HttpServerRequest.HttpServerRequest,
  answer: (body: Buffer) => Effect.Effect<HttpServerResponse.HttpServerResponse, E, R>
): Effect.Effect<HttpServerResponse.HttpServerResponse, E | HttpServerError, R> =>
  Effect.suspend(() => {
    const chunks: Array<Uint8Array> = []
    let bytes = 0
    const add = (chunk: Uint8Array): Effect.Effect<void, TooManyBytes> => {
      bytes += chunk.length
      bodiesBytes += chunk.length
      chunks.push(chunk)
      if (bytes > bodyBytesMax) return Effect.fail(new TooManyBytes({ status: 413 }))
      return bodiesBytes > bodiesBytesMax ? Effect.fail(new TooManyBytes({ status: 503 })) : Effect.void
    }
    const refusal = Stream.runForEach(request.stream, add).pipe(
      Effect.as(null),
      Effect.catchTag("TooManyBytes", ({ status }) => Effect.succeed(refused(status)))
    )
    const answered: Effect.Effect<HttpServerResponse.HttpServerResponse, E | HttpServerError, R> = Effect.flatMap(
      refusal,
      (response): Effect.Effect<HttpServerResponse.HttpServerResponse, E, R> =>
        response === null ? answer(Buffer.concat(chunks)) : Effect.succeed(response)
    )
    const release = Effect.sync(() => {
      bodiesBytes -= bytes
    })
    return Effect.ensuring(answered, release)
  })

class TooManyBytes extends Data.TaggedError("TooManyBytes")<{ readonly status: number }> {}

/** Of this process. */
let bodiesBytes = 0

// What went wrong inside is for the log, not for the client.
const logDefect = (cause: Cause.Cause<unknown>): Effect.Effect<void> =>
  Cause.hasDies(cause) ? Effect.logError("An HTTP route failed.", cause) : Effect.void

const listenError = (
  cause: NodeJS.ErrnoException,
  host: string,
  port: number,
  settings: ListenSettings
): ListenError => {
  const where = `${host}:${port}`
  if (cause.code === "EADDRINUSE")
    return new ListenError({
      code: "port_in_use",
      message: `Port ${port} is in use on ${host}.`,
      nextStep: `Set ${settings.port} to another port, or to 0 for a free one; or end the program that holds it.`,
      cause
    })
  if (cause.code === "EACCES")
    return new ListenError({
      code: "forbidden",
      message: `This user may not listen on ${where}.`,
      nextStep: `Set ${settings.port} to 1024 or above.`,
      cause
    })
  if (cause.code === "EADDRNOTAVAIL" || cause.code === "ENOTFOUND")
    return new ListenError({
      code: "address_unavailable",
      message: `${host} is not an address of this machine.`,
      nextStep: `Set ${settings.host} to 0.0.0.0 or 127.0.0.1.`,
      cause
    })
  return new ListenError({
    code: "other",
    message: `The HTTP server cannot listen on ${where} (${cause.code ?? "unknown error"}).`,
    nextStep: `Set ${settings.host} and ${settings.port} to an address that is free.`,
    cause
  })
}
