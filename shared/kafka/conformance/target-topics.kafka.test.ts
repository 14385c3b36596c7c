/** What a connection knows of the cluster's topics, asked of the real broker: those that it uses, however many there are. */
import { assert, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type { Cluster } from "kafkajs"
import { testBrokers, uniquePrefix } from "../../../tests/harness/test-services.ts"
import { makeTopic } from "../../testing/kafka-probe.ts"
import { KafkaClient } from "../client.ts"
import { layerKafka, makeKafkaJs } from "../kafkajs/adapter.ts"
import { openCluster } from "../kafkajs/cluster.ts"
import { resolveKafkaOptions } from "../options.ts"

const options = { brokers: testBrokers() }

/** kafkajs's type lacks what its cluster has loaded. */
interface Loaded {
  readonly brokerPool: {
    readonly metadata: {
      readonly brokers: ReadonlyArray<object>
      readonly topicMetadata: ReadonlyArray<{ readonly topic: string }>
    }
  }
}

const loaded = (cluster: Cluster) => (cluster as unknown as Loaded).brokerPool.metadata

layer(layerKafka(options), { excludeTestServices: true })("a connection", (it) => {
  it.effect("loads the brokers, and the topics that it uses alone", () =>
    Effect.gen(function* () {
      const prefix = uniquePrefix("target-topics")
      const used = yield* makeTopic(prefix, 2)
      const other = yield* makeTopic(prefix, 2)
      assert.includeMembers([...(yield* (yield* KafkaClient).listTopics)], [used, other])
      const kafka = makeKafkaJs(resolveKafkaOptions(options), yield* Effect.context<never>())
      const cluster = yield* Effect.flatMap(openCluster(kafka), ({ connect }) => Effect.promise(connect))
      yield* Effect.promise(() => cluster.refreshMetadata())
      assert.isNotEmpty(loaded(cluster).brokers)
      assert.isEmpty(loaded(cluster).topicMetadata)
      yield* Effect.promise(() => cluster.addTargetTopic(used))
      assert.deepStrictEqual(
        loaded(cluster).topicMetadata.map(({ topic }) => topic),
        [used]
      )
      assert.lengthOf(cluster.findTopicPartitionMetadata(used), 2)
    }).pipe(Effect.scoped)
  )
})
