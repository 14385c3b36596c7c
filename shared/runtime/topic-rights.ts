/**
 * Whether a program has its rights on its topics, asked at the start: else the first dead letter or the first moved record would
 * find out what is missing, weeks later. A topic on which a user has no right at all is not listed, as if it did not exist.
 */
import * as Effect from "effect/Effect"
import { SettingsService } from "../config/settings.ts"
import { KafkaClient, KafkaError, type TopicOperation } from "../kafka/client.ts"
import { operationsOn } from "../model/rights.ts"

/**
 * Fails with the first right that is missing, by its operation and topic. Brokers without ACLs allow everything; one that does not
 * answer the question is taken at its word later.
 *
 * @param topics logical names
 */
export const checkTopicRights = Effect.fnUntraced(function* (
  programs: ReadonlyArray<string>,
  topics: ReadonlyArray<string>
) {
  const kafka = yield* KafkaClient
  const { topicPrefix } = yield* SettingsService
  const allowed = yield* kafka
    .topicOperations(topics.map((topic) => topicPrefix + topic))
    .pipe(
      Effect.catch((error) =>
        Effect.as(
          Effect.logDebug("The rights on the topics could not be asked for.").pipe(
            Effect.annotateLogs({ reason: error.message })
          ),
          null
        )
      )
    )
  if (allowed === null) return
  for (const [topic, has] of allowed) {
    const needed = [...new Set(programs.flatMap((program) => operationsOn(program, topicPrefix, topic)))]
    const missing = needed.filter((operation) => !has.has(operation))
    if (missing.length > 0) return yield* missingRight(topic, missing)
  }
})

const missingRight = (topic: string, operations: ReadonlyArray<TopicOperation>) =>
  new KafkaError({
    code: "unauthorized",
    operation: "use the topics",
    message: `This user has no right to ${operations.join(" and ")} on the topic ${topic}.`,
    nextStep: `Grant it: kafka-acls.sh --add --allow-principal User:<user> ${operations.map((operation) => `--operation ${operation}`).join(" ")} --topic ${topic}; infra/acl has the rights of each program.`,
    cause: null
  })
