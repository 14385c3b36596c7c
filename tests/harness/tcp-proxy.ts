/** A host that a test can make unreachable: connections are passed on, or refused as where nothing listens. */
import { connect, createServer, type Server, type Socket } from "node:net"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"

export interface TcpProxy {
  /** `host:port`. */
  readonly address: string
  /** Ends every connection and refuses new ones. */
  readonly refuse: Effect.Effect<void>
  readonly accept: Effect.Effect<void>
}

/** Passes connections on to `host:port` until the scope closes. */
export const startTcpProxy = (target: string): Effect.Effect<TcpProxy, never, Scope.Scope> =>
  Effect.gen(function* () {
    const [host = "", port = ""] = target.split(":")
    const sockets = new Set<Socket>()
    const pass = (incoming: Socket) => {
      const outgoing = connect(Number(port), host)
      for (const socket of [incoming, outgoing]) {
        sockets.add(socket)
        socket.on("error", () => undefined)
        socket.on("close", () => {
          sockets.delete(socket)
          incoming.destroy()
          outgoing.destroy()
        })
      }
      incoming.pipe(outgoing).pipe(incoming)
    }
    let server: Server | null = null
    const listenAt = (own: number) =>
      Effect.callback<number>((resume) => {
        const listening = createServer(pass)
        server = listening
        listening.listen(own, "127.0.0.1", () => {
          const address = listening.address()
          resume(Effect.succeed(address !== null && typeof address === "object" ? address.port : own))
        })
      })
    const refuse = Effect.callback<void>((resume) => {
      for (const socket of sockets) socket.destroy()
      if (server === null) return resume(Effect.void)
      server.close(() => resume(Effect.void))
      server = null
    })
    const own = yield* Effect.acquireRelease(listenAt(0), () => refuse)
    return { address: `127.0.0.1:${own}`, refuse, accept: Effect.asVoid(listenAt(own)) }
  })
