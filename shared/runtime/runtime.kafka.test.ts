/** Exactly once on the real broker, under members that come, go, freeze, die and fail. */

import { fileURLToPath } from "node:url"
import { assert, layer } from "@effect/vitest"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { spawnGuarded } from "../../infra/local/guarded-spawn.mjs"
import { testBrokers, uniquePrefix } from "../../tests/harness/test-services.ts"
import { KafkaClient, KafkaError } from "../kafka/client.ts"
import { layerKafka } from "../kafka/kafkajs/adapter.ts"
import { copyingBacklog } from "../testing/backlog-copies.ts"
import { copyProcessor, slowedDown } from "../testing/copy-program.ts"
import { until } from "../testing/kafka-probe.ts"
import { makeCopyHarness } from "../testing/runtime-harness.ts"
import type { Batch, Processor } from "./contract.ts"
import type { RuntimeEvent } from "./metrics.ts"

const sessionTimeoutMillis = 6_000
const partitions = 4

class StepFailed extends Data.TaggedError("StepFailed")<{ readonly message: string }> {}

const makeHarness = Effect.suspend(() => makeCopyHarness({ prefix: uniquePrefix("runtime"), partitions }))

/** The copying program in a separate process; killed at the latest when the test's scope closes. */
const startProcess = (prefix: string, ...more: ReadonlyArray<string>) =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const program = fileURLToPath(new URL("../testing/copy-program.ts", import.meta.url))
      const child = spawnGuarded(process.execPath, [
        program,
        testBrokers().join(","),
        prefix,
        String(sessionTimeoutMillis),
        "300",
        ...more
      ])
      const lines: Array<string> = []
      child.stdout.on("data", (text: Buffer) => lines.push(...text.toString().split("\n").filter(Boolean)))
      return { child, lines }
    }),
    ({ child }) => Effect.sync(() => void child.kill("SIGKILL"))
  )

const layerTest = layerKafka({ brokers: testBrokers(), sessionTimeoutMillis })

layer(layerTest, { excludeTestServices: true })("the runtime on a real broker", (it) => {
  it.effect("copies exactly once while members join and leave under load", () =>
    Effect.gen(function* () {
      const harness = yield* makeHarness
      const load = yield* Effect.forkChild(
        Effect.forEach(Array(60), () => Effect.delay(harness.write(100), "50 millis"))
      )
      yield* harness.start(copyProcessor)
      for (let round = 0; round < 3; round++) {
        const observed: Array<RuntimeEvent> = []
        const other = yield* harness.start(copyProcessor, observed)
        yield* until("the other member has its share", () => observed.some(({ type }) => type === "committed"))
        yield* Fiber.interrupt(other)
      }
      yield* Fiber.join(load)
      yield* until("all is copied", () => harness.done)
      yield* harness.assertExactlyOnce
    })
  )

  it.effect("keeps exactly-once though a member dies by kill -9", () =>
    Effect.gen(function* () {
      const harness = yield* makeHarness
      const { child, lines } = yield* startProcess(harness.prefix)
      yield* until("the process works", () => lines.length >= partitions)
      const load = yield* Effect.forkChild(
        Effect.forEach(Array(40), () => Effect.delay(harness.write(200), "25 millis"))
      )
      yield* Effect.sleep("400 millis")
      child.kill("SIGKILL")
      yield* harness.start(copyProcessor)
      yield* Fiber.join(load)
      yield* until("all is copied", () => harness.done)
      yield* harness.assertExactlyOnce
    })
  )

  it.effect("lets no zombie commit: a frozen member wakes up after another took over", () =>
    Effect.gen(function* () {
      const harness = yield* makeHarness
      const { child, lines } = yield* startProcess(harness.prefix)
      yield* until("the process works", () => lines.length >= partitions)
      const load = yield* Effect.forkChild(
        Effect.forEach(Array(80), () => Effect.delay(harness.write(50), "50 millis"))
      )
      yield* Effect.sleep("500 millis")
      child.kill("SIGSTOP")
      yield* harness.start(copyProcessor)
      yield* until("the takeover", () => harness.events.filter(({ type }) => type === "opened").length >= partitions)
      yield* Fiber.join(load)
      yield* until("all is copied", () => harness.done)
      child.kill("SIGCONT")
      yield* harness.write(500)
      yield* until("the zombie is a member again", () => lines.length > partitions)
      yield* harness.write(500)
      yield* until("the rest is copied", () => harness.done)
      yield* harness.assertExactlyOnce
    })
  )

  it.effect("opens a partition again when a step fails, and goes on where it was", () =>
    Effect.gen(function* () {
      const harness = yield* makeHarness
      let failures = 5
      let steps = 0
      const failing: Processor<StepFailed> = {
        ...copyProcessor,
        open: (assigned) =>
          Effect.map(copyProcessor.open(assigned), (task) => ({
            step: (batch: Batch) =>
              ++steps % 3 === 0 && failures-- > 0
                ? Effect.fail(new StepFailed({ message: "for the test" }))
                : task.step(batch)
          }))
      }
      yield* harness.start(failing)
      for (let round = 0; round < 40; round++) yield* harness.write(50)
      yield* until("all is copied", () => harness.done)
      yield* harness.assertExactlyOnce
      assert.isTrue(harness.events.some(({ type }) => type === "reopening"))
    })
  )

  it.effect("shows nothing of open transactions that were aborted, and copies all once", () =>
    Effect.gen(function* () {
      const harness = yield* makeHarness
      let failures = 4
      const lost = new KafkaError({ code: "unreachable", operation: "", message: "lost", nextStep: "", cause: null })
      yield* harness.write(4_000)
      const fail = Effect.suspend(() => (failures-- > 0 ? Effect.fail(lost) : Effect.void))
      yield* copyingBacklog(copyProcessor, fail, harness.start)
      yield* until("all is copied", () => harness.done)
      yield* harness.assertExactlyOnce
      assert.isBelow(failures, 0)
      assert.lengthOf(
        harness.events.filter(({ type }) => type === "reopening"),
        4
      )
    })
  )

  it.effect("shows nothing of a transaction that was open when its process died, and copies all once", () =>
    Effect.gen(function* () {
      const harness = yield* makeHarness
      yield* harness.write(4_000)
      const { lines } = yield* startProcess(harness.prefix, "dies")
      yield* until("the process dies", () => lines.includes("dies"))
      yield* harness.start(copyProcessor)
      yield* until("all is copied", () => harness.done)
      yield* harness.assertExactlyOnce
    })
  )

  it.effect("finishes and commits what is in flight when it is stopped", () =>
    Effect.gen(function* () {
      const harness = yield* makeHarness
      const client = yield* KafkaClient
      const fiber = yield* harness.start(slowedDown(1_000))
      yield* harness.write(20)
      yield* until(
        "batches are in flight",
        () => harness.events.filter(({ type }) => type === "batch").length >= partitions
      )
      yield* Fiber.interrupt(fiber)
      assert.isTrue(yield* harness.done)
      yield* harness.assertExactlyOnce
      const group = (yield* client.groups).find(({ groupId }) => groupId === `${harness.prefix}copy`)
      assert.strictEqual(group?.members, 0)
    })
  )
})
