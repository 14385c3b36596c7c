/** Final outcomes of requests that the platform accepted first. */
import process from "node:process"
import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"
import { assert, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as PrometheusMetrics from "effect/observability/PrometheusMetrics"
import * as TestClock from "effect/testing/TestClock"
import type { DeadLetter, EventDeliveryLog } from "../../../schemas/types.gen.ts"
import { Codecs } from "../../../shared/codec/codecs.ts"
import type { AsyncOutcomeReading, Connector } from "../../../shared/connectors/connector.ts"
import { uniformVerdict, verdictMeta } from "../../../shared/connectors/verdicts.ts"
import type { Inbound, Outbound, Step } from "../../../shared/runtime/contract.ts"
import { overwritingInput } from "../../../shared/testing/run-batches.ts"
import { decisionByVerdict } from "../engine/outcome.ts"
import { deliveryDefaults } from "../engine/settings.ts"
import {
  codecs,
  connection,
  connectorWith,
  type FakePlatform,
  fakePlatform,
  limits,
  mappedEvent,
  processorOver,
  readStep,
  recordsOfEvents,
  requestTo,
  respond,
  strictCodecs,
  verdict
} from "../engine/testing.ts"
import { acceptedRequests, pendingRecord } from "./pending.ts"

const mapped = "mapped-events.meta"
const retry = "delivery-retry.meta"
const accepted = { ...uniformVerdict(verdictMeta, verdict("accepted")), trackingId: "r1", requestId: "r1" }
const refused: AsyncOutcomeReading = {
  _tag: "Final",
  processed: 0,
  rejected: [{ verdict: verdict("invalid_event", "NO_CONSENT"), count: 2 }],
  warnings: []
}

const open = (
  platform: FakePlatform,
  reading: AsyncOutcomeReading,
  topic: string,
  log: ReadonlyArray<Inbound> = [],
  overrides: Partial<Connector> = {}
) =>
  Effect.gen(function* () {
    const connector = connectorWith({
      ...overrides,
      asyncOutcome: { request: (trackingId) => requestTo(`later-${trackingId}`, undefined, []), read: () => reading }
    })
    const processor = yield* processorOver({ connector, connection, settings: deliveryDefaults, services: platform })
    const task = overwritingInput(processor, yield* processor.open({ topic, partition: 0 }))
    for (const restore of task.restore ?? [])
      yield* restore.apply(log.filter((record) => record.topic === restore.topic))
    return task
  }).pipe(Effect.provide(Layer.sync(Codecs, strictCodecs)))

const inboundOf = ({ topic, key, value, headers }: Outbound, offset: number): Inbound => ({
  topic,
  partition: 0,
  offset,
  timestamp: 0,
  key: key === null ? null : Buffer.from(key),
  value,
  headers: headers ?? {}
})

const outcomeOf = (id: string) => {
  const event = mappedEvent(id)
  const [record] = recordsOfEvents([event])
  const facts = {
    requestId: "r",
    trackingId: "r",
    latencyMillis: 0,
    attemptedAt: 0,
    batchSize: 1,
    eventsReceived: 1,
    eventsTaken: 1
  }
  return {
    event: { record: record!, event, bytes: 0, requests: 0, trace: null },
    requests: 1,
    decision: decisionByVerdict("accepted", verdict("accepted"), facts)
  }
}

const batch = (topic: string) => ({
  topic,
  partition: 0,
  records: recordsOfEvents([mappedEvent("a"), mappedEvent("b")], topic)
})

const concluded = (reading: AsyncOutcomeReading) =>
  Effect.gen(function* () {
    const task = yield* open(
      fakePlatform(() => Effect.succeed(respond(accepted))),
      reading,
      mapped
    )
    yield* task.step(batch(mapped))
    yield* TestClock.adjust("5 seconds")
    return yield* task.tick!.step
  })

const decoded = (step: Step) => {
  const logs: Array<EventDeliveryLog> = []
  const deadLetters: Array<DeadLetter> = []
  for (const { topic, value } of step.outputs) {
    const log = topic === "delivery-results" ? codecs.decode("event-delivery-log", value) : null
    const deadLetter = topic === "dead-letters" ? codecs.decode("dead-letter", value) : null
    if (log?._tag === "Decoded") logs.push(log.value)
    if (deadLetter?._tag === "Decoded") deadLetters.push(deadLetter.value)
  }
  return { logs, deadLetters }
}

for (const [sender, other] of [
  [mapped, retry],
  [retry, mapped]
] as const)
  it.effect(`what ${sender} sent is asked for after a restart by its own partition, not by ${other}'s as well`, () =>
    Effect.gen(function* () {
      const final: AsyncOutcomeReading = { _tag: "Final", processed: 2, rejected: [], warnings: [] }
      const platform = fakePlatform(() => Effect.succeed(respond(accepted)))
      const before = yield* open(platform, final, sender)
      const log = (yield* before.step(batch(sender))).outputs.map(inboundOf)
      const own = yield* open(platform, final, sender, log)
      const foreign = yield* open(platform, final, other, log)
      assert.deepStrictEqual((yield* foreign.tick!.step).outputs, [])
      assert.deepStrictEqual(readStep(yield* own.tick!.step).outcomes, { a: "delivered", b: "delivered" })
    })
  )

it.effect("an event that is refused after it was accepted becomes a dead letter that names its raw record", () =>
  Effect.gen(function* () {
    const { logs, deadLetters } = decoded(yield* concluded(refused))
    assert.deepStrictEqual(
      logs.map(({ event_id, outcome, accepted_at }) => [event_id, outcome, accepted_at]),
      [
        ["a", "rejected", 0],
        ["b", "rejected", 0]
      ]
    )
    assert.deepStrictEqual(
      deadLetters.map(({ event_id, reason_code, source_topic, request_id, attempts }) => [
        event_id,
        reason_code,
        source_topic,
        request_id,
        attempts
      ]),
      [
        ["a", "NO_CONSENT", "raw-events", "r1", 1],
        ["b", "NO_CONSENT", "raw-events", "r1", 1]
      ]
    )
  })
)

it.effect("asks no more often than the platform's rate allows, and those first that wait longest", () =>
  Effect.gen(function* () {
    const slow = { ...limits, requestsPerWindow: 4, eventsPerRequest: 1, concurrency: 1 }
    let request = 0
    const platform = fakePlatform((asked) =>
      Effect.succeed(respond(asked.path === "events" ? { ...accepted, trackingId: `r${++request}` } : accepted))
    )
    const asked = () => platform.asked.filter(({ path }) => path.startsWith("later-")).map(({ path }) => path.slice(6))
    const own = { documented: slow, specification: slow }
    const task = yield* open(platform, { _tag: "Pending", retryAfter: null }, mapped, [], { limits: own })
    const names = Array.from({ length: 8 }, (_, index) => mappedEvent(`e${index}`))
    const step = yield* Effect.forkChild(
      task.step({ topic: mapped, partition: 0, records: recordsOfEvents(names, mapped) })
    )
    yield* TestClock.adjust("2 minutes")
    yield* Fiber.join(step)
    for (let tick = 0; tick < 12; tick++) {
      yield* task.tick!.step
      yield* TestClock.adjust("5 seconds")
    }
    // Four at once, then four a minute: each is asked once before any is asked twice.
    assert.deepStrictEqual(asked(), ["r1", "r2", "r3", "r4", "r5", "r6", "r7"])
  })
)

it.effect("holds the events of requests that are long in coming to an end outside of the heap", () =>
  Effect.gen(function* () {
    setFlagsFromString("--expose-gc")
    const collect = runInNewContext("gc") as () => void
    const heap = () => {
      collect()
      return process.memoryUsage().heapUsed
    }
    const platform = fakePlatform(() => Effect.succeed(respond(accepted)))
    const event = acceptedRequests(connection, [outcomeOf("a")], 0)[0]!.events[0]!
    const log = Array.from({ length: 100 }, (_, request) => {
      const events = Array.from({ length: 1_000 }, (_, index) => ({ ...event, event_id: `order-${request}-${index}` }))
      const outcome = { ...acceptedRequests(connection, [outcomeOf("a")], 0)[0]!, later_id: `r${request}`, events }
      return inboundOf(pendingRecord({ connection, codecs }, { partition: 0 }, outcome.later_id, outcome), request)
    })
    const before = heap()
    const task = yield* open(platform, { _tag: "Pending", retryAfter: null }, mapped, log)
    assert.isBelow(heap() - before, 100_000 * 100)
    yield* task.tick!.step
    assert.isAbove(platform.asked.length, 0)
  })
)

it.effect("counts final outcomes and the reasons of refusals", () =>
  Effect.gen(function* () {
    yield* concluded(refused)
    const text = yield* PrometheusMetrics.format()
    assert.match(text, /^capi_delivery_final_outcomes_total\{[^}]*outcome="rejected"[^}]*\} \d+/m)
    assert.match(text, /^capi_delivery_rejections_total\{[^}]*reason="NO_CONSENT"[^}]*\} \d+/m)
  })
)

