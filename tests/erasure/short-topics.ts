/** A broker whose days are seconds, and its topics. */
import * as Effect from "effect/Effect"
import { declaredTopics } from "../../infra/topics/declared-topics.ts"
import { KafkaClient } from "../../shared/kafka/client.ts"

export const prefix = "erasure."
/** In the place of days: a broker deletes what is older, and closes segments after a tenth. */
const retentionMillis = 45_000
/** The ledger needs the dead letters until its last check. */
export const deadLettersMillis = 4 * retentionMillis

export const brokerSettings = {
  "log.retention.check.interval.ms": "1000",
  "log.segment.delete.delay.ms": "500",
  "log.cleaner.backoff.ms": "500",
  "log.initial.task.delay.ms": "500",
  // What a producer compresses could not be found in the log's bytes.
  "compression.type": "uncompressed"
}

const second = 1_000

/** The declared topics with seconds for days. Secrets and suppressions are compacted as declared, only sooner. */
export const createShortTopics = Effect.gen(function* () {
  const kafka = yield* KafkaClient
  const declared = declaredTopics(prefix, 1, 2, "sealed-events")
  const kept = new Set(["sealed-events", "erasure-log", "delivery-results"].map((name) => prefix + name))
  yield* kafka.createTopics(
    declared.map((topic) => {
      const config: Record<string, string> = { ...topic.config }
      if (config["cleanup.policy"]!.includes("compact")) {
        if (config["segment.ms"] !== undefined) config["segment.ms"] = String(second)
        if (config["max.compaction.lag.ms"] !== undefined) config["max.compaction.lag.ms"] = String(second)
        config["delete.retention.ms"] = String(second)
      }
      if (config["cleanup.policy"]!.includes("delete") && !kept.has(topic.name)) {
        config["retention.ms"] = String(topic.name.endsWith("dead-letters") ? deadLettersMillis : retentionMillis)
        config["segment.ms"] = String(retentionMillis / 10)
      }
      return { ...topic, config }
    })
  )
})
