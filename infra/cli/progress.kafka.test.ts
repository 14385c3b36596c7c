/** A real command that waits for records: what it says meanwhile, and how Ctrl-C ends it. */
import { once } from "node:events"
import path from "node:path"
import process from "node:process"
import { assert, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { KafkaClient } from "../../shared/kafka/client.ts"
import { layerKafka } from "../../shared/kafka/kafkajs/adapter.ts"
import { testBrokers, testRegistryUrl, uniquePrefix } from "../../tests/harness/test-services.ts"
import { waitUntil } from "../../tests/harness/wait-until.ts"
import { spawnGuarded } from "../local/guarded-spawn.mjs"
import { repository } from "../local/state.ts"
import { runCommand } from "./testing.ts"

/** A command that has nothing to finish ends so soon, on a machine at work on other things. */
const endMillisMax = 5_000

const startCommand = (args: ReadonlyArray<string>, env: Readonly<Record<string, string>>) => {
  const child = spawnGuarded(process.execPath, [path.join(repository, "infra/cli/capi.mjs"), ...args], {
    env: { ...process.env, ...env },
    stdio: ["ignore", "pipe", "pipe"]
  })
  const texts = { out: "", errors: "" }
  child.stdout?.on("data", (chunk) => {
    texts.out += String(chunk)
  })
  child.stderr?.on("data", (chunk) => {
    texts.errors += String(chunk)
  })
  return { child, texts }
}

it.live(
  "says how far it is, and ends at Ctrl-C with 130",
  () =>
    Effect.gen(function* () {
      const prefix = uniquePrefix("progress")
      const env = {
        KAFKA_BROKERS: testBrokers().join(","),
        SCHEMA_REGISTRY_URL: testRegistryUrl(),
        CAPI_TOPIC_PREFIX: prefix
      }
      yield* runCommand(["topics", "--create"], env)
      const kafka = yield* KafkaClient
      const record = { topic: `${prefix}dead-letters`, partition: 0, key: "k", value: Buffer.from("v") }
      yield* kafka.produce([record, record, record])
      // A reader of committed records waits at an open transaction.
      const producer = yield* kafka.transactional(`${prefix}open`)
      const open = yield* producer.begin
      yield* open.write([record])
      const { child, texts } = startCommand(["dead-letters", "list"], env)
      const ended = once(child, "exit")
      yield* Effect.promise(() =>
        waitUntil("it has said how far it is", () => texts.errors !== "" || child.exitCode !== null)
      )
      assert.match(texts.errors, /^Reading dead-letters: 3 of 4 records \(75 %\) after 1\d s\.\n$/)
      const interruptedAt = performance.now()
      child.kill("SIGINT")
      const [exitCode] = yield* Effect.promise(() => ended)
      assert.deepStrictEqual([exitCode, texts.out], [130, ""])
      assert.isBelow(performance.now() - interruptedAt, endMillisMax)
      yield* open.abort
    }).pipe(Effect.scoped, Effect.provide(layerKafka({ brokers: testBrokers() }))),
  120_000
)
