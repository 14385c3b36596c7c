/**
 * Deletes what every reader has committed, so that the disk holds little more than the backlog itself: of five million
 * events the later topics would take four times as much again.
 */

import * as Effect from "effect/Effect"
import { KafkaClient } from "../../shared/kafka/client.ts"
import { layerKafka } from "../../shared/kafka/kafkajs/adapter.ts"
import type { Platform } from "../../shared/model/platform.ts"
import { committedOffsets } from "../../shared/testing/kafka-probe.ts"
import type { Cluster } from "./cluster.ts"

/** For brokers whose space is to be free soon after records were deleted. */
export const sweptBroker = {
  "log.segment.bytes": String(128 * 2 ** 20),
  "log.retention.check.interval.ms": "20000",
  "log.segment.delete.delay.ms": "1000"
}

const sweepEvery = "10 seconds"

/** Sweeps until it is interrupted. */
export const sweep = ({ brokers }: Cluster, platforms: ReadonlyArray<Platform>) =>
  Effect.gen(function* () {
    const kafka = yield* KafkaClient
    const behind = (group: string, topic: string) =>
      Effect.gen(function* () {
        const committed = yield* committedOffsets(kafka, group, topic)
        yield* kafka.deleteRecords(
          topic,
          committed.flatMap(({ partition, offset }) => (offset === null ? [] : [{ partition, offset }]))
        )
      })
    const once = Effect.gen(function* () {
      yield* behind("normalizer", "raw-events")
      yield* behind("mapper", "normalized-events")
      for (const platform of platforms) yield* behind(`delivery-${platform}.${platform}`, `mapped-events.${platform}`)
      const ends = yield* kafka.topicOffsets("delivery-results")
      yield* kafka.deleteRecords(
        "delivery-results",
        ends.map(({ partition, high }) => ({ partition, offset: high }))
      )
    })
    // A sweep that fails leaves its work to the next one.
    return yield* Effect.forever(Effect.andThen(Effect.sleep(sweepEvery), Effect.ignore(once)))
  }).pipe(Effect.provide(layerKafka({ brokers: brokers.split(",") })))
