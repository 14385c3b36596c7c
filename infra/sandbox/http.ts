/** The sockets: node:http servers within an Effect scope, and what a fault does to a connection. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { Outcome } from "./exchange.ts"
import type { Answer, SandboxRequest } from "./platform.ts"

export class SandboxError extends Data.TaggedError("SandboxError")<{
  readonly code: "port_in_use" | "listen_failed"
  readonly message: string
  readonly nextStep: string
  readonly cause: unknown
}> {}

export interface ListenOptions {
  readonly host: string
  readonly port: number
  readonly bodyBytesMax: number
  readonly now: () => number
}

/** Listens until the scope closes; closing cuts what is open. Answers with the base URL. */
export const listen = (
  options: ListenOptions,
  handle: (request: SandboxRequest) => Outcome
): Effect.Effect<string, SandboxError, Scope.Scope> =>
  Effect.acquireRelease(open(options, handle), (server) =>
    Effect.callback<void>((resume) => {
      server.close(() => resume(Effect.void))
      server.closeAllConnections()
    })
  ).pipe(Effect.map((server) => `http://${options.host}:${portOf(server)}`))

const open = (options: ListenOptions, handle: (request: SandboxRequest) => Outcome) =>
  Effect.callback<Server, SandboxError>((resume) => {
    const server = createServer({ keepAliveTimeout: 65_000 }, (incoming, response) =>
      read(incoming, response, options, handle)
    )
    server.once("error", (cause: NodeJS.ErrnoException) => resume(Effect.fail(listenError(options, cause))))
    server.listen(options.port, options.host, () => resume(Effect.succeed(server)))
  })

const listenError = (options: ListenOptions, cause: NodeJS.ErrnoException) =>
  new SandboxError({
    code: cause.code === "EADDRINUSE" ? "port_in_use" : "listen_failed",
    message: `The sandbox cannot listen on ${options.host}:${options.port}: ${cause.code ?? cause.message}.`,
    nextStep: "Stop what uses the port, or give another one (0 takes a free one).",
    cause
  })

const portOf = (server: Server): number => {
  const address = server.address()
  return typeof address === "object" && address !== null ? address.port : 0
}

const read = (
  incoming: IncomingMessage,
  response: ServerResponse,
  options: ListenOptions,
  handle: (request: SandboxRequest) => Outcome
) => {
  const chunks: Array<Buffer> = []
  let bytes = 0
  incoming.on("data", (chunk: Buffer) => {
    bytes += chunk.length
    if (bytes <= options.bodyBytesMax) chunks.push(chunk)
  })
  incoming.on("error", () => response.destroy())
  incoming.on("end", () => {
    if (bytes > options.bodyBytesMax) return send(response, { status: 413, headers: {}, body: "" })
    const url = new URL(incoming.url ?? "/", "http://sandbox")
    const body = chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks)
    const { pathname: path, searchParams: query } = url
    const method = incoming.method ?? "GET"
    const outcome = handle({ method, path, query, headers: incoming.headers, body, now: options.now() })
    if (outcome.delayMillis <= 0) perform(incoming, response, outcome)
    else setTimeout(() => perform(incoming, response, outcome), outcome.delayMillis)
  })
}

const perform = (incoming: IncomingMessage, response: ServerResponse, { act }: Outcome) => {
  switch (act._tag) {
    case "Send":
      return send(response, act.answer)
    case "Cut":
      incoming.socket.resetAndDestroy()
      return
    case "Hang":
      return
    case "SendHalf": {
      const half = Buffer.from(act.answer.body).subarray(0, Math.floor(act.answer.body.length / 2))
      writeHead(response, act.answer)
      response.write(half, () => incoming.socket.destroy())
      return
    }
    case "SendSlowly":
      return trickle(response, act.answer, act.overMillis)
  }
}

const writeHead = (response: ServerResponse, answer: Answer) => {
  if (response.destroyed || response.headersSent) return
  response.writeHead(answer.status, { ...answer.headers, "content-length": Buffer.byteLength(answer.body) })
}

const send = (response: ServerResponse, answer: Answer) => {
  writeHead(response, answer)
  response.end(answer.body)
}

/** Ten pieces, evenly over the time. */
const trickle = (response: ServerResponse, answer: Answer, overMillis: number) => {
  const pieces = 10
  const body = Buffer.from(answer.body)
  writeHead(response, answer)
  const step = (piece: number) => {
    if (response.destroyed) return
    const from = Math.floor((body.length * piece) / pieces)
    response.write(body.subarray(from, Math.floor((body.length * (piece + 1)) / pieces)))
    if (piece + 1 < pieces) setTimeout(() => step(piece + 1), overMillis / pieces)
    else response.end()
  }
  step(0)
}
