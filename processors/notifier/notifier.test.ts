import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import * as TestClock from "effect/testing/TestClock"
import type { HealthAlert } from "../../schemas/types.gen.ts"
import type { HttpResponseSpec } from "../../shared/connectors/connector.ts"
import { KafkaError } from "../../shared/kafka/client.ts"
import type { Outbound, PartitionTask } from "../../shared/runtime/contract.ts"
import { makeMemoryCodecs, memoryCodecs } from "../../shared/testing/memory-codecs.ts"
import { batchOf, openPartition } from "../../shared/testing/run-batches.ts"
import { clocksSet, withWallClock } from "../../shared/testing/wall-clock.ts"
import { parseNotifications } from "./notifications-file.ts"
import { failureAlertMillis, notifier } from "./notifier.ts"
import { wellReceiver } from "./receiver.ts"
import { makeRouting } from "./routing.ts"

const codecs = makeMemoryCodecs()
const now = 1_795_424_000_000

const file = Result.getOrThrow(
  parseNotifications(
    "n.yaml",
    `version: 1
receivers:
  - { id: a, kind: webhook, url: "http://a", secret: env:A }
  - { id: b, kind: webhook, url: "http://b", secret: env:B }
routes:
  - { receivers: [a, b], group_wait: 2 seconds, repeat: never, group_by: all }
`
  )
)

const alert = (status: string, connection = "shop"): HealthAlert => ({
  connection_id: connection,
  platform: "meta",
  previous_status: "healthy",
  status,
  timestamp: now,
  cause: status === "healthy" ? "recovered" : "circuit",
  message: `${connection} is ${status}`,
  issues: [],
  threshold_percent: null
})

type Answer = Partial<HttpResponseSpec> | "hang"

/** The notifier with two receivers that answer as the test says; `sent` are the problems of each request, by receiver. */
const opened = Effect.gen(function* () {
  yield* TestClock.setTime(now)
  const answers: Record<string, Answer> = { a: { status: 200 }, b: { status: 200 } }
  const sent: Record<string, Array<string>> = { a: [], b: [] }
  const appended: Array<Outbound> = []
  let failAppends = 0
  const services = file.receivers.map((receiver) => ({
    receiver,
    url: Effect.succeed(Redacted.make(receiver.url!)),
    secret: Effect.succeed(Redacted.make("s")),
    execute: ({ body }: { readonly body: string | null }) =>
      Effect.suspend((): Effect.Effect<HttpResponseSpec> => {
        const { alerts } = JSON.parse(body ?? "") as { readonly alerts: ReadonlyArray<{ readonly message: string }> }
        sent[receiver.id]!.push(alerts.map(({ message }) => message).join(" + "))
        const answer = answers[receiver.id]!
        return answer === "hang" ? Effect.never : Effect.succeed({ status: 200, headers: {}, body: "", ...answer })
      })
  }))
  const healths = new Map(file.receivers.map(({ id }) => [id, wellReceiver()]))
  const processor = notifier({ services, healths, routing: makeRouting(file), deployment: "" })
  const append = (records: ReadonlyArray<Outbound>) =>
    Effect.suspend(() => {
      if (failAppends-- > 0) return Effect.fail(lost)
      appended.push(...records)
      return Effect.void
    })
  const at = { topic: "health-alerts", partition: 0, append }
  const open = openPartition(processor, at)
  let offset = 0
  const pass = (seconds: number) =>
    Effect.repeat(
      Effect.andThen(TestClock.adjust(Duration.millis(200)), Effect.repeat(Effect.yieldNow, { times: 10 })),
      { times: seconds * 5 }
    )
  return {
    answers,
    sent,
    appended,
    healths,
    open,
    pass,
    failAppends: (times: number) => {
      failAppends = times
    },
    batch: (...alerts: ReadonlyArray<HealthAlert>) => {
      const firstOffset = offset
      offset += alerts.length
      const records = alerts.map((one) => ({ value: codecs.encode("health-alerts", "health-alert", one) }))
      return batchOf("health-alerts", records, { firstOffset })
    }
  }
})

const lost = new KafkaError({ code: "timeout", operation: "append", message: "lost", nextStep: "", cause: null })

const alertsIn = (outputs: ReadonlyArray<Outbound>): ReadonlyArray<string> =>
  outputs
    .filter(({ topic }) => topic === "health-alerts")
    .map(({ value }) => {
      const decoded = codecs.decode("health-alert", value)
      return decoded._tag === "Decoded" ? `${decoded.value.connection_id} ${decoded.value.status}` : "?"
    })