it.effect("does not call delivered what the platform counted less of than was sent", () =>
  Effect.gen(function* () {
    const one: AsyncOutcomeReading = { _tag: "Final", processed: 1, rejected: [], warnings: [] }
    const { logs } = decoded(yield* concluded(one))
    assert.deepStrictEqual(
      logs.map(({ outcome, reason_code, error_message }) => [outcome, reason_code, error_message]),
      Array.from({ length: 2 }, () => [
        "accepted",
        "partial_success",
        "The platform reports 1 of 2 events of this request only."
      ])
    )
    const known = { verdict: verdict("duplicate", "DUPLICATE"), count: 1 }
    const all = decoded(yield* concluded({ ...one, rejected: [known] }))
    const refusedFor = (reason: string) => ({ verdict: verdict("invalid_event", reason), count: 1 })
    const mixed = decoded(yield* concluded({ ...one, processed: 0, rejected: [refusedFor("A"), refusedFor("B")] }))
    assert.deepStrictEqual(
      mixed.logs.map(({ outcome, reason_code }) => [outcome, reason_code]),
      Array.from({ length: 2 }, () => ["rejected", "several_reasons"])
    )
    assert.include(mixed.logs[0]?.error_message, "1 × A, 1 × B")
    // One of the two is concerned, and it is not known which: no event's reason, but a note on the request.
    assert.deepStrictEqual(
      all.logs.map(({ outcome, reason_code, error_class, error_message, request_note }) => [
        outcome,
        reason_code,
        error_class,
        error_message,
        request_note
      ]),
      Array.from({ length: 2 }, () => [
        "delivered",
        null,
        "delivered",
        null,
        "The platform had 1 of 2 events of this request before and does not say which: 1 × DUPLICATE."
      ])
    )
    const both = decoded(yield* concluded({ ...one, processed: 0, rejected: [{ ...known, count: 2 }] }))
    assert.deepStrictEqual(
      both.logs.map(({ outcome, reason_code, request_note }) => [outcome, reason_code, request_note]),
      Array.from({ length: 2 }, () => ["delivered", "DUPLICATE", null])
    )
  })
)
