import { createServer, type RequestListener } from "node:http"
import type { AddressInfo, Socket } from "node:net"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { httpTransportDefaults, sharingTransport } from "./http-client.ts"
import { makeSockets } from "./http-pool.ts"

describe("transports that share connections", () => {
  it.live("leave the others alone where one hangs, and keep each to its own limit", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const { url, sockets: opened } = yield* listen((incoming, response) => {
          if (incoming.url !== "/hang") response.end("well")
        })
        const sockets = yield* makeSockets(httpTransportDefaults)
        const hung = sharingTransport(sockets, { connections: 2 })
        const well = sharingTransport(sockets, { connections: 2 })
        const hanging = yield* Effect.forkChild(
          Effect.forEach([1, 2, 3, 4], () => hung.execute(request(`${url}/hang`)), { concurrency: 4 }),
          { startImmediately: true }
        )
        for (let number = 0; number < 5; number++)
          assert.strictEqual((yield* well.execute(request(`${url}/`))).body, "well")
        const { open, active, waiting, connectionsMax } = yield* hung.statistics
        assert.deepStrictEqual([open, active, waiting, connectionsMax], [2, 4, 2, 2])
        // Two hang. The others' requests share those that are left, of which one is busy until its response is complete.
        assert.isAtMost(opened.size, 4)
        yield* Fiber.interrupt(hanging)
        const after = yield* hung.statistics
        assert.deepStrictEqual([after.open, after.active, after.waiting], [0, 0, 0])
        assert.strictEqual((yield* hung.execute(request(`${url}/`))).body, "well")
      })
    )
  )

  it.live("are free again when requests took too long", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const { url } = yield* listen(() => undefined)
        const one = sharingTransport(yield* makeSockets(httpTransportDefaults), { connections: 1, timeoutMillis: 100 })
        const failures = yield* Effect.forEach([1, 2], () => Effect.flip(one.execute(request(url))), { concurrency: 2 })
        assert.deepStrictEqual(
          failures.map(({ code }) => code),
          ["timeout", "timeout"]
        )
        const { open, active, waiting } = yield* one.statistics
        assert.deepStrictEqual([open, active, waiting], [0, 0, 0])
      })
    )
  )

  it.live("begin a request that waits when one before it has ended or was interrupted", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const { url } = yield* listen((incoming, response) => {
          if (incoming.url !== "/hang") response.end("well")
        })
        const one = sharingTransport(yield* makeSockets(httpTransportDefaults), {
          connections: 1,
          timeoutMillis: 5_000
        })
        const hanging = yield* Effect.forkChild(one.execute(request(`${url}/hang`)), { startImmediately: true })
        const gone = yield* Effect.forkChild(one.execute(request(`${url}/`)), { startImmediately: true })
        const next = yield* Effect.forkChild(one.execute(request(`${url}/`)), { startImmediately: true })
        assert.strictEqual((yield* one.statistics).waiting, 2)
        yield* Fiber.interrupt(gone)
        assert.strictEqual((yield* one.statistics).waiting, 1)
        yield* Fiber.interrupt(hanging)
        assert.strictEqual((yield* Fiber.join(next)).body, "well")
        assert.strictEqual((yield* one.statistics).open, 0)
      })
    )
  )
})

const request = (url: string) => ({
  method: "POST" as const,
  url,
  headers: {},
  body: "{}",
  secretHeaders: {},
  secretParams: {}
})

/** A server, and the connections that were opened to it. */
const listen = (listener: RequestListener) =>
  Effect.acquireRelease(
    Effect.callback<{ readonly server: ReturnType<typeof createServer>; readonly sockets: Set<Socket> }>((resume) => {
      const sockets = new Set<Socket>()
      const server = createServer(listener)
      server.on("connection", (socket) => void sockets.add(socket))
      server.listen(0, "127.0.0.1", () => resume(Effect.succeed({ server, sockets })))
    }),
    ({ server }) =>
      Effect.callback<void>((resume) => {
        server.closeAllConnections()
        server.close(() => resume(Effect.void))
      })
  ).pipe(
    Effect.map(({ server, sockets }) => ({
      url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
      sockets
    }))
  )
