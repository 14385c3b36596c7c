import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import type * as Scope from "effect/Scope"
import type { BatchVerdict } from "../../../shared/connectors/connector.ts"
import { uniformVerdict, verdictMeta } from "../../../shared/connectors/verdicts.ts"
import { untracked } from "../../../shared/runtime/requests.ts"
import { joinRequests, type Send } from "./join-requests.ts"
import type { DeliveryEvent } from "./outcome.ts"
import type { RequestResult } from "./send-request.ts"
import { mappedEvent, ok, recordsOfEvents, someInvalid, verdict } from "./testing.ts"

describe("requests of several partitions", () => {
  it.effect("are one request where they are ready together, and each caller gets its own part of the result", () =>
    Effect.gen(function* () {
      const { send, sent } = yield* harness((ids) => ({
        ...verdictMeta,
        _tag: "PerEvent",
        events: ids.map((id) => verdict(id === "b" ? "invalid_event" : "delivered", id))
      }))
      const [first, second] = yield* Effect.all([send("a", "b"), send("c")], { concurrency: 2 })
      assert.deepStrictEqual(sent, [["a", "b", "c"]])
      assert.deepStrictEqual(idsOf(first.sent), ["a", "b"])
      assert.deepStrictEqual(idsOf(second.sent), ["c"])
      assert.deepStrictEqual(reasonsOf(first), ["a", "b"])
      assert.deepStrictEqual(reasonsOf(second), ["c"])
    })
  )

  it.effect("carry no more events than a request may, and only those of one batch group", () =>
    Effect.gen(function* () {
      const { send, sent } = yield* harness(() => ok, { events: 3 })
      yield* Effect.all([send("a", "b"), send("c", "d"), send("e"), send("other:f")], { concurrency: 4 })
      assert.deepStrictEqual(sent, [["a", "b", "e"], ["c", "d"], ["other:f"]])
    })
  )

  it.effect("that are refused as a whole are sent again by each partition alone", () =>
    Effect.gen(function* () {
      const { send, sent } = yield* harness((ids) => (ids.includes("bad") ? someInvalid : ok))
      const [good, bad] = yield* Effect.all([send("a"), send("bad")], { concurrency: 2 })
      assert.deepStrictEqual(sent, [["a", "bad"], ["a"], ["bad"]])
      assert.strictEqual(good.verdict._tag, "All")
      assert.strictEqual(bad.verdict._tag, "SomeInvalid")
    })
  )

  it.effect("that are refused for named events go again where none of these is theirs", () =>
    Effect.gen(function* () {
      const { send, sent } = yield* harness((ids) => ({
        ...verdictMeta,
        _tag: "InvalidEvents",
        invalidEvents: new Map([[ids.indexOf("bad"), verdict("invalid_event", "100")]])
      }))
      const [good, bad] = yield* Effect.all([send("a", "b"), send("c", "bad")], { concurrency: 2 })
      assert.lengthOf(sent, 1)
      assert.deepStrictEqual([idsOf(good.sent), idsOf(good.held)], [[], ["a", "b"]])
      assert.deepStrictEqual(idsOf(bad.sent), ["c", "bad"])
      assert.deepStrictEqual(bad.verdict._tag === "InvalidEvents" && [...bad.verdict.invalidEvents.keys()], [1])
    })
  )

  it.effect("are not sent for a partition that was lost while they waited; the others' go out", () =>
    Effect.gen(function* () {
      const opened = yield* Deferred.make<void>()
      const { send, sent } = yield* harness(() => ok, { before: Deferred.await(opened) })
      const lost = yield* Effect.forkChild(send("lost"))
      const kept = yield* Effect.forkChild(send("kept"))
      yield* Effect.repeat(Effect.yieldNow, { times: 20 })
      yield* Fiber.interrupt(lost)
      yield* Deferred.succeed(opened, undefined)
      assert.deepStrictEqual(idsOf((yield* Fiber.join(kept)).sent), ["kept"])
      assert.deepStrictEqual(sent, [["kept"]])
      assert.isTrue(Exit.isFailure(yield* Effect.exit(Fiber.join(lost))))
    })
  )

  it.effect("gather while as many as allowed are in flight", () =>
    Effect.gen(function* () {
      const opened = yield* Deferred.make<void>()
      let isFirst = true
      const before = Effect.suspend(() => {
        if (!isFirst) return Effect.void
        isFirst = false
        return Deferred.await(opened)
      })
      const { send, sent } = yield* harness(() => ok, { before })
      const fibers = [yield* Effect.forkChild(send("a"))]
      yield* Effect.repeat(Effect.yieldNow, { times: 20 })
      for (const id of ["b", "c", "d"]) {
        fibers.push(yield* Effect.forkChild(send(id)))
        yield* Effect.repeat(Effect.yieldNow, { times: 20 })
      }
      yield* Deferred.succeed(opened, undefined)
      yield* Fiber.joinAll(fibers)
      assert.deepStrictEqual(sent, [["a"], ["b", "c", "d"]])
    })
  )
})

const harness = (
  respond: (ids: ReadonlyArray<string>) => BatchVerdict,
  options: { readonly events?: number; readonly before?: Effect.Effect<void> } = {}
): Effect.Effect<
  {
    readonly send: (...ids: ReadonlyArray<string>) => Effect.Effect<RequestResult, unknown>
    readonly sent: ReadonlyArray<ReadonlyArray<string>>
  },
  never,
  Scope.Scope
> =>
  Effect.gen(function* () {
    const sent: Array<ReadonlyArray<string>> = []
    const request: Send = (events) =>
      Effect.gen(function* () {
        yield* options.before ?? Effect.void
        sent.push(idsOf(events))
        return { ...result, sent: events, verdict: respond(idsOf(events)) }
      })
    const joined = joinRequests({
      limits: () => ({ events: options.events ?? 100, bytes: 1_000_000 }),
      concurrency: options.before === undefined ? 2 : 1,
      send: request,
      scope: yield* Effect.scope
    })
    yield* joined.open
    yield* joined.open
    return { send: (...ids) => joined.send(ids.map(eventOf), untracked), sent }
  })

const eventOf = (id: string): DeliveryEvent => {
  const event = mappedEvent(id, { batch_group: id.split(":").length > 1 ? "other" : "" })
  return { record: recordsOfEvents([event])[0]!, event, bytes: 100, requests: 0, trace: null }
}

const idsOf = (events: ReadonlyArray<DeliveryEvent>) => events.map(({ event }) => event.event_id)

const reasonsOf = (found: RequestResult) =>
  found.verdict._tag === "PerEvent" ? found.verdict.events.map(({ reasonCode }) => reasonCode) : []

const result: RequestResult = {
  sent: [],
  stopped: [],
  held: [],
  verdict: uniformVerdict(verdictMeta, verdict("delivered")),
  facts: {
    requestId: null,
    trackingId: null,
    latencyMillis: 0,
    attemptedAt: 0,
    batchSize: 0,
    eventsReceived: null,
    eventsTaken: 0
  },
  ambiguous: false,
  carried: true,
  callOutcome: "success"
}
