/** The whole local start beside an engine that answers and cannot pull: Kafka and the registry come up from jars. */
import { assert, it } from "@effect/vitest"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import { startBrokenEngine } from "../../tests/harness/broken-docker-engine.ts"
import { temporaryFolder } from "../../tests/harness/temporary-folder.ts"
import { startLocal } from "./start-local.ts"

it.live("a start beside an engine that cannot pull comes up on jars, says why once, and does not ask again", () =>
  Effect.gen(function* () {
    const engine = yield* Effect.acquireRelease(
      Effect.promise(() => startBrokenEngine(null, "pull is refused")),
      ({ close }) => Effect.promise(close)
    )
    const stateDirectory = temporaryFolder()
    const lines: Array<string> = []
    const start = Effect.gen(function* () {
      lines.length = 0
      engine.asked.length = 0
      const onProgress = (line: string) => void lines.push(line)
      const options = { stateDirectory, ending: "kill", fastStart: true, onProgress } as const
      const { broker, registry, topics } = yield* Effect.scoped(startLocal(options))
      return [broker.source, registry.source, topics.created.length > 0]
    }).pipe(
      Effect.provide(
        ConfigProvider.layer(
          ConfigProvider.fromEnv({ env: { DOCKER_HOST: engine.host, JAVA_HOME: process.env["JAVA_HOME"] ?? "" } })
        )
      )
    )
    process.env["DOCKER_HOST"] = engine.host
    yield* Effect.addFinalizer(() => Effect.sync(() => Reflect.deleteProperty(process.env, "DOCKER_HOST")))
    assert.deepEqual(yield* start, ["jars", "jars", true])
    const reasons = lines.filter((line) => line.startsWith("Docker "))
    assert.lengthOf(reasons, 1, lines.join("\n"))
    assert.match(reasons[0]!, /^Docker cannot pull \S+: .*no such host/)
    assert.deepEqual(yield* start, ["jars", "jars", false])
    assert.deepEqual([lines.filter((line) => line.startsWith("Docker ")), engine.asked], [[], []])
  }).pipe(Effect.scoped)
)
