import { chmodSync, existsSync, mkdirSync, writeFileSync } from "node:fs"
import path from "node:path"
import process from "node:process"
import { afterAll, assert, beforeAll, beforeEach, describe, it } from "@effect/vitest"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { type BrokenEngine, type EngineTrouble, startBrokenEngine } from "../../tests/harness/broken-docker-engine.ts"
import { temporaryFolder } from "../../tests/harness/temporary-folder.ts"
import { dockerBroker, dockerRegistry } from "./docker.ts"
import { requireJava } from "./java.ts"
import { problem } from "./problem.ts"
import { fromDockerOrJars } from "./source.ts"
import { type DockerLimits, dockerLimits, openState } from "./state.ts"

let engine: BrokenEngine
// testcontainers looks at the process's own variable, and keeps its client once it has one.
beforeAll(async () => {
  engine = await startBrokenEngine(null, "pull is refused")
  process.env["DOCKER_HOST"] = engine.host
})
beforeEach(() => void engine.asked.splice(0))
afterAll(async () => {
  Reflect.deleteProperty(process.env, "DOCKER_HOST")
  await engine.close()
})

/** Short only where the engine keeps someone waiting: elsewhere a busy machine may take its time. */
const shorter: { readonly [trouble in EngineTrouble]?: Partial<DockerLimits> } = {
  "info hangs": { answer: Duration.millis(500) },
  "image hangs": { answer: Duration.millis(500) },
  "pull falls silent": { silence: Duration.millis(500) },
  "pull goes on for ever": { pull: Duration.millis(1_500) },
  "run hangs": { start: Duration.millis(1_500) }
}
const limits = () => ({ ...dockerLimits, ...shorter[engine.trouble] })

const machine = (variables: Readonly<Record<string, string>>) =>
  Effect.provide(ConfigProvider.layer(ConfigProvider.fromEnv({ env: { DOCKER_HOST: engine.host, ...variables } })))

/** A folder with a `bin/java` that prints the version, for JAVA_HOME. */
const fakeJava = (version: number): string => {
  const folder = temporaryFolder()
  const file = path.join(folder, "bin/java")
  mkdirSync(path.dirname(file))
  writeFileSync(file, `#!/bin/sh\necho 'openjdk version "${version}.0.1"' >&2\n`)
  chmodSync(file, 0o755)
  return folder
}

const jars = (javaHome: string) => Effect.as(requireJava(javaHome), "jars")

/** What came of it, what was said on the way, and how long it took. */
const attempt = (
  docker: typeof dockerBroker,
  { javaHome = fakeJava(21), mode = "", prepare = (_folder: string): void => undefined } = {}
) =>
  Effect.gen(function* () {
    const lines: Array<string> = []
    const stateDirectory = temporaryFolder()
    prepare(stateDirectory)
    const state = yield* openState({ stateDirectory, docker: limits(), onProgress: (line) => void lines.push(line) })
    const started = performance.now()
    const got = yield* Effect.result(
      Effect.scoped(
        fromDockerOrJars(state, (source, state) => (source === "docker" ? docker(state) : jars(javaHome)))
      ).pipe(machine({ CAPI_DOCKER: mode, JAVA_HOME: javaHome }))
    )
    return { got, lines, millis: performance.now() - started }
  })

