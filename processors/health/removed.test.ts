/** Connections that were taken out of the file: what is said of them ends once nothing waits for them and their last hour is over. */
import { assert, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Metric from "effect/Metric"
import * as TestClock from "effect/testing/TestClock"
import type { UnreadEvents } from "../../shared/ledger/unread-events.ts"
import type { Step } from "../../shared/runtime/contract.ts"
import { memoryCodecs } from "../../shared/testing/memory-codecs.ts"
import { alerts, failed, opened, recorded, result, state, statuses } from "./testing.ts"

const forgotten = ({ outputs }: Step) =>
  outputs.filter(({ topic, value }) => topic === "connector-health" && value === null).map(({ key }) => key)

const said = (step: Step) => statuses(step).map(({ connection_id, status }) => `${connection_id} ${status}`)

const seriesOf = (connection: string) =>
  Effect.map(Metric.snapshot, (all) => all.filter(({ attributes }) => attributes?.["connection"] === connection).length)

it.effect("a removed connection is forgotten when nothing waits for it and its last hour is over", () =>
  Effect.gen(function* () {
    let removed = false
    const one = { connectionId: "meta-main", platform: "meta", state: "removed", events: 2 } as const
    let unread: ReadonlyMap<string, UnreadEvents> | null = new Map()
    const { feed, check } = yield* opened([], {
      isRemoved: () => removed,
      isEnabled: () => !removed,
      unread: () => unread
    })
    yield* feed("connector-state", [state({})])
    yield* feed("delivery-results", [result({})])
    assert.deepStrictEqual(said(yield* check), ["meta-main healthy"])
    assert.isAbove(yield* seriesOf("meta-main"), 0)
    removed = true
    yield* TestClock.adjust("31 seconds")
    assert.deepStrictEqual(said(yield* check), ["meta-main healthy"], "its last hour counts")
    unread = new Map([["meta-main", one]])
    yield* TestClock.adjust("61 minutes")
    assert.deepStrictEqual(said(yield* check), ["meta-main unhealthy"], "events wait for it")
    unread = null
    assert.deepStrictEqual(forgotten(yield* check), [], "whether events wait is not known")
    unread = new Map()
    const ended = yield* check
    assert.deepStrictEqual(
      alerts(ended).map(({ cause }) => cause),
      ["recovered"]
    )
    const step = yield* check
    assert.deepStrictEqual([said(step), forgotten(step)], [[], ["meta-main"]])
    assert.strictEqual(yield* seriesOf("meta-main"), 0)
    assert.deepStrictEqual((yield* check).outputs, [], "it is said once")
  }).pipe(Effect.provide(memoryCodecs))
)

it.effect(
  "what was said of a connection that was removed while health did not run is forgotten, and its alert ended",
  () =>
    Effect.gen(function* () {
      const before = yield* opened()
      yield* before.feed("delivery-results", [failed, failed, failed])
      const bad = (yield* before.check).outputs.find(({ topic }) => topic === "connector-health")!.value!
      const later = yield* opened([recorded("connector-health", bad), recorded("connector-state", state({}))], {
        isRemoved: () => true
      })
      assert.deepStrictEqual(
        alerts(yield* later.check).map(({ cause, platform }) => [cause, platform]),
        [["recovered", "meta"]]
      )
      assert.deepStrictEqual(forgotten(yield* later.check), ["meta-main"])
    }).pipe(Effect.provide(memoryCodecs))
)
