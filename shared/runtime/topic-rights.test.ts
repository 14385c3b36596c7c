import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { SettingsService } from "../config/settings.ts"
import { KafkaClient, KafkaError, type TopicOperation } from "../kafka/client.ts"
import { rightsOf } from "../model/rights.ts"
import { MemoryKafka } from "../testing/memory-kafka.ts"
import { checkTopicRights } from "./topic-rights.ts"

type Allowed = ReadonlyMap<string, ReadonlySet<TopicOperation>>

/** The check of a mapper on a broker that allows this; the prefix is `prod.`. */
const checked = (allowed: Effect.Effect<Allowed, KafkaError>) =>
  checkTopicRights(["mapper"], ["normalized-events", "dead-letters"]).pipe(
    Effect.provide(
      Layer.merge(
        Layer.succeed(KafkaClient, { ...new MemoryKafka().client, topicOperations: () => allowed }),
        Layer.succeed(SettingsService, { topicPrefix: "prod." } as SettingsService["Service"])
      )
    )
  )

const needed: Allowed = new Map(
  ["prod.normalized-events", "prod.dead-letters"].map((topic) => [
    topic,
    new Set(rightsOf("mapper", "prod.").flatMap(({ name, operation }) => (name === topic ? [operation] : [])))
  ])
)

describe("the rights of a program on its topics", () => {
  it.effect("are enough when they are those of the table, or when the broker has no ACLs", () =>
    Effect.gen(function* () {
      yield* checked(Effect.succeed(needed))
      yield* checked(
        Effect.succeed(new Map([...needed].map(([topic]) => [topic, new Set(["Read", "Write"] as const)])))
      )
      yield* checked(Effect.succeed(new Map()))
    })
  )

  it.effect("name the first topic with less, each operation that is missing, and the command that grants it", () =>
    Effect.gen(function* () {
      const less = yield* Effect.flip(checked(Effect.succeed(new Map([...needed, ["prod.dead-letters", new Set()]]))))
      assert.strictEqual(less.code, "unauthorized")
      assert.strictEqual(less.message, "This user has no right to Write on the topic prod.dead-letters.")
      assert.include(less.nextStep, "--operation Write --topic prod.dead-letters")
      const both = yield* Effect.flip(
        checked(Effect.succeed(new Map([...needed, ["prod.normalized-events", new Set(["Describe"] as const)]])))
      )
      assert.include(both.message, "Read and Write on the topic prod.normalized-events")
    })
  )

  it.effect("are believed of a broker that does not answer the question", () =>
    checked(
      Effect.fail(
        new KafkaError({ code: "other", operation: "ask", message: "no such version", nextStep: "", cause: null })
      )
    )
  )
})