/** From what it wrote to the state topic. */
const restoredFrom = <E, R>(task: PartitionTask<E, R>, outputs: ReadonlyArray<Outbound>) => {
  const records = outputs.map(({ key, value }) => ({ key, value }))
  return task.restore![0]!.apply(batchOf("notifier-state", records).records)
}

describe("the notifier", () => {
  it.effect("sends what comes within the group's wait together, and nothing before its state is restored", () =>
    Effect.gen(function* () {
      const { open, pass, batch, sent } = yield* opened
      const task = yield* open
      yield* task.step(batch(alert("unhealthy")))
      yield* pass(5)
      assert.deepStrictEqual(sent["a"], [])
      yield* task.tick!.step
      yield* pass(1)
      yield* task.step(batch(alert("degraded", "other")))
      assert.deepStrictEqual(sent["a"], [])
      yield* pass(3)
      assert.deepStrictEqual(sent["a"], ["shop is unhealthy + other is degraded"])
      assert.deepStrictEqual(sent["b"], sent["a"])
    }).pipe(Effect.scoped, Effect.provide(memoryCodecs))
  )

  it.effect("lets no receiver wait for another one that hangs", () =>
    Effect.gen(function* () {
      const { open, pass, batch, sent, answers } = yield* opened
      const task = yield* open
      yield* task.tick!.step
      answers["a"] = "hang"
      yield* task.step(batch(alert("unhealthy")))
      yield* pass(3)
      yield* task.step(batch(alert("healthy")))
      yield* pass(3)
      assert.deepStrictEqual(sent["a"], ["shop is unhealthy"])
      assert.deepStrictEqual(sent["b"], ["shop is unhealthy", "shop is healthy"])
    }).pipe(Effect.scoped, Effect.provide(memoryCodecs))
  )

  it.effect("tries again after 1, 2, 4 … seconds, and not before a Retry-After", () =>
    Effect.gen(function* () {
      const { open, pass, batch, sent, answers } = yield* opened
      const task = yield* open
      yield* task.tick!.step
      answers["a"] = { status: 500 }
      yield* task.step(batch(alert("unhealthy")))
      yield* pass(12)
      const tried = sent["a"]!.length
      assert.isTrue(tried >= 3 && tried <= 5, String(tried))
      answers["a"] = { status: 429, headers: { "retry-after": "100" } }
      yield* pass(10)
      const throttled = sent["a"]!.length
      yield* pass(60)
      assert.strictEqual(sent["a"]!.length, throttled)
      answers["a"] = { status: 200 }
      yield* pass(45)
      assert.strictEqual(sent["a"]!.length, throttled + 1)
      yield* pass(60)
      assert.strictEqual(sent["a"]!.length, throttled + 1)
    }).pipe(Effect.scoped, Effect.provide(memoryCodecs))
  )

  it.effect.each(clocksSet)("waits as long as ever though the wall clock is set %s meanwhile", ([, millis]) =>
    withWallClock((wall) =>
      Effect.gen(function* () {
        const { open, pass, batch, sent, answers } = yield* opened
        const task = yield* open
        yield* task.tick!.step
        // A group's wait of two seconds.
        yield* task.step(batch(alert("unhealthy")))
        yield* pass(1)
        wall.aheadMillis = millis
        yield* pass(0)
        assert.deepStrictEqual(sent["a"], [])
        yield* pass(2)
        assert.deepStrictEqual(sent["a"], ["shop is unhealthy"])
        // A Retry-After.
        answers["a"] = { status: 429, headers: { "retry-after": "100" } }
        yield* task.step(batch(alert("degraded")))
        yield* pass(3)
        assert.strictEqual(sent["a"]!.length, 2)
        wall.aheadMillis = 0
        yield* pass(90)
        assert.strictEqual(sent["a"]!.length, 2)
        answers["a"] = { status: 500 }
        wall.aheadMillis = millis
        yield* pass(20)
        assert.isAbove(sent["a"]!.length, 2)
        // Five minutes until there is an alert about it.
        assert.deepStrictEqual(alertsIn((yield* task.tick!.step).outputs), [])
        yield* TestClock.adjust(failureAlertMillis)
        assert.deepStrictEqual(alertsIn((yield* task.tick!.step).outputs), ["notifier-a unhealthy"])
      }).pipe(Effect.scoped, Effect.provide(memoryCodecs))
    )
  )

  it.effect(
    "raises an alert about a receiver that takes nothing for five minutes, once, and one when it works again",
    () =>
      Effect.gen(function* () {
        const { open, pass, batch, answers, sent, healths } = yield* opened
        const task = yield* open
        yield* task.tick!.step
        answers["a"] = { status: 403, body: "no" }
        yield* task.step(batch(alert("unhealthy")))
        yield* pass(10)
        assert.deepStrictEqual(alertsIn((yield* task.tick!.step).outputs), [])
        yield* pass(failureAlertMillis / 1_000)
        const { outputs } = yield* task.tick!.step
        assert.deepStrictEqual(alertsIn(outputs), ["notifier-a unhealthy"])
        assert.deepStrictEqual(alertsIn((yield* task.tick!.step).outputs), [])
        assert.match(healths.get("a")?.reason ?? "", /^It answered 403: no/)
        // It is an alert as every other, for the receivers that work.
        const raised = codecs.decode("health-alert", outputs[0]!.value)
        assert.strictEqual(raised._tag, "Decoded")
        if (raised._tag === "Decoded") yield* task.step(batch(raised.value))
        yield* pass(5)
        assert.match(sent["b"]!.at(-1)!, /^the receiver a takes no notifications, 1 change waits: It answered 403/)
        answers["a"] = { status: 200 }
        yield* pass(80)
        assert.deepStrictEqual(alertsIn((yield* task.tick!.step).outputs), ["notifier-a healthy"])
        assert.deepStrictEqual(alertsIn((yield* task.tick!.step).outputs), [])
      }).pipe(Effect.scoped, Effect.provide(memoryCodecs))
  )

  it.effect("closes the partition when it cannot record what was taken, and does not send that again", () =>
    Effect.gen(function* () {
      const { open, pass, batch, sent, failAppends, appended } = yield* opened
      const first = yield* Effect.scoped(
        Effect.gen(function* () {
          const task = yield* open
          yield* task.tick!.step
          const step = yield* task.step(batch(alert("unhealthy")))
          failAppends(2)
          yield* pass(5)
          assert.deepStrictEqual(sent["a"], ["shop is unhealthy"])
          assert.strictEqual((yield* Effect.flip(task.tick!.step)).message, "lost")
          return step
        })
      )
      // What the state topic has: the step's records, and no receipt.
      const again = yield* open
      yield* restoredFrom(again, first.outputs)
      yield* again.tick!.step
      yield* pass(10)
      assert.deepStrictEqual([sent["a"], sent["b"]], [["shop is unhealthy"], ["shop is unhealthy"]])
      yield* again.step(batch(alert("healthy")))
      yield* pass(5)
      assert.deepStrictEqual(sent["a"], ["shop is unhealthy", "shop is healthy"])
      assert.isTrue(appended.some(({ key, value }) => key === "problem/shop/status" && value === null))
    }).pipe(Effect.scoped, Effect.provide(memoryCodecs))
  )

  it.effect("sends what is wrong to a receiver that has come into the file since", () =>
    Effect.gen(function* () {
      const { open, pass, batch, sent } = yield* opened
      const { outputs } = yield* Effect.scoped(
        Effect.flatMap(open, (task) => task.step(batch(alert("unhealthy"), alert("degraded", "other"))))
      )
      const again = yield* open
      yield* restoredFrom(
        again,
        outputs.filter(({ key }) => !key!.startsWith("receipt/b/"))
      )
      yield* again.tick!.step
      yield* pass(5)
      assert.deepStrictEqual(sent["b"], ["shop is unhealthy + other is degraded"])
      assert.deepStrictEqual(sent["a"], sent["b"])
    }).pipe(Effect.scoped, Effect.provide(memoryCodecs))
  )

  it.effect("ends the alert about a receiver that was taken out of the file while it failed", () =>
    Effect.gen(function* () {
      const { open, pass, batch, sent } = yield* opened
      const failing = { ...alert("unhealthy", "notifier-c"), cause: "notifier" }
      const { outputs } = yield* Effect.scoped(Effect.flatMap(open, (task) => task.step(batch(failing))))
      const again = yield* open
      yield* restoredFrom(again, outputs)
      const ends = yield* again.tick!.step
      assert.deepStrictEqual(alertsIn(ends.outputs), ["notifier-c healthy"])
      assert.deepStrictEqual(alertsIn((yield* again.tick!.step).outputs), [])
      const read = codecs.decode("health-alert", ends.outputs[0]!.value)
      yield* again.step(batch(...(read._tag === "Decoded" ? [read.value] : [])))
      yield* pass(5)
      assert.deepStrictEqual(sent["a"], ["the receiver c is not in the file of notifications any more"])
    }).pipe(Effect.scoped, Effect.provide(memoryCodecs))
  )
})
