import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"
import { inspect } from "node:util"
import { gzipSync } from "node:zlib"
import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Logger from "effect/Logger"
import * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import type { HttpRequestSpec } from "../connector.ts"
import { type HttpTransportOptions, makeHttpTransport } from "./http-client.ts"

const secret = "EAAG-very-secret-token"

describe("the HTTP transport", () => {
  it.live("sends method, headers, body and secrets, and gives status, headers and body", () =>
    scenario(answer(200, "ok", { "x-app-usage": "{}" }), function* ({ url, transport, seen }) {
      const response = yield* transport.execute(request(`${url}/v3/1/events?a=b`))
      assert.strictEqual(response.status, 200)
      assert.strictEqual(response.body, "ok")
      assert.strictEqual(response.headers["x-app-usage"], "{}")
      assert.isAbove(response.receivedAt ?? 0, 0)
      assert.strictEqual(seen[0]?.url, `/v3/1/events?a=b&access_token=${secret}`)
      assert.strictEqual(seen[0]?.headers["authorization"], `Bearer ${secret}`)
      assert.strictEqual(seen[0]?.headers["content-type"], "application/json")
      assert.strictEqual(seen[0]?.body, '{"data":[é]}')
    })
  )

  it.live("sends no trace headers, not even inside a span", () =>
    scenario(answer(200, "ok"), function* ({ url, transport, seen }) {
      yield* transport.execute(request(url)).pipe(Effect.withSpan("delivery"))
      const names = Object.keys(seen[0]?.headers ?? {})
      assert.deepStrictEqual(
        names.filter((name) => /trace|^b3$|baggage/.test(name)),
        []
      )
    })
  )

  it.live("gives error statuses and redirects as answers and never follows", () =>
    scenario(answer(302, "", { location: "http://127.0.0.1:1/elsewhere" }), function* ({ url, transport, seen }) {
      const response = yield* transport.execute(request(url))
      assert.strictEqual(response.status, 302)
      assert.strictEqual(seen.length, 1)
    })
  )

  it.live("reads gzip", () =>
    scenario(
      answer(200, gzipSync('{"events_received":1}'), { "content-encoding": "gzip" }),
      function* ({ url, transport }) {
        assert.strictEqual((yield* transport.execute(request(url))).body, '{"events_received":1}')
      }
    )
  )

  it.live("refuses a compression bomb", () =>
    scenario(
      answer(200, gzipSync(Buffer.alloc(1_000_000)), { "content-encoding": "gzip" }),
      failsWith("body_too_large", true),
      {
        responseBytesMax: 10_000
      }
    )
  )

  it.live("reports broken compression", () =>
    scenario(answer(200, "not gzip", { "content-encoding": "gzip" }), failsWith("invalid_encoding", true))
  )

  it.live("cuts a body beyond the bound, with and without a declared length", () =>
    scenario(
      (_, response) => {
        if (_.url?.startsWith("/declared")) response.setHeader("content-length", 50_000)
        response.end("x".repeat(50_000))
      },
      function* ({ url, transport }) {
        assert.strictEqual((yield* transport.execute(request(`${url}/declared`))).body.length, 10_000)
        assert.strictEqual((yield* transport.execute(request(`${url}/chunked`))).body.length, 10_000)
      },
      { responseBytesMax: 10_000 }
    )
  )

  it.live("ends a request without an answer after the timeout", () =>
    // A busy machine takes a while until the request is written.
    scenario(() => {}, failsWith("timeout", true), { timeoutMillis: 2_000 })
  )

  it.live("ends a request with a dripping body after the timeout and frees its connection", () =>
    scenario(
      (incoming, response) => {
        if (incoming.url?.startsWith("/slow-declared")) response.setHeader("content-length", 10)
        if (incoming.url?.startsWith("/slow")) response.write("{")
        else response.end("ok")
      },
      function* ({ url, transport }) {
        for (const path of ["/slow-chunked", "/slow-declared"]) {
          const failure = yield* Effect.flip(transport.execute(request(`${url}${path}`)))
          assert.strictEqual(failure.code, "timeout")
        }
        // With one connection each would wait in vain if the first still held it; one may be too slow.
        const answer = Effect.map(transport.execute(request(`${url}/fast`)), ({ body }) => body === "ok")
        yield* until(Effect.orElseSucceed(answer, () => false))
      },
      { timeoutMillis: 300, connections: 1 }
    )
  )

  it.live("reports a reset, whose request may have arrived", () =>
    scenario((incoming) => void incoming.socket.destroy(), failsWith("reset", true))
  )

  it.live("reports a refused connection, whose request can't have arrived", () =>
    scenario(answer(200, ""), function* ({ transport }) {
      const failure = yield* Effect.flip(transport.execute(request("http://127.0.0.1:1/events")))
      assert.strictEqual(failure.code, "refused")
      assert.isFalse(failure.mayHaveArrived)
      assert.strictEqual(failure.host, "127.0.0.1:1")
    })
  )

  it.live("reports an unusable address and an unusable header", () =>
    scenario(answer(200, ""), function* ({ url, transport }) {
      assert.strictEqual((yield* Effect.flip(transport.execute(request("nonsense")))).code, "invalid_request")
      const broken = { ...request(url), secretHeaders: { authorization: Redacted.make(`${secret}\nx: y`) } }
      const failure = yield* Effect.flip(transport.execute(broken))
      assert.strictEqual(failure.code, "invalid_request")
      assert.notInclude(everythingOf(failure), secret)
    })
  )

  it.live("opens at most its connections, counts waiting requests, and shrinks when idle", () =>
    scenario(
      (_, response) => void setTimeout(() => response.end("ok"), 20),
      function* ({ url, transport }) {
        yield* Effect.forEach(Array.from({ length: 30 }), () => transport.execute(request(url)), {
          concurrency: "unbounded"
        })
        const busy = yield* transport.statistics
        assert.strictEqual(busy.peakOpen, 3)
        assert.strictEqual(busy.requests, 30)
        assert.strictEqual(busy.active, 0)
        assert.isAtLeast(busy.meanMillis, 20)
        yield* until(Effect.map(transport.statistics, ({ open }) => open === 0))
      },
      { connections: 3, idleMillis: 100 }
    )
  )

  it.live("holds no secret in failures, causes, logs or the request itself", () => {
    const lines: Array<string> = []
    const logger = Logger.make(
      (options) => void lines.push(inspect(options.message, { depth: 10 }), String(options.cause))
    )
    return scenario(
      (incoming) => void incoming.socket.destroy(),
      function* ({ url, transport }) {
        const spec = request(url)
        const exit = yield* Effect.exit(
          transport.execute(spec).pipe(Effect.tapCause((cause) => Effect.logError("Failed.", cause)))
        )
        assert.isTrue(Exit.isFailure(exit))
        const text = `${everythingOf(exit)} ${Exit.isFailure(exit) ? Cause.pretty(exit.cause) : ""} ${everythingOf(spec)} ${lines.join(" ")}`
        assert.include(text, "HttpFailure")
        assert.notInclude(text, secret)
      }
    ).pipe(Effect.provide(Logger.layer([logger])))
  })
})

