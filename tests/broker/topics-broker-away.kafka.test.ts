/** Topics that are made while a broker is away: with as many copies as the cluster is for, or not at all, and with a word of why. */
import process from "node:process"
import { assert, it } from "@effect/vitest"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import { startCluster } from "../../infra/local/cluster.ts"
import { openState } from "../../infra/local/state.ts"
import { createTopics } from "../../infra/topics/create-topics.ts"
import { declaredTopics } from "../../infra/topics/declared-topics.ts"
import { ClusterInspection, KafkaClient } from "../../shared/kafka/client.ts"
import { layerKafka } from "../../shared/kafka/kafkajs/adapter.ts"
import { layerInspection } from "../../shared/kafka/kafkajs/inspection.ts"
import { until } from "../../shared/testing/kafka-probe.ts"
import { temporaryFolder } from "../harness/temporary-folder.ts"

// A machine with Java and Maven, whatever this one has set.
const jarsOnly = ConfigProvider.layer(
  ConfigProvider.fromEnv({
    env: { CAPI_DOCKER: "never", ...(process.env["JAVA_HOME"] ? { JAVA_HOME: process.env["JAVA_HOME"] } : {}) }
  })
)

it.live(
  "makes no topic with fewer copies because one broker of three restarts, and says so",
  () =>
    Effect.gen(function* () {
      const state = yield* openState({ stateDirectory: temporaryFolder(), ending: "kill", fastStart: true })
      const { brokers, nodes } = yield* startCluster(state, { size: 3 })
      const options = { brokers: brokers.split(",") }
      yield* Effect.gen(function* () {
        const kafka = yield* KafkaClient
        const inspection = yield* ClusterInspection
        const twoAreLeft = until("two brokers are left", () =>
          Effect.map(inspection.brokers, ({ length }) => length === 2)
        )
        const prefix = "away."
        const later = [`${prefix}delivery-positions`, `${prefix}mapped-events.pinterest`]
        yield* kafka.createTopics(declaredTopics(prefix, 3, 2).filter(({ name }) => !later.includes(name)))
        const present = new Set(yield* kafka.listTopics)

        yield* nodes[2]!.stop
        yield* twoAreLeft
        const refused = yield* Effect.flip(createTopics(prefix))
        assert.strictEqual(refused.code, "unreachable")
        assert.include(refused.message, "2 of the 3 brokers")
        assert.include(refused.nextStep, "./capi topics --create")
        assert.sameMembers([...(yield* kafka.listTopics)], [...present], "nothing was made")

        yield* nodes[2]!.start
        const { created, different } = yield* createTopics(prefix)
        assert.sameMembers([...created], later)
        assert.deepEqual(different, [])
        for (const [name, copies] of yield* inspection.copies(later)) assert.strictEqual(copies.replicas, 3, name)

        // Nothing is missing: a broker that is away holds nothing up, and no setting is said to differ.
        yield* nodes[0]!.stop
        yield* twoAreLeft
        const again = yield* createTopics(prefix)
        assert.deepEqual([again.created, again.different], [[], []])
      }).pipe(Effect.provide(layerKafka(options)), Effect.provide(layerInspection(options)))
    }).pipe(Effect.scoped, Effect.provide(jarsOnly)),
  400_000
)
