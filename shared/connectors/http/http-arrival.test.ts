/** Which failed requests can't have arrived: only those may be repeated where a repeat is a second message. */
import { createServer as createHttpServer } from "node:http"
import { type AddressInfo, createServer, type Server, type Socket } from "node:net"
import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import type { HttpRequestSpec } from "../connector.ts"
import { makeHttpTransport } from "./http-client.ts"

describe("a failed request", () => {
  it.live("can't have arrived where the connection is cut before it is secured", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const address = yield* listen(createServer((socket) => cutAtFirstByte(socket)))
        const transport = yield* makeHttpTransport({ timeoutMillis: 5000 })
        const failure = yield* Effect.flip(transport.execute(request(`https://${address}`)))
        assert.deepStrictEqual([failure.code, failure.mayHaveArrived], ["reset", false])
      })
    )
  )

  it.live("may have arrived where the connection is cut after it was written", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const address = yield* listen(createServer((socket) => cutAtFirstByte(socket)))
        const transport = yield* makeHttpTransport({ timeoutMillis: 5000 })
        const failure = yield* Effect.flip(transport.execute(request(`http://${address}`)))
        assert.deepStrictEqual([failure.code, failure.mayHaveArrived], ["reset", true])
      })
    )
  )

  it.live("may have arrived where the answer is no HTTP, from its beginning or amid its body", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const chunked = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
        for (const answer of ["SSH-2.0\r\n", `${chunked}5\r\nhello and more\r\n`, `${chunked}x\r\n`]) {
          const address = yield* listen(createServer((socket) => socket.once("data", () => socket.write(answer))))
          const transport = yield* makeHttpTransport({ timeoutMillis: 5000 })
          const failure = yield* Effect.flip(transport.execute(request(`http://${address}`)))
          assert.deepStrictEqual([failure.code, failure.mayHaveArrived], ["invalid_response", true], answer)
        }
      })
    )
  )

  it.live("can't have arrived where it only waited for a connection until its time was over", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const arrived = yield* Deferred.make<void>()
        let requests = 0
        const address = yield* listen(
          createHttpServer(() => {
            requests++
            Deferred.doneUnsafe(arrived, Effect.void)
          })
        )
        const timeoutMillis = 2_000
        const transport = yield* makeHttpTransport({ timeoutMillis, connections: 1 })
        const failing = yield* Effect.forkChild(
          Effect.all(
            [1, 2].map(() => Effect.flip(transport.execute(request(`http://${address}`)))),
            { concurrency: "unbounded" }
          )
        )
        yield* Deferred.await(arrived)
        // Nothing runs until the time of both is over: the second would begin between the end of the first and its own.
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, timeoutMillis)
        const failures = yield* Fiber.join(failing)
        assert.deepStrictEqual(
          failures.map(({ code, mayHaveArrived }) => [code, mayHaveArrived]),
          [
            ["timeout", true],
            ["timeout", false]
          ]
        )
        assert.strictEqual(requests, 1)
      })
    )
  )

  it.live("may have arrived where the pool ends while it is under way", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const arrived = yield* Deferred.make<void>()
        const address = yield* listen(createHttpServer(() => Deferred.doneUnsafe(arrived, Effect.void)))
        const pool = yield* Scope.make()
        const transport = yield* Scope.provide(makeHttpTransport({ timeoutMillis: 5000 }), pool)
        const waiting = yield* Effect.forkChild(Effect.flip(transport.execute(request(`http://${address}`))))
        yield* Deferred.await(arrived)
        yield* Scope.close(pool, Exit.void)
        assert.isTrue((yield* Fiber.join(waiting)).mayHaveArrived)
      })
    )
  )
})

const request = (url: string): HttpRequestSpec => ({
  method: "POST",
  url,
  headers: {},
  secretHeaders: {},
  secretParams: {},
  body: "{}"
})

const cutAtFirstByte = (socket: Socket): void => {
  socket.on("error", () => undefined)
  socket.once("data", () => socket.resetAndDestroy())
}

/** Listens until the scope closes; `host:port`. */
const listen = (server: Server) => {
  const sockets = new Set<Socket>()
  server.on("connection", (socket: Socket) => void sockets.add(socket))
  return Effect.acquireRelease(
    Effect.callback<string>((resume) => {
      server.listen(0, "127.0.0.1", () => {
        resume(Effect.succeed(`127.0.0.1:${(server.address() as AddressInfo).port}`))
      })
    }),
    () =>
      Effect.callback<void>((resume) => {
        for (const socket of sockets) socket.destroy()
        server.close(() => resume(Effect.void))
      })
  )
}
