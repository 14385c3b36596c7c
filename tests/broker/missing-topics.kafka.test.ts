/** Every program on the real broker without its topics, or with a wrong prefix: it says within seconds what to type. */
import { writeFileSync } from "node:fs"
import path from "node:path"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { runCommand } from "../../infra/cli/testing.ts"
import { logTail } from "../../infra/local/processes.ts"
import { programNames } from "../../infra/local/program-files.ts"
import { logFileOf } from "../../infra/local/run-programs.ts"
import { connectorFor } from "../../shared/connectors/registry.ts"
import { connectorKinds } from "../../shared/model/platform.ts"
import { environmentFor } from "../harness/environment.ts"
import { startablePrograms } from "../harness/programs.ts"
import { temporaryFolder } from "../harness/temporary-folder.ts"
import { testBrokers, testRegistryUrl, uniquePrefix } from "../harness/test-services.ts"
import { waitUntil } from "../harness/wait-until.ts"

/** One of each kind, so that every delivery has something to read. */
const connections = `version: 1
connections:
${connectorKinds
  .map((kind) => {
    const account = JSON.stringify(connectorFor(kind).exampleAccount)
    return `  - { id: ${kind}, platform: ${kind}, account: ${account}, credential: env:NONE }\n`
  })
  .join("")}`

describe("a program without its topics", { timeout: 240_000 }, () => {
  it.live("names them, the prefix that the broker has, and the command; with its topics it gets ready", () =>
    Effect.gen(function* () {
      const folder = temporaryFolder()
      const file = path.join(folder, "connections.yaml")
      writeFileSync(file, connections)
      const prefix = uniquePrefix("there")
      const environment = environmentFor({
        brokers: testBrokers().join(","),
        registryUrl: testRegistryUrl(),
        prefix,
        connections: file
      })
      yield* runCommand(["topics", "--create"], environment)
      const programs = yield* startablePrograms({ folder, environment, bundled: true })
      for (const name of programNames) {
        yield* programs.launch(name, { CAPI_TOPIC_PREFIX: `x${prefix}` })
        const text = yield* Effect.promise(() =>
          waitUntil(
            `${name} says what is missing`,
            async () => {
              const answer = await Effect.runPromise(programs.readiness(name))
              if (answer?.text.includes("Topics are missing") !== true)
                throw new Error(answer?.text ?? logTail(logFileOf(folder, name), 5))
              return answer.text
            },
            60_000
          )
        )
        assert.include(text, `x${prefix}`, name)
        assert.include(text, "./capi topics --create", name)
        assert.include(text, `CAPI_TOPIC_PREFIX=${prefix}`, name)
        yield* programs.stop([name])
      }
      yield* programs.start(["normalizer", "delivery-meta"])
    }).pipe(Effect.scoped)
  )
})
