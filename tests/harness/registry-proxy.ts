/** A registry that a test can take down: it passes requests on, or answers each with one status. */
import { createServer } from "node:http"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { listenLocally } from "./local-server.ts"

export interface RegistryProxy {
  readonly url: string
  /** From now on every request gets this status, or those alone whose path matches; null passes them on again. */
  readonly answer: (status: number | null, path?: RegExp) => void
  /** How many requests got such a status. */
  readonly refused: () => number
}

/** Listens on a free port until the scope closes. */
export const startRegistryProxy = (target: string): Effect.Effect<RegistryProxy, never, Scope.Scope> =>
  Effect.gen(function* () {
    let status: number | null = null
    let concerned = /^/
    let refused = 0
    const server = createServer(async (request, response) => {
      const parts: Array<Buffer> = []
      for await (const part of request) parts.push(part as Buffer)
      if (status !== null && concerned.test(request.url ?? "")) {
        refused++
        response.writeHead(status).end("{}")
        return
      }
      const hasBody = request.method !== "GET"
      const answer = await fetch(`${target}${request.url}`, {
        method: request.method ?? "GET",
        headers: { "content-type": request.headers["content-type"] ?? "application/json" },
        ...(hasBody ? { body: Buffer.concat(parts) } : {})
      })
      response.writeHead(answer.status, { "content-type": "application/json" }).end(await answer.text())
    })
    const port = yield* listenLocally(server)
    return {
      url: `http://127.0.0.1:${port}`,
      answer: (next, path = /^/) => {
        status = next
        concerned = path
      },
      refused: () => refused
    }
  })