const request = (url: string): HttpRequestSpec => ({
  method: "POST",
  url,
  headers: { "content-type": "application/json" },
  secretHeaders: { authorization: Redacted.make(`Bearer ${secret}`) },
  secretParams: { access_token: Redacted.make(secret) },
  body: '{"data":[é]}'
})

interface Seen {
  readonly url: string
  readonly headers: IncomingMessage["headers"]
  readonly body: string
}

interface Harness {
  readonly url: string
  readonly transport: Effect.Success<ReturnType<typeof makeHttpTransport>>
  readonly seen: ReadonlyArray<Seen>
}

const scenario = (
  listener: RequestListener,
  play: (harness: Harness) => Generator<Effect.Effect<unknown, unknown, Scope.Scope>, void, never>,
  options: Partial<HttpTransportOptions> = {}
) =>
  Effect.scoped(
    Effect.gen(function* () {
      const seen: Array<Seen> = []
      const url = yield* listen((incoming, response) => {
        const chunks: Array<Buffer> = []
        incoming.on("data", (chunk: Buffer) => chunks.push(chunk))
        incoming.on("end", () => {
          seen.push({ url: incoming.url ?? "", headers: incoming.headers, body: Buffer.concat(chunks).toString() })
          listener(incoming, response)
        })
      })
      const transport = yield* makeHttpTransport({ timeoutMillis: 5000, ...options })
      yield* Effect.gen(() => play({ url, transport, seen }))
    })
  )

const failsWith = (code: string, mayHaveArrived: boolean) =>
  function* ({ url, transport }: Harness) {
    const failure = yield* Effect.flip(transport.execute(request(url)))
    assert.strictEqual(failure.code, code)
    assert.strictEqual(failure.mayHaveArrived, mayHaveArrived)
    assert.deepStrictEqual((yield* transport.statistics).failures, { [code]: 1 })
  }

const answer =
  (status: number, body: string | Buffer, headers: Record<string, string> = {}): RequestListener =>
  (_: IncomingMessage, response: ServerResponse) =>
    void response.writeHead(status, headers).end(body)

const listen = (listener: RequestListener) =>
  Effect.acquireRelease(
    Effect.callback<ReturnType<typeof createServer>>((resume) => {
      const server = createServer(listener)
      server.listen(0, "127.0.0.1", () => resume(Effect.succeed(server)))
    }),
    (server) =>
      Effect.callback<void>((resume) => {
        server.closeAllConnections()
        server.close(() => resume(Effect.void))
      })
  ).pipe(Effect.map((server) => `http://127.0.0.1:${(server.address() as AddressInfo).port}`))

const until = (condition: Effect.Effect<boolean>): Effect.Effect<void, Cause.TimeoutError> =>
  Effect.gen(function* () {
    while (!(yield* condition)) yield* Effect.sleep(10)
  }).pipe(Effect.timeout("1 minute"))

const everythingOf = (value: unknown): string =>
  `${String(value)} ${JSON.stringify(value)} ${inspect(value, { depth: 20, showHidden: true })}`
