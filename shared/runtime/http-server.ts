/** Serves routes of Effect's HttpRouter until a scope closes: health endpoints, metrics and webhooks. */
import { createServer } from "node:http"
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import * as ByteSize from "effect/ByteSize"
import * as Cause from "effect/Cause"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import { MaxBodySize } from "effect/http/HttpIncomingMessage"
import * as HttpRouter from "effect/http/HttpRouter"
import type { HttpServerError } from "effect/http/HttpServerError"
import type * as HttpServerRequest from "effect/http/HttpServerRequest"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import type * as Scope from "effect/Scope"

/** May fail with a request that cannot be read: it is answered with 400, or with 413 where the body is too large. */
export type Route = HttpRouter.Route<HttpServerError, HttpServerRequest.HttpServerRequest>

export interface ServerOptions {
  readonly host: string
  /** 0 takes a free one. */
  readonly port: number
  readonly routes: ReadonlyArray<Route>
}

/** The server cannot listen on its address. */
export class ListenError extends Data.TaggedError("ListenError")<{
  readonly code: "port_in_use" | "address_unavailable" | "forbidden" | "other"
  readonly message: string
  readonly nextStep: string
  readonly cause: unknown
}> {}

/** More is answered with 413. */
const requestBytesMax = ByteSize.mebibytes(4)
/** How long a client may take to send a request. */
const requestTimeoutMillis = 10_000

/** Fails at once where the address cannot be bound. Requests run with the caller's logger and metrics. */
export const serve = ({
  host,
  port,
  routes
}: ServerOptions): Effect.Effect<{ readonly port: number }, ListenError, Scope.Scope> =>
  Effect.gen(function* () {
    const node = createServer({ requestTimeout: requestTimeoutMillis, headersTimeout: requestTimeoutMillis })
    const server = yield* NodeHttpServer.make(() => node, { host, port }).pipe(
      Effect.mapError(({ cause }) => listenError(cause as NodeJS.ErrnoException, host, port))
    )
    const paths = new Set<string>(routes.map(({ path }) => path))
    const app = Effect.tapCause(
      Effect.catchIf(
        yield* HttpRouter.toHttpEffect(HttpRouter.addAll(routes)),
        (error) => isOtherMethod(error, paths),
        () => methodNotAllowed
      ),
      logDefect
    )
    yield* server.serve(app).pipe(Effect.provideService(MaxBodySize, requestBytesMax))
    // Runs before the server waits for its connections: a client that keeps one open must not hold up the end of the program.
    yield* Effect.addFinalizer(() => Effect.sync(() => node.closeAllConnections()))
    return { port: "port" in server.address ? server.address.port : port }
  })

const isOtherMethod = ({ reason, request }: HttpServerError, paths: ReadonlySet<string>): boolean =>
  reason._tag === "RouteNotFound" && paths.has(new URL(request.url, "http://localhost").pathname)

const methodNotAllowed = Effect.succeed(HttpServerResponse.empty({ status: 405 }))

// What went wrong inside is for the log, not for the client.
const logDefect = (cause: Cause.Cause<unknown>): Effect.Effect<void> =>
  Cause.hasDies(cause) ? Effect.logError("An HTTP route failed.", cause) : Effect.void

const listenError = (cause: NodeJS.ErrnoException, host: string, port: number): ListenError => {
  const where = `${host}:${port}`
  if (cause.code === "EADDRINUSE")
    return new ListenError({
      code: "port_in_use",
      message: `Port ${port} is in use on ${host}.`,
      nextStep: "Set PORT to another port, or to 0 for a free one; or end the program that holds it.",
      cause
    })
  if (cause.code === "EACCES")
    return new ListenError({
      code: "forbidden",
      message: `This user may not listen on ${where}.`,
      nextStep: "Set PORT to 1024 or above.",
      cause
    })
  if (cause.code === "EADDRNOTAVAIL" || cause.code === "ENOTFOUND")
    return new ListenError({
      code: "address_unavailable",
      message: `${host} is not an address of this machine.`,
      nextStep: "Set HOST to 0.0.0.0 or 127.0.0.1.",
      cause
    })
  return new ListenError({
    code: "other",
    message: `The HTTP server cannot listen on ${where} (${cause.code ?? "unknown error"}).`,
    nextStep: "Set HOST and PORT to an address that is free.",
    cause
  })
}