describe("an engine that answers and cannot do it", () => {
  const cases: ReadonlyArray<readonly [EngineTrouble, RegExp]> = [
    ["ping hangs", /^Docker does not answer \(in 2s\)\. Kafka and the registry come from Maven's jars instead/],
    ["ping fails", /^Docker answers with status 503\. Kafka and the registry come from/],
    ["info hangs", /^Docker does not answer \(in 500ms\)\. Kafka and/],
    ["image hangs", /^Docker does not answer \(in 500ms\)\. Kafka and/],
    ["pull is refused", /^Docker cannot pull \S+: .*no such host.*\. Kafka and the registry come from Maven's jars/],
    ["pull fails midway", /^Docker cannot pull \S+: toomanyrequests: You have reached your pull rate limit\. Kafka/],
    ["pull falls silent", /^Docker cannot pull \S+: no news of it for 500ms\. Kafka/],
    ["pull goes on for ever", /^Docker cannot pull \S+, which has taken 1s 500ms\. Kafka/],
    ["run is refused", /^Docker does not run \S+: .*read-only file system.*\. Kafka/],
    ["run hangs", /^Docker does not run \S+, which has taken 1s 500ms\. Kafka/]
  ]
  // A start that hangs keeps testcontainers' lock: it comes last.
  const services = [
    ["broker", dockerBroker],
    ["registry", dockerRegistry]
  ] as const
  const all = cases.flatMap(([trouble, line]) =>
    services.map(([service, docker]) => [trouble, service, { line, docker }] as const)
  )
  it.live.each(all)("whose %s leaves the %s to the jars, in one line and in time", ([trouble, , { line, docker }]) =>
    Effect.gen(function* () {
      engine.trouble = trouble
      const { got, lines, millis } = yield* attempt(docker)
      assert.deepInclude(got, { _tag: "Success", success: "jars" })
      const said = lines.filter((one) => !/^(Fetching|Starting)/.test(one))
      assert.lengthOf(said, 1, said.join("\n"))
      assert.match(said[0]!, line)
      assert.isBelow(millis, 12_000)
    })
  )

  it.live("is an error with both reasons where there is no Java either", () =>
    Effect.gen(function* () {
      engine.trouble = "pull is refused"
      const { got } = yield* attempt(dockerBroker, { javaHome: "/nowhere" })
      if (got._tag === "Success") return assert.fail("it started")
      assert.strictEqual(got.failure.code, "no_java")
      assert.match(got.failure.message, /^Docker cannot pull .*no such host.*\. Without Docker: No Java was found/)
    })
  )

  it.live("is not asked at all where jars have made the state folder", () =>
    Effect.gen(function* () {
      for (const folder of ["broker-1", "registry"]) {
        engine.asked.splice(0)
        const prepare = (state: string) => void mkdirSync(path.join(state, folder))
        const { got, lines } = yield* attempt(dockerBroker, { prepare })
        assert.deepInclude(got, { success: "jars" })
        assert.deepEqual([lines, engine.asked], [[], []])
      }
    })
  )

  it.live("is asked after all where jars have made the state folder and Java is gone", () =>
    Effect.gen(function* () {
      engine.trouble = "pull is refused"
      const prepare = (state: string) => void mkdirSync(path.join(state, "broker-1"))
      const { got, lines } = yield* attempt(dockerBroker, { prepare, javaHome: "/nowhere" })
      assert.deepInclude(got, { _tag: "Failure" })
      assert.match(lines[0]!, /^No Java was found .* Docker brings Kafka and the registry instead/)
      assert.include(engine.asked, "POST /images/create")
    })
  )

  it.live("says that what earlier runs kept is in its volumes", () =>
    Effect.gen(function* () {
      engine.trouble = "pull is refused"
      const prepare = (state: string) => writeFileSync(path.join(state, "schema-ids-docker.json"), "{}")
      const { lines } = yield* attempt(dockerBroker, { prepare })
      assert.match(lines.at(-1)!, /What earlier runs kept is in Docker's volumes/)
    })
  )
})

describe("CAPI_DOCKER", () => {
  it.live("never: asks nothing of the engine", () =>
    Effect.gen(function* () {
      const { got } = yield* attempt(dockerBroker, { mode: "never" })
      assert.deepInclude(got, { success: "jars" })
      assert.deepEqual(engine.asked, [])
    })
  )

  it.live("always: fails where the engine cannot", () =>
    Effect.gen(function* () {
      engine.trouble = "pull fails midway"
      const { got } = yield* attempt(dockerBroker, { mode: "always" })
      if (got._tag === "Success") return assert.fail("it started")
      assert.strictEqual(got.failure.code, "docker_failed")
    })
  )

  it.live("anything else is refused with what is known", () =>
    Effect.gen(function* () {
      const { got } = yield* attempt(dockerBroker, { mode: "no" })
      if (got._tag === "Success") return assert.fail("it started")
      assert.strictEqual(
        `${got.failure.message} ${got.failure.nextStep}`,
        'CAPI_DOCKER is "no". Set it to auto, never, always, or not at all.'
      )
    })
  )
})

it.live("what a failed try has started is ended before the other begins", () =>
  Effect.gen(function* () {
    engine.trouble = "pull is refused"
    const file = path.join(temporaryFolder(), "started")
    const docker: typeof dockerBroker = () =>
      Effect.acquireRelease(
        Effect.sync(() => writeFileSync(file, "")),
        () => Effect.sync(() => writeFileSync(`${file}-ended`, ""))
      ).pipe(Effect.andThen(Effect.fail(problem("docker_failed", "Docker does not.", ""))))
    const state = yield* openState({ stateDirectory: temporaryFolder(), docker: limits() })
    const ended = yield* fromDockerOrJars(state, (source, state) =>
      source === "docker" ? docker(state) : Effect.sync(() => String(existsSync(`${file}-ended`)))
    ).pipe(Effect.scoped, machine({ JAVA_HOME: fakeJava(21) }))
    assert.strictEqual(ended, "true")
  })
)
