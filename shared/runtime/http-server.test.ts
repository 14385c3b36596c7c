/** What strangers may send to a port of ours, by plain sockets: answered by the first line and the headers where that is enough. */
import { once } from "node:events"
import { createServer, type Server } from "node:http"
import { connect, type Socket } from "node:net"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as HttpRouter from "effect/http/HttpRouter"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as Logger from "effect/Logger"
import * as Schedule from "effect/Schedule"
import { bodyBytesMax, checkWhileConnected, connectionsMax, serve, withBody } from "./http-server.ts"

const open = (port: number) =>
  Effect.acquireRelease(
    Effect.promise(async () => {
      const socket = connect(port, "127.0.0.1")
      socket.on("error", () => undefined)
      await once(socket, "connect")
      return socket
    }),
    (socket) => Effect.sync(() => socket.destroy())
  )

/** What comes back until the server closes the connection, or has sent the head of an answer. */
const answerTo = (socket: Socket, request: string) =>
  Effect.promise(async () => {
    socket.write(request)
    let text = ""
    for await (const chunk of socket) {
      text += String(chunk)
      if (text.includes("\r\n\r\n")) break
    }
    return text
  })

const post = (path: string, headers: string, body = "") =>
  `POST ${path} HTTP/1.1\r\nhost: a\r\n${headers}\r\n\r\n${body}`

const until = <R>(holds: () => Effect.Effect<boolean, never, R>) =>
  Effect.suspend(holds).pipe(
    Effect.repeat({ until: (held) => held, schedule: Schedule.spaced("20 millis") }),
    Effect.timeout("1 minute")
  )

/** A server with one route for bodies, what reached it, and what it logged. */
const server = Effect.gen(function* () {
  const reached: Array<number> = []
  const logged: Array<unknown> = []
  const logger = Logger.make<unknown, void>(({ message }) => void logged.push(message))
  const { port } = yield* serve({
    host: "127.0.0.1",
    port: 0,
    routes: [
      HttpRouter.route("GET", "/read", HttpServerResponse.text("here")),
      HttpRouter.route("POST", "/hook", (request) =>
        withBody(request, (body) =>
          Effect.sync(() => {
            reached.push(body.length)
            return HttpServerResponse.text(String(body.length))
          })
        )
      )
    ],
    admit: ({ headers, method }) => method !== "POST" || headers["x-signature"] === "yes"
  }).pipe(Effect.provide(Logger.layer([logger])))
  return { port, reached, logged }
})

