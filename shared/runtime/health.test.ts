import { once } from "node:events"
import { connect } from "node:net"
import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as HttpRouter from "effect/http/HttpRouter"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as Metric from "effect/Metric"
import * as Option from "effect/Option"
import * as Scope from "effect/Scope"
import { healthServer, Readiness } from "./health.ts"
import { serve } from "./http-server.ts"

const get = (port: number, path: string, init?: RequestInit) =>
  Effect.promise(async () => {
    const response = await fetch(`http://127.0.0.1:${port}${path}`, init)
    return { status: response.status, type: response.headers.get("content-type"), text: await response.text() }
  })

describe("the health server", () => {
  it.live("answers alive, ready with reasons, and metrics", () =>
    Effect.gen(function* () {
      const readiness = yield* Readiness
      const { port } = yield* healthServer({ host: "127.0.0.1", port: 0 })
      assert.strictEqual((yield* get(port, "/healthz")).status, 200)
      assert.strictEqual((yield* get(port, "/readyz")).status, 503)
      yield* readiness.set("kafka", true)
      yield* readiness.set("partitions:mapper", false, "Partition 2 is restoring its state.")
      const waiting = yield* get(port, "/readyz")
      assert.strictEqual(waiting.status, 503)
      assert.deepStrictEqual(JSON.parse(waiting.text), {
        ready: false,
        dependencies: {
          kafka: { healthy: true, reason: null },
          "partitions:mapper": { healthy: false, reason: "Partition 2 is restoring its state." }
        }
      })
      yield* readiness.set("partitions:mapper", true)
      assert.strictEqual((yield* get(port, "/readyz")).status, 200)
      yield* readiness.set("registry", false, "Away.")
      yield* readiness.remove("registry")
      assert.strictEqual((yield* get(port, "/readyz")).status, 200)

      const unhealthy = readiness.addSource(() => ({ console: { healthy: false, reason: "Away." } }))
      const whileAdded = Effect.andThen(unhealthy, get(port, "/readyz"))
      assert.strictEqual((yield* Effect.scoped(whileAdded)).status, 503)
      assert.strictEqual((yield* get(port, "/readyz")).status, 200, "a source is forgotten with its scope")

      const spare = { healthy: false, reason: "It takes nothing.", needed: false } as const
      const withSpare = Effect.andThen(
        readiness.addSource(() => ({ "receiver:ops": spare })),
        get(port, "/readyz")
      )
      const named = yield* Effect.scoped(withSpare)
      assert.deepStrictEqual([named.status, JSON.parse(named.text).dependencies["receiver:ops"]], [200, spare])

      yield* Metric.update(Metric.withAttributes(Metric.counter("capi_test_events_total"), { kind: "a" }), 3)
      const metrics = yield* get(port, "/metrics")
      assert.include(metrics.type, "text/plain; version=0.0.4")
      assert.include(metrics.text, 'capi_test_events_total{kind="a"} 3')
      assert.include(metrics.text, 'capi_dependency_healthy{dependency="kafka"} 1')
      assert.notInclude(metrics.text, 'dependency="registry"')
      assert.include(metrics.text, "capi_process_resident_memory_bytes")
      assert.strictEqual((yield* get(port, "/other")).status, 404)
      assert.strictEqual((yield* get(port, "/healthz", { method: "POST" })).status, 405)
    }).pipe(Effect.scoped, Effect.provide(Readiness.layer))
  )

  it.live("says which port is in use and what to do, and frees it when its scope closes", () =>
    Effect.gen(function* () {
      const port = yield* Effect.scoped(
        Effect.gen(function* () {
          const first = yield* serve({ host: "127.0.0.1", port: 0, routes: [] })
          const error = yield* Effect.flip(serve({ host: "127.0.0.1", port: first.port, routes: [] }))
          assert.strictEqual(error.code, "port_in_use")
          assert.include(error.message, String(first.port))
          assert.include(error.nextStep, "PORT")
          return first.port
        })
      )
      assert.strictEqual((yield* serve({ host: "127.0.0.1", port, routes: [] })).port, port)
    }).pipe(Effect.scoped)
  )

  it.live("answers 500 without details when a route fails, and goes on", () =>
    Effect.gen(function* () {
      const { port } = yield* serve({
        host: "127.0.0.1",
        port: 0,
        routes: [
          HttpRouter.route("GET", "/broken", Effect.die(new Error("inner matter"))),
          HttpRouter.route("POST", "/length", (request) =>
            Effect.map(request.arrayBuffer, (body) => HttpServerResponse.text(`${body.byteLength}`))
          )
        ]
      })
      const broken = yield* get(port, "/broken")
      assert.strictEqual(broken.status, 500)
      assert.notInclude(broken.text, "inner matter")
      assert.strictEqual((yield* get(port, "/length", { method: "POST", body: "12345" })).text, "5")
      assert.strictEqual((yield* get(port, "/length", { method: "POST", body: "x".repeat(5_000_000) })).status, 413)
    }).pipe(Effect.scoped)
  )

  it.live("closes at once although a client keeps its request open", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const arrived = yield* Deferred.make<void>()
      const echo = HttpRouter.route("POST", "/", (request) =>
        Effect.andThen(Deferred.succeed(arrived, undefined), Effect.map(request.text, HttpServerResponse.text))
      )
      const { port } = yield* Scope.provide(serve({ host: "127.0.0.1", port: 0, routes: [echo] }), scope)
      const client = connect(port, "127.0.0.1")
      client.on("error", () => undefined)
      yield* Effect.promise(() => once(client, "connect"))
      client.write("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 10\r\n\r\nhalf")
      yield* Deferred.await(arrived)
      // A server that waits for its requests does so for 20 seconds.
      const closed = yield* Effect.timeoutOption(Scope.close(scope, Exit.void), "10 seconds")
      assert.isTrue(Option.isSome(closed))
    })
  )
})
