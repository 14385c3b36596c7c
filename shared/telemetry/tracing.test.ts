import { assert, describe, it } from "@effect/vitest"
import { recordedTracing } from "../testing/recorded-spans.ts"
import { contextOf, traceIdOf } from "./trace-context.ts"

const traceId = "0af7651916cd43dd8448eb211c80319c"
const spanId = "b7ad6b7169203331"
const source = { topic: "raw-events", partition: 3, offset: 42, timestamp: 1_795_000_000_000 }
const record = { partition: 5, offset: 77, headers: {} }
const under = (flags: string) => ({
  ...record,
  headers: { traceparent: `00-${traceId}-${spanId}-${flags}`, tracestate: "vendor=1", connection: "meta" }
})

describe("an event's trace", () => {
  it("begins with its raw record's position where no producer began it", () => {
    const { tracing, spans } = recordedTracing()
    const trace = tracing.hop("raw-events").begin(record, source)!
    trace.end({ outcome: "normalized", failure: null, attributes: { "capi.attempts": 2, "capi.reason": null } })
    const [span] = spans()
    assert.deepInclude(span, {
      name: "process test.raw-events",
      kind: "consumer",
      traceId: traceIdOf(source),
      parentId: "0".repeat(16)
    })
    assert.deepStrictEqual(span!.attributes, {
      "messaging.system": "kafka",
      "messaging.operation.type": "process",
      "messaging.operation.name": "process",
      "messaging.destination.name": "test.raw-events",
      "messaging.destination.partition.id": "5",
      "messaging.kafka.offset": 77,
      "capi.outcome": "normalized",
      "capi.attempts": 2
    })
    assert.deepStrictEqual(trace.headers, { traceparent: `00-${span!.traceId}-${span!.spanId}-01` })
  })

  it("goes on under the producer's span, with its state, and under no other header", () => {
    const { tracing, spans } = recordedTracing("parentbased_traceidratio", 0)
    const trace = tracing.hop("raw-events").begin(under("01"), source)!
    trace.end({ outcome: "normalized", failure: null })
    const [span] = spans()
    assert.deepInclude(span, { traceId, parentId: spanId })
    assert.deepStrictEqual(trace.headers, { traceparent: `00-${traceId}-${span!.spanId}-01`, tracestate: "vendor=1" })
  })

  it("is not there for an event that is not sampled; a producer's context is passed on as it came", () => {
    const { tracing, spans } = recordedTracing("parentbased_traceidratio", 0)
    const hop = tracing.hop("raw-events")
    assert.isNull(hop.begin(record, source))
    const passed = hop.begin(under("00"), source)!
    passed.note("capi.mapped", {})
    passed.end({ outcome: "normalized", failure: null })
    assert.deepStrictEqual(passed.headers, {
      traceparent: `00-${traceId}-${spanId}-00`,
      tracestate: "vendor=1"
    })
    assert.deepStrictEqual(spans(), [])
  })

  it("is there for an event that fails, sampled or not, under the producer's span where there is one", () => {
    const { tracing, spans } = recordedTracing("always_off", 0)
    const hop = tracing.hop("raw-events")
    const alone = hop.failing(hop.begin(record, source), record, source)
    alone.end({ outcome: "dead_lettered", failure: "jane@shop.example is no code" })
    const child = hop.failing(hop.begin(under("00"), source), under("00"), source)
    child.end({ outcome: "rejected", failure: "190" })
    assert.strictEqual(hop.failing(child, under("00"), source), child)
    const [first, second] = spans()
    assert.deepInclude(first, { traceId: traceIdOf(source) })
    assert.strictEqual(first!.attributes["error.type"], "<email> is no code")
    assert.deepInclude(second, { traceId, parentId: spanId })
    // What is redriven later is traced whole.
    assert.isTrue(contextOf(child.headers)?.isSampled)
  })

  it("costs no span where nothing more fits into the queue, and goes on all the same", () => {
    const { tracing, spans, room } = recordedTracing()
    room.left = 0
    const trace = tracing.hop("raw-events").begin(record, source)!
    trace.end({ outcome: "normalized", failure: null })
    assert.deepStrictEqual(spans(), [])
    assert.isNotNull(contextOf(trace.headers))
  })
})

describe("a request's span", () => {
  const request = {
    method: "POST",
    url: "https://graph.example:8443/v1/123/events?access_token=secret",
    eventCount: 3,
    startedAt: 1_795_000_000_000,
    status: 200,
    failure: null,
    attributes: { "capi.connection": "meta" }
  }

  it("hangs on the only traced event, and names no path, query or token", () => {
    const { tracing, spans } = recordedTracing()
    const trace = tracing.hop("mapped-events.meta").begin(record, source)!
    const place = tracing.request({ ...request, events: [null, trace, null] })
    trace.end({ outcome: "delivered", failure: null })
    const [http, event] = spans()
    assert.deepInclude(http, { name: "POST", kind: "client", traceId: event!.traceId, parentId: event!.spanId })
    assert.deepStrictEqual([http!.links, event!.links], [[event!.spanId], [http!.spanId]])
    assert.strictEqual(place!.spanId, http!.spanId)
    assert.deepStrictEqual(http!.attributes, {
      "http.request.method": "POST",
      "server.address": "graph.example",
      "server.port": 8443,
      "http.response.status_code": 200,
      "messaging.batch.message_count": 3,
      "capi.connection": "meta"
    })
  })

  it("of several traced events begins a trace, linked with each, and each with it", () => {
    const { tracing, spans } = recordedTracing()
    const hop = tracing.hop("mapped-events.meta")
    const traces = [1, 2].map((offset) => hop.begin({ ...record, offset }, { ...source, offset })!)
    tracing.request({ ...request, events: traces })
    for (const trace of traces) trace.end({ outcome: "delivered", failure: null })
    const [http, first, second] = spans()
    assert.isNull(http!.parentId)
    assert.notInclude([first!.traceId, second!.traceId], http!.traceId)
    assert.deepStrictEqual(http!.links, [first!.spanId, second!.spanId])
    assert.deepStrictEqual([first!.links, second!.links], [[http!.spanId], [http!.spanId]])
  })

  it("is there without a traced event only where the request failed", () => {
    const { tracing, spans } = recordedTracing("always_off", 0)
    assert.isNull(tracing.request({ ...request, events: [null] }))
    const place = tracing.request({ ...request, events: [null], status: 500, failure: "transient" })
    assert.strictEqual(spans()[0]!.spanId, place!.spanId)
    assert.strictEqual(spans()[0]!.attributes["error.type"], "transient")
  })
})