describe("a request of a stranger", () => {
  it.live("that names no path of ours is 404, whatever stands there, and leaves no line in the log", () =>
    Effect.gen(function* () {
      const { logged, port } = yield* server
      const targets = [
        "//",
        "///",
        "//a:b",
        "/\\",
        "/%",
        "/%zz?%",
        "http://[::1",
        "http://x:99999/read",
        "*",
        "/read/",
        "/readx"
      ]
      for (const target of targets) {
        const text = yield* answerTo(yield* open(port), `GET ${target} HTTP/1.1\r\nhost: a\r\n\r\n`)
        assert.match(text, /^HTTP\/1\.1 40[04] /, target)
      }
      for (const [request, status] of [
        ["GET /read?x=%zz HTTP/1.1\r\nhost: a\r\n\r\n", 200],
        ["DELETE /read HTTP/1.1\r\nhost: a\r\n\r\n", 405],
        ["HEAD /read HTTP/1.1\r\nhost: a\r\n\r\n", 200],
        [post("/read", "content-length: 0"), 405]
      ] as const)
        assert.include(yield* answerTo(yield* open(port), request), `HTTP/1.1 ${status} `)
      assert.deepStrictEqual(logged, [])
    }).pipe(Effect.scoped)
  )

  it.live("is refused before its body is read where its headers say enough", () =>
    Effect.gen(function* () {
      const { port, reached } = yield* server
      // The bodies never come: an answer that waited for them would be none.
      const refused = [
        [post("/hook", "content-length: 3000000"), 403],
        [post("/hook", `x-signature: yes\r\ncontent-length: ${bodyBytesMax + 1}`), 413],
        [post("/hook", "x-signature: no\r\ntransfer-encoding: chunked"), 403],
        [post("/other", "x-signature: yes\r\ncontent-length: 9"), 404]
      ] as const
      for (const [request, status] of refused) {
        const text = yield* answerTo(yield* open(port), request)
        assert.include(text, `HTTP/1.1 ${status} `)
        assert.match(text, /connection: close/i)
      }
      assert.deepStrictEqual(reached, [])
      const text = yield* answerTo(yield* open(port), post("/hook", "x-signature: yes\r\ncontent-length: 4", "body"))
      assert.include(text, "HTTP/1.1 200 ")
      assert.deepStrictEqual(reached, [4])
    }).pipe(Effect.scoped)
  )

  it.live("whose body grows beyond the bound without a length is cut off", () =>
    Effect.gen(function* () {
      const { port, reached } = yield* server
      const chunk = "x".repeat(0x10000)
      const socket = yield* open(port)
      socket.write(post("/hook", "x-signature: yes\r\ntransfer-encoding: chunked"))
      for (let bytes = 0; bytes <= bodyBytesMax; bytes += chunk.length) socket.write(`10000\r\n${chunk}\r\n`)
      assert.include(yield* answerTo(socket, ""), "HTTP/1.1 413 ")
      assert.deepStrictEqual(reached, [])
    }).pipe(Effect.scoped)
  )

  it.live("finds no room beside many that hold theirs, and finds it again when they are gone", () =>
    Effect.gen(function* () {
      const { port, reached } = yield* server
      const body = "x".repeat(2 * 1_048_576)
      const refused: Array<string> = []
      const held: Array<Socket> = []
      for (let index = 0; index < 9; index++) {
        const socket = yield* open(port)
        socket.on("data", (chunk) => refused.push(String(chunk)))
        socket.write(post("/hook", "x-signature: yes\r\ncontent-length: 3000000", body))
        held.push(socket)
      }
      yield* until(() => Effect.succeed(refused.length > 0))
      assert.match(refused[0]!, /^HTTP\/1\.1 503 /)
      for (const socket of held) socket.destroy()
      const small = post("/hook", "x-signature: yes\r\ncontent-length: 4", "body")
      yield* until(() =>
        Effect.map(
          Effect.flatMap(open(port), (socket) => answerTo(socket, small)),
          (text) => text.includes(" 200 ")
        )
      )
      assert.deepStrictEqual(reached, [4])
    }).pipe(Effect.scoped)
  )

  it.live("is one of a bounded number of connections", () =>
    Effect.gen(function* () {
      const { port } = yield* server
      const idle: Array<Socket> = []
      for (let index = 0; index < connectionsMax; index++) idle.push(yield* open(port))
      const late = yield* open(port)
      assert.strictEqual(yield* answerTo(late, "GET /read HTTP/1.1\r\nhost: a\r\n\r\n"), "")
      idle[0]!.destroy()
      yield* until(() =>
        Effect.map(
          Effect.flatMap(open(port), (socket) => answerTo(socket, "GET /read HTTP/1.1\r\nhost: a\r\n\r\n")),
          (text) => text.includes(" 200 ")
        )
      )
    }).pipe(Effect.scoped)
  )
})

/** A server that looks for slow clients each five milliseconds; `looks` counts how often it did. */
const looking = (prepare: (node: Server) => void) =>
  Effect.acquireRelease(
    Effect.promise(async () => {
      const node = createServer({ connectionsCheckingInterval: 5, requestTimeout: 40, headersTimeout: 40 })
      prepare(node)
      await once(node.listen(0, "127.0.0.1"), "listening")
      let looks = 0
      const connections = Object.getOwnPropertySymbols(node).find(
        ({ description }) => description === "http.server.connections"
      )!
      const list = (node as unknown as Record<symbol, { expired: (...limits: Array<number>) => unknown }>)[connections]!
      const { expired } = list
      list.expired = (...limits) => {
        looks++
        return expired.apply(list, limits)
      }
      const address = node.address()
      return { node, port: typeof address === "object" ? (address?.port ?? 0) : 0, looks: () => looks }
    }),
    ({ node }) => Effect.sync(() => node.close().closeAllConnections())
  )

describe("a server without clients", () => {
  it.live("does not look for slow clients, though it ends them when they come", () =>
    Effect.gen(function* () {
      const clock = yield* looking(() => undefined)
      const { port, looks, node } = yield* looking(checkWhileConnected)
      const later = Effect.suspend(() => {
        const from = clock.looks()
        return until(() => Effect.sync(() => clock.looks() > from + 5))
      })
      yield* later
      assert.strictEqual(looks(), 0)
      const first = yield* open(port)
      const second = yield* open(port)
      for (const slow of [first, second]) assert.include(yield* answerTo(slow, "GET / HTTP/1.1\r\n"), "HTTP/1.1 408 ")
      yield* until(() =>
        Effect.promise(() => new Promise((resolve) => node.getConnections((_, count) => resolve(count === 0))))
      )
      const before = looks()
      assert.isAbove(before, 0)
      yield* later
      assert.strictEqual(looks(), before)
    }).pipe(Effect.scoped)
  )
})
