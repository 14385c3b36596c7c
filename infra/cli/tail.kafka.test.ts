/** A `tail` without a start: it says that it waits, for nothing comes until a record does, and Ctrl-C is its end. */
import { once } from "node:events"
import path from "node:path"
import process from "node:process"
import { assert, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { testBrokers, testRegistryUrl, uniquePrefix } from "../../tests/harness/test-services.ts"
import { waitUntil } from "../../tests/harness/wait-until.ts"
import { spawnGuarded } from "../local/guarded-spawn.mjs"
import { repository } from "../local/state.ts"
import { runCommand } from "./testing.ts"

it.live(
  "says which topic it follows, until Ctrl-C",
  () =>
    Effect.gen(function* () {
      const env = {
        KAFKA_BROKERS: testBrokers().join(","),
        SCHEMA_REGISTRY_URL: testRegistryUrl(),
        CAPI_TOPIC_PREFIX: uniquePrefix("tail")
      }
      yield* runCommand(["topics", "--create"], env)
      const child = spawnGuarded(
        process.execPath,
        [path.join(repository, "infra/cli/capi.mjs"), "tail", "raw-events"],
        {
          env: { ...process.env, ...env },
          stdio: ["ignore", "ignore", "pipe"]
        }
      )
      let notes = ""
      child.stderr?.on("data", (chunk) => {
        notes += String(chunk)
      })
      const ended = once(child, "exit")
      yield* Effect.promise(() =>
        waitUntil("it says what it does", () => notes.endsWith("\n") || child.exitCode !== null)
      )
      assert.strictEqual(notes, "Following raw-events from now on; Ctrl-C ends it.\n")
      child.kill("SIGINT")
      const [exitCode] = yield* Effect.promise(() => ended)
      assert.strictEqual(exitCode, 0)
      const listed = yield* runCommand(["tail", "raw-events", "--last", "1"], env)
      assert.deepStrictEqual(listed.notes, [])
    }).pipe(Effect.scoped),
  120_000
)
