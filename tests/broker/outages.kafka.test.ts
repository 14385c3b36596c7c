/** Brokers that die and return while a processor copies: nothing is lost, nothing is doubled, and it goes on by itself. */
import process from "node:process"
import { assert, it } from "@effect/vitest"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { type Cluster, startCluster } from "../../infra/local/cluster.ts"
import { openState } from "../../infra/local/state.ts"
import { layerKafka } from "../../shared/kafka/kafkajs/adapter.ts"
import type { Processor } from "../../shared/runtime/contract.ts"
import type { RuntimeEvent } from "../../shared/runtime/metrics.ts"
import { copyProcessor, slowedDown } from "../../shared/testing/copy-program.ts"
import { until } from "../../shared/testing/kafka-probe.ts"
import { makeCopyHarness } from "../../shared/testing/runtime-harness.ts"
import { temporaryFolder } from "../harness/temporary-folder.ts"

// A machine with Java and Maven, whatever this one has set.
const jarsOnly = ConfigProvider.layer(
  ConfigProvider.fromEnv({
    env: { CAPI_DOCKER: "never", ...(process.env["JAVA_HOME"] ? { JAVA_HOME: process.env["JAVA_HOME"] } : {}) }
  })
)

const brokers = (size: number) =>
  Effect.gen(function* () {
    const state = yield* openState({ stateDirectory: temporaryFolder(), ending: "kill", fastStart: true })
    return yield* startCluster(state, { size })
  })

const sessionTimeoutMillis = 6_000
const clientOf = (cluster: Cluster) => layerKafka({ brokers: cluster.brokers.split(","), sessionTimeoutMillis })

/** Slow, in small steps: something is in flight whenever a broker dies. */
const slowly: Processor = { ...slowedDown(100), batch: { ...copyProcessor.batch, recordsMax: 10 } }

// Three JVMs and an election on a machine that is at work on other things take a multiple of the usual time.
const outageMillisMax = 120_000
const testMillisMax = 400_000

/** Copies while `disturb` does its worst, then checks that every record came through exactly once. */
const copiesThrough = (
  cluster: Cluster,
  replication: number,
  disturb: Effect.Effect<void, unknown> | ((events: ReadonlyArray<RuntimeEvent>) => Effect.Effect<void, unknown>)
) =>
  Effect.gen(function* () {
    const copies = yield* makeCopyHarness({ prefix: "outage.", replication })
    yield* copies.write(3_000)
    yield* copies.start(slowly)
    const commits = () => copies.events.filter(({ type }) => type === "committed").length
    yield* until("the processor copies", () => commits() >= 8, outageMillisMax)
    yield* typeof disturb === "function" ? disturb(copies.events) : disturb
    yield* until("all is copied", () => copies.done, outageMillisMax)
    yield* copies.write(100)
    yield* until("what came later is copied", () => copies.done, outageMillisMax)
    yield* copies.assertExactlyOnce
    return copies
  }).pipe(Effect.provide(clientOf(cluster)))

it.live(
  "goes on exactly once, as the same member, when its only broker is killed and starts again on its data",
  () =>
    Effect.gen(function* () {
      const cluster = yield* brokers(1)
      const node = cluster.nodes[0]!
      let outage = Duration.zero
      const restart = Effect.map(Effect.timed(Effect.andThen(node.kill, node.start)), ([duration]) => {
        outage = duration
      })
      const copies = yield* copiesThrough(cluster, 1, restart)
      const left = copies.events.filter(({ type }) => type === "left")
      // A machine that is at work on other things takes longer than a membership is kept for.
      if (Duration.toSeconds(outage) < 15) assert.deepStrictEqual(left, [], "the membership outlives the restart")
    }).pipe(Effect.scoped, Effect.provide(jarsOnly)),
  testMillisMax
)

it.live(
  "goes on exactly once when one broker of three dies for good",
  () =>
    Effect.gen(function* () {
      const cluster = yield* brokers(3)
      yield* copiesThrough(cluster, 3, cluster.nodes[1]!.kill)
    }).pipe(Effect.scoped, Effect.provide(jarsOnly)),
  testMillisMax
)

it.live(
  "goes on exactly once when a broker of three falls silent and wakes up",
  () =>
    Effect.gen(function* () {
      const cluster = yield* brokers(3)
      const victim = cluster.nodes[2]!
      const frozen = Effect.andThen(victim.suspend, Effect.delay(victim.resume, "8 seconds"))
      yield* copiesThrough(cluster, 3, frozen)
    }).pipe(Effect.scoped, Effect.provide(jarsOnly)),
  testMillisMax
)

it.live(
  "waits, says what for, and goes on exactly once when two brokers of three are away",
  () =>
    Effect.gen(function* () {
      const cluster = yield* brokers(3)
      const [, second, third] = cluster.nodes
      yield* copiesThrough(cluster, 3, (events) =>
        Effect.gen(function* () {
          // In order, one after the other: the one that is left knows that it is alone.
          yield* second!.stop
          yield* third!.stop
          const from = events.length
          const reasons = () =>
            events.slice(from).flatMap((event) => (event.type === "reopening" ? [event.reason] : []))
          yield* until("a partition says why it waits", () => reasons().length > 0, outageMillisMax)
          for (const reason of reasons()) assert.match(reason, /^Kafka could not /)
          yield* Effect.all([second!.start, third!.start], { concurrency: 2 })
        })
      )
    }).pipe(Effect.scoped, Effect.provide(jarsOnly)),
  testMillisMax
)
