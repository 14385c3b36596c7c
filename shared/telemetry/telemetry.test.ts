import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Metric from "effect/Metric"
import * as Redacted from "effect/Redacted"
import { healthServer, Readiness } from "../runtime/health.ts"
import { serve } from "./http-server.ts"
import { loggerLayer } from "./logger.ts"
import { CurrentKnownSecrets, KnownSecrets } from "./redaction.ts"

class Refused extends Data.TaggedError("Refused")<{ readonly message: string }> {}

const captured = (format: "json" | "pretty" | "auto", isTTY = false) => {
  const lines: Array<string> = []
  const output = { write: (line: string) => lines.push(line), isTTY }
  return { lines, layer: loggerLayer({ program: "test", level: "Info", format, output }) }
}

describe("the logger", () => {
  it.effect("writes one JSON line per entry, with annotations beside the text", () =>
    Effect.gen(function* () {
      const { lines, layer } = captured("auto")
      yield* Effect.log("Joined the group.").pipe(
        Effect.annotateLogs({ group: "normalizer", members: 2 }),
        Effect.andThen(Effect.logDebug("Too fine.")),
        Effect.provide(layer)
      )
      assert.strictEqual(lines.length, 1)
      const entry = JSON.parse(lines[0]!)
      assert.strictEqual(entry.message, "Joined the group.")
      assert.strictEqual(entry.level, "INFO")
      assert.strictEqual(entry.program, "test")
      assert.deepStrictEqual(entry.annotations, { group: "normalizer", members: 2 })
    })
  )

  it.effect("is coloured on a terminal only", () =>
    Effect.gen(function* () {
      const terminal = captured("auto", true)
      const file = captured("pretty", false)
      yield* Effect.log("Here.").pipe(Effect.provide(terminal.layer))
      yield* Effect.log("Here.").pipe(Effect.provide(file.layer))
      assert.include(terminal.lines[0], "\u001b[")
      assert.notInclude(file.lines[0], "\u001b[")
      assert.match(file.lines[0]!, /INFO {2}test Here\.\n$/)
    })
  )

  for (const format of ["json", "pretty"] as const)
    it.effect(`lets no secret and no identity through (${format})`, () =>
      Effect.gen(function* () {
        const known = new KnownSecrets()
        const secret = Redacted.make("s3cr3t-of-the-shop")
        known.add(secret)
        const { lines, layer } = captured(format)
        const plain = Redacted.value(secret)
        const error = new Refused({ message: `token ${plain} of jane@example.com` })
        yield* Effect.logError(`Refused ${plain}.`, { user: "jane@example.com" }, error).pipe(
          Effect.annotateLogs({ secret, nested: { phone: "+14155550132", [plain]: [plain] }, cause: error }),
          Effect.andThen(Effect.logError("Failed.", Cause.fail(error))),
          Effect.andThen(Effect.logError("Died.", Cause.die(new Error(`jane@example.com ${plain}`)))),
          Effect.provide(layer),
          Effect.provideService(CurrentKnownSecrets, known)
        )
        const text = lines.join("")
        assert.strictEqual(lines.length, 3)
        for (const part of [plain, "jane", "415555"]) assert.notInclude(text, part)
      })
    )
})

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

  it.live("answers 500 without details when a route breaks, and goes on", () =>
    Effect.gen(function* () {
      const { port } = yield* serve({
        host: "127.0.0.1",
        port: 0,
        routes: [
          { method: "GET", path: "/broken", handle: () => Effect.die(new Error("inner matter")) },
          {
            method: "POST",
            path: "/echo",
            handle: ({ body }) => Effect.succeed({ status: 200, body: `${body.length}` })
          }
        ]
      })
      const broken = yield* get(port, "/broken")
      assert.strictEqual(broken.status, 500)
      assert.notInclude(broken.text, "inner matter")
      assert.strictEqual((yield* get(port, "/echo", { method: "POST", body: "12345" })).text, "5")
      assert.strictEqual((yield* get(port, "/echo", { method: "POST", body: "x".repeat(5_000_000) })).status, 413)
    }).pipe(Effect.scoped)
  )
})
