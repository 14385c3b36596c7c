/** What delivery traces: an event's span from its record to its outcome, each request, and what comes later. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as TestClock from "effect/testing/TestClock"
import { Codecs } from "../../../shared/codec/codecs.ts"
import type { AsyncOutcomeReading, Connector } from "../../../shared/connectors/connector.ts"
import { httpFailure } from "../../../shared/connectors/http/http-failure.ts"
import { uniformVerdict, verdictMeta } from "../../../shared/connectors/verdicts.ts"
import { traceIdOf } from "../../../shared/telemetry/trace-context.ts"
import { CurrentTracing } from "../../../shared/telemetry/tracing.ts"
import { recordedTracing } from "../../../shared/testing/recorded-spans.ts"
import { openPartition } from "../../../shared/testing/run-batches.ts"
import { deliveryDefaults } from "./settings.ts"
import {
  connection,
  connectorWith,
  down,
  type FakePlatform,
  fakePlatform,
  mappedEvent,
  ok,
  processorOver,
  recordsOfEvents,
  requestTo,
  respond,
  strictCodecs,
  verdict
} from "./testing.ts"

const at = { topic: "mapped-events.meta", partition: 0 }
const traceOf = (digit: string) => digit.repeat(32)
const headersOf = (digit: string) => ({
  connection: "shop",
  traceparent: `00-${traceOf(digit)}-${digit.repeat(16)}-01`
})
const record = (id: string, headers: Readonly<Record<string, string>>) =>
  recordsOfEvents([mappedEvent(id)], at.topic, headers)[0]!

type Recorded = ReturnType<typeof recordedTracing>

const openTask = (platform: FakePlatform, { tracing }: Recorded, connector: Connector = connectorWith()) =>
  processorOver({ connector, connection, settings: deliveryDefaults, services: platform }).pipe(
    Effect.flatMap((processor) => openPartition(processor, at)),
    Effect.provide(Layer.sync(Codecs, strictCodecs)),
    Effect.provideService(CurrentTracing, tracing)
  )

const respondWith = (answer: Parameters<typeof respond>[0], status?: number) =>
  fakePlatform(() => Effect.succeed(respond(answer, status)))

describe("delivery's traces", () => {
  it.effect("link a request with the sampled events that it carries, and these with it", () =>
    Effect.gen(function* () {
      const recorded = recordedTracing("parentbased_traceidratio", 0)
      const task = yield* openTask(respondWith({ ...ok, requestId: "fb-1" }), recorded)
      const records = [record("a", headersOf("a")), record("b", { connection: "shop" }), record("c", headersOf("c"))]
      const { outputs } = yield* task.step({ ...at, records })
      const [request, first, third, ...others] = recorded.spans()
      assert.deepStrictEqual(others, [])
      assert.deepInclude(request, {
        name: "POST",
        kind: "client",
        parentId: null,
        links: [first!.spanId, third!.spanId]
      })
      assert.deepInclude(request!.attributes, {
        "server.address": "platform.example",
        "http.response.status_code": 200,
        "messaging.batch.message_count": 3,
        "capi.platform.request_id": "fb-1"
      })
      assert.deepInclude(first, {
        name: "process test.mapped-events.meta",
        traceId: traceOf("a"),
        parentId: "a".repeat(16),
        links: [request!.spanId]
      })
      assert.deepInclude(first!.attributes, {
        "capi.connection": "shop",
        "capi.platform": "meta",
        "capi.outcome": "delivered",
        "capi.attempts": 1,
        "capi.platform.request_id": "fb-1"
      })
      assert.deepStrictEqual(
        outputs.map(({ headers }) => headers),
        [
          { traceparent: `00-${traceOf("a")}-${first!.spanId}-01` },
          undefined,
          { traceparent: `00-${traceOf("c")}-${third!.spanId}-01` }
        ]
      )
    }).pipe(Effect.scoped)
  )

  it.effect("show each request of an event that is sent again, under its span", () =>
    Effect.gen(function* () {
      const recorded = recordedTracing("parentbased_traceidratio", 0)
      const platform = fakePlatform((_, index) =>
        index === 0 ? Effect.fail(httpFailure("timeout", "platform.example")) : Effect.succeed(respond(ok))
      )
      const task = yield* openTask(platform, recorded)
      const step = yield* Effect.forkChild(task.step({ ...at, records: [record("a", headersOf("a"))] }))
      yield* TestClock.adjust("1 minute")
      yield* Fiber.join(step)
      const [failed, succeeded, event] = recorded.spans()
      assert.deepStrictEqual(
        [failed!, succeeded!].map(({ parentId, attributes }) => [parentId, attributes["error.type"]]),
        [
          [event!.spanId, "timeout"],
          [event!.spanId, undefined]
        ]
      )
      assert.strictEqual(succeeded!.attributes["http.request.resend_count"], 1)
      assert.deepInclude(event!.attributes, { "capi.outcome": "delivered", "capi.attempts": 2 })
      assert.deepStrictEqual(event!.links, [failed!.spanId, succeeded!.spanId])
    }).pipe(Effect.scoped)
  )

  it.effect("of failures are there without sampling: the request, and the event under its raw record's trace id", () =>
    Effect.gen(function* () {
      const recorded = recordedTracing("always_off")
      const refused = uniformVerdict(verdictMeta, verdict("invalid_event", "100/33"))
      const task = yield* openTask(respondWith(refused, 400), recorded)
      const { outputs } = yield* task.step({ ...at, records: [record("a", { connection: "shop" })] })
      const [request, event] = recorded.spans()
      assert.strictEqual(request!.attributes["error.type"], "400")
      assert.deepInclude(event, { traceId: traceIdOf(mappedEvent("a").source), links: [request!.spanId] })
      assert.deepInclude(event!.attributes, { "capi.outcome": "rejected", "error.type": "100/33" })
      const deadLetter = outputs.find(({ topic }) => topic === "dead-letters")
      assert.deepStrictEqual(deadLetter!.headers, { traceparent: `00-${event!.traceId}-${event!.spanId}-01` })
    }).pipe(Effect.scoped)
  )

  it.effect("go on through the delayed retry topic", () =>
    Effect.gen(function* () {
      const recorded = recordedTracing("parentbased_traceidratio", 0)
      const throttled = { ...uniformVerdict(verdictMeta, verdict("throttled", "4")), retryAfter: null }
      const platform = fakePlatform(({ path, ids }) =>
        Effect.succeed(respond(path === "probe" || !ids.includes("a") ? ok : throttled))
      )
      const task = yield* openTask(platform, recorded)
      const step = yield* Effect.forkChild(task.step({ ...at, records: [record("a", headersOf("a"))] }))
      yield* TestClock.adjust("20 minutes")
      const { outputs } = yield* Fiber.join(step)
      const event = recorded.spans().find(({ kind }) => kind === "consumer")
      assert.strictEqual(event!.attributes["capi.outcome"], "retry_scheduled")
      assert.isUndefined(event!.attributes["error.type"])
      assert.deepStrictEqual(outputs.find(({ topic }) => topic === "delivery-retry.meta")?.headers, {
        connection: "shop",
        round: "1",
        traceparent: `00-${traceOf("a")}-${event!.spanId}-01`
      })
    }).pipe(Effect.scoped)
  )

  it.effect("end with the final outcome of an accepted event, from when it was accepted", () =>
    Effect.gen(function* () {
      const recorded = recordedTracing("parentbased_traceidratio", 0)
      const reading: AsyncOutcomeReading = { _tag: "Final", processed: 2, rejected: [], warnings: [] }
      const connector = connectorWith({
        asyncOutcome: { request: (id) => requestTo(`later-${id}`, undefined, []), read: () => reading }
      })
      const accepted = { ...uniformVerdict(verdictMeta, verdict("accepted")), trackingId: "r1" }
      const task = yield* openTask(respondWith(accepted), recorded, connector)
      const records = [record("a", headersOf("a")), record("b", { connection: "shop" })]
      yield* task.step({ ...at, records })
      yield* TestClock.adjust("5 seconds")
      const { outputs } = yield* task.tick!.step
      const [, event, final, ...others] = recorded.spans()
      assert.deepStrictEqual(others, [])
      assert.deepInclude(final, {
        name: "process test.pending-outcomes",
        traceId: traceOf("a"),
        parentId: event!.spanId
      })
      assert.deepInclude(final!.attributes, { "capi.outcome": "delivered", "capi.platform.request_id": "r1" })
      assert.deepStrictEqual(
        outputs.filter(({ topic }) => topic === "delivery-results").map(({ headers }) => headers),
        [{ traceparent: `00-${traceOf("a")}-${final!.spanId}-01` }, undefined]
      )
    }).pipe(Effect.scoped)
  )

  it.effect("never make an outage worse: without sampling a failed request is one span, whatever it carried", () =>
    Effect.gen(function* () {
      const recorded = recordedTracing("always_off")
      const task = yield* openTask(respondWith(down, 500), recorded)
      const records = Array.from({ length: 50 }, (_, index) => record(`e${index}`, { connection: "shop" }))
      yield* Effect.forkChild(task.step({ ...at, records }))
      yield* TestClock.adjust("1 second")
      const spans = recorded.spans()
      assert.isAbove(spans.length, 0)
      assert.isTrue(spans.every(({ name, attributes }) => name === "POST" && attributes["error.type"] === "500"))
    }).pipe(Effect.scoped)
  )
})
