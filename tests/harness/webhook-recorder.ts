/** An HTTP server that records what it receives, and takes it, answers a status, or hangs, as the test says. */
import { createServer, type IncomingHttpHeaders, type Server } from "node:http"
import type { AddressInfo } from "node:net"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"

export interface RecordedRequest {
  readonly path: string
  readonly headers: IncomingHttpHeaders
  readonly text: string
  /** Whether it was answered with success. */
  readonly taken: boolean
  /** Milliseconds since the epoch. */
  readonly at: number
}

/** `hang` answers nothing. */
export type Answer = "hang" | { readonly status: number; readonly headers?: Readonly<Record<string, string>> }

export interface WebhookRecorder {
  readonly url: string
  /** Every request, in order. */
  readonly requests: ReadonlyArray<RecordedRequest>
  /** How it answers from now on. */
  readonly answer: (answer: Answer) => void
}

/** On a free port, or on the given one. */
export const webhookRecorder = (
  first: Answer = { status: 200 },
  port = 0
): Effect.Effect<WebhookRecorder, never, Scope.Scope> =>
  Effect.gen(function* () {
    let answer = first
    const requests: Array<RecordedRequest> = []
    const server = createServer((request, response) => {
      const chunks: Array<Buffer> = []
      request.on("data", (chunk: Buffer) => void chunks.push(chunk))
      request.on("end", () => {
        const taken = answer !== "hang" && answer.status < 300
        const text = Buffer.concat(chunks).toString("utf8")
        requests.push({ path: request.url ?? "", headers: request.headers, text, taken, at: Date.now() })
        if (answer !== "hang") response.writeHead(answer.status, answer.headers ?? {}).end("ok")
      })
    })
    yield* Effect.acquireRelease(listen(server, port), () => close(server))
    return {
      url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
      requests,
      answer: (next) => {
        answer = next
      }
    }
  })

const listen = (server: Server, port: number) =>
  Effect.promise(() => new Promise<void>((resume) => server.listen(port, "127.0.0.1", resume)))

const close = (server: Server) =>
  Effect.promise(() => {
    server.closeAllConnections()
    return new Promise<void>((resume) => server.close(() => resume()))
  })
