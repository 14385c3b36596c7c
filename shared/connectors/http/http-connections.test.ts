/** Which connections requests take: by a server that counts those that were opened to it. */
import { createServer, type RequestListener, type ServerResponse } from "node:http"
import type { AddressInfo, Socket } from "node:net"
import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { type HttpTransportOptions, makeHttpTransport } from "./http-client.ts"

describe("a request takes", () => {
  it.live("a connection that others have left, and opens one only where all are busy", () =>
    Effect.gen(function* () {
      const held: Array<ServerResponse> = []
      const { execute, opened } = yield* transportTo((incoming, response) => {
        if (incoming.url !== "/together") return response.end("alone")
        held.push(response)
        if (held.length === 20) for (const one of held.splice(0)) one.end("together")
        return undefined
      })
      for (let round = 0; round < 3; round++) {
        const bodies = yield* Effect.forEach(Array.from({ length: 20 }), () => execute("/together"), {
          concurrency: "unbounded"
        })
        assert.deepStrictEqual(new Set(bodies), new Set(["together"]))
        for (let number = 0; number < 5; number++) assert.strictEqual(yield* execute("/"), "alone")
      }
      assert.strictEqual(opened.size, 20)
    }).pipe(Effect.scoped)
  )

  it.live("none that lived longer than it may", () =>
    Effect.gen(function* () {
      const { execute, opened } = yield* transportTo((_, response) => response.end("well"), { connectionLifeMillis: 0 })
      for (let number = 0; number < 3; number++) yield* execute("/")
      assert.strictEqual(opened.size, 3)
    }).pipe(Effect.scoped)
  )

  it.live("none whose request was ended", () =>
    Effect.gen(function* () {
      const arrived = yield* Deferred.make<void>()
      const { execute, opened } = yield* transportTo((incoming, response) => {
        if (incoming.url === "/hang") Deferred.doneUnsafe(arrived, Effect.void)
        else response.end("well")
      })
      const hanging = yield* Effect.forkChild(execute("/hang"))
      yield* Deferred.await(arrived)
      yield* Fiber.interrupt(hanging)
      for (let number = 0; number < 3; number++) assert.strictEqual(yield* execute("/"), "well")
      assert.strictEqual(opened.size, 2)
    }).pipe(Effect.scoped)
  )

  it.live("none whose server answered before it had all of the request", () =>
    Effect.gen(function* () {
      const { execute, opened } = yield* transportTo((incoming, response) => {
        if (incoming.url !== "/large") return response.end("well")
        incoming.pause()
        return response.end("too large")
      })
      assert.strictEqual(yield* execute("/large", "x".repeat(32_000_000)), "too large")
      assert.strictEqual(yield* execute("/"), "well")
      assert.strictEqual(opened.size, 2)
    }).pipe(Effect.scoped)
  )

  it.live("none that the server closes, at once after its response or while it is free", () =>
    Effect.gen(function* () {
      const { execute, opened } = yield* transportTo((incoming, response) => {
        if (incoming.url === "/last") response.setHeader("connection", "close")
        if (incoming.url === "/then") response.on("finish", () => setImmediate(() => incoming.socket.end()))
        response.end("well")
      })
      for (const path of ["/last", "/", "/then"]) assert.strictEqual(yield* execute(path), "well")
      yield* closed(opened)
      assert.strictEqual(yield* execute("/"), "well")
      assert.strictEqual(opened.size, 3)
    }).pipe(Effect.scoped)
  )
})

/** All connections that the server has seen are closed, at both ends. */
const closed = (sockets: ReadonlySet<Socket>) =>
  Effect.callback<void>((resume) => {
    const open = [...sockets].filter((socket) => !socket.closed)
    let left = open.length
    const check = () => {
      if (left === 0) resume(Effect.void)
    }
    for (const socket of open)
      socket.once("close", () => {
        left--
        check()
      })
    check()
  })

const transportTo = (listener: RequestListener, options: Partial<HttpTransportOptions> = {}) =>
  Effect.gen(function* () {
    const opened = new Set<Socket>()
    const server = createServer(listener)
    server.on("connection", (socket) => void opened.add(socket))
    yield* Effect.acquireRelease(
      Effect.callback<void>((resume) => {
        server.listen(0, "127.0.0.1", () => resume(Effect.void))
      }),
      () =>
        Effect.callback<void>((resume) => {
          server.closeAllConnections()
          server.close(() => resume(Effect.void))
        })
    )
    const transport = yield* makeHttpTransport({ connections: 20, timeoutMillis: 5_000, ...options })
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    const execute = (path: string, body = "{}") =>
      Effect.map(
        transport.execute({
          method: "POST",
          url: `${url}${path}`,
          headers: {},
          body,
          secretHeaders: {},
          secretParams: {}
        }),
        ({ body }) => body
      )
    return { execute, opened }
  })
