/** `node infra/local/run.ts`: broker, registry, topics and schemas, up until Ctrl-C. */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Console, Effect } from "effect"
import { startLocal } from "./start-local.ts"

const main = Effect.gen(function* () {
  const write = (line: string) => void process.stderr.write(`${line}\n`)
  const { broker, registry, topics } = yield* startLocal({ onProgress: write })
  yield* Console.log(`Kafka           ${broker.brokers} (${broker.source})`)
  yield* Console.log(`Schema registry ${registry.url} (${registry.source})`)
  yield* Console.log(`Topics          ${topics.created.length} created, ${topics.existing.length} there before`)
  for (const { topic, setting, declared, present } of topics.different) {
    yield* Console.log(`  ${topic}: ${setting} is ${present}, declared is ${declared}`)
  }
  yield* Console.log("Up until Ctrl-C.")
  yield* Effect.never
})

main.pipe(
  Effect.scoped,
  Effect.catch((error) =>
    Effect.andThen(
      Console.error(`${error.message}\n${error.nextStep}`),
      Effect.sync(() => {
        process.exitCode = 1
      })
    )
  ),
  NodeRuntime.runMain
)
