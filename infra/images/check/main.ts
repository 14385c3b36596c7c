/**
 * `make test-docker`: builds the image from a copy of this checkout that holds planted credentials, looks for them in every
 * layer, and runs each program of it without rights. Where no engine can build it, one is started, which needs root.
 * Exit codes: 0 all passed, 1 something failed, 2 it cannot be checked here.
 */
import { randomBytes } from "node:crypto"
import { existsSync, readFileSync } from "node:fs"
import path from "node:path"
import process from "node:process"
import * as Effect from "effect/Effect"
import { brokerImage, registryImage } from "../../local/docker.ts"
import { repository } from "../../local/state.ts"
import { baseImagesOf, hasOrPulls, makeStandIn } from "./base-image.ts"
import { type Built, checkContent, checkPrograms, groundLayer } from "./checks.ts"
import { checkFailed, mustRun } from "./command.ts"
import { prepareCompose } from "./compose.ts"
import { checkCompose } from "./compose-checks.ts"
import { startGround } from "./containers.ts"
import { copyCheckout, makeContext } from "./context.ts"
import { type Engine, existingEngine, startEngine, temporaryFolder } from "./engine.ts"
import { makeReport, type Report, runChecks } from "./report.ts"

const dockerfile = path.join(repository, "infra/images/Dockerfile")
const print = (line: string): void => void process.stdout.write(`${line}\n`)

/** `ONLY=image`, `compose` or `testcontainers`: one part, for who works on it. */
const only = process.env["ONLY"] ?? ""
const wants = (part: "image" | "compose" | "testcontainers"): boolean => only === "" || only === part

const main = Effect.gen(function* () {
  const report = makeReport()
  const engine = yield* engineWithBase
  const built = yield* build(report, engine)
  if (built !== null) {
    if (wants("image")) yield* Effect.scoped(imageAlone(report, built))
    if (wants("compose")) yield* Effect.scoped(composeSystem(report, built))
    if (wants("testcontainers"))
      yield* report.check(
        "the tests of Kafka and registry in containers run, and none is skipped",
        containerTests(engine)
      )
  }
  return report.end()
})

/** The image's layers, and its programs on a broker from jars. */
const imageAlone = Effect.fnUntraced(function* (report: Report, built: Built) {
  yield* checkContent(report, built)
  const ground = yield* startGround
  yield* checkPrograms(report, built, ground).pipe(Effect.provide(groundLayer(ground)))
})

/** The Compose file's system, which has its own broker and registry. */
const composeSystem = Effect.fnUntraced(
  function* (report: Report, { engine, image, sandbox }: Built) {
    const checkout = yield* copyCheckout
    const masterKey = randomBytes(32).toString("base64")
    const compose = yield* prepareCompose(engine, checkout, { programs: image, sandbox }, masterKey)
    yield* checkCompose(report, engine, compose)
  },
  (effect, report) =>
    Effect.catchTag(effect, "CannotCheck", ({ message, nextStep }) =>
      Effect.sync(() => report.skip("docker compose up", `${message} ${nextStep}`))
    )
)

/** By vitest in another process, whose engine is this one. The image that cleans up after testcontainers cannot be pulled. */
const containerTests = Effect.fnUntraced(function* (engine: Engine) {
  const counts = path.join(yield* temporaryFolder("tests"), "counts.json")
  yield* mustRun(
    "vitest",
    ["run", "--root", repository, "--project", "kafka", "--reporter=json", `--outputFile=${counts}`, testFile],
    { environment: { ...engine.environment, TESTCONTAINERS_RYUK_DISABLED: "true" }, limit: "6 minutes" }
  )
  const { numPassedTests: passed, numPendingTests: skipped }: TestCounts = yield* Effect.try({
    try: () => JSON.parse(readFileSync(counts, "utf8")),
    catch: (cause) => checkFailed(`vitest left no counts: ${String(cause)}`)
  })
  if (passed === 0 || skipped > 0) return yield* checkFailed(`${passed} passed, ${skipped} skipped`)
}, Effect.scoped)

const testFile = "infra/local/docker.docker.test.ts"

interface TestCounts {
  readonly numPassedTests: number
  readonly numPendingTests: number
}

/** An engine that has what the Dockerfile builds on; a stand-in goes only into one that is thrown away. */
const engineWithBase = Effect.gen(function* () {
  const bases = [...baseImagesOf(readFileSync(dockerfile, "utf8")), brokerImage, registryImage]
  const existing = yield* existingEngine
  if (existing !== null) {
    const there = yield* Effect.forEach(bases, (image) => hasOrPulls(existing, image))
    if (there.every((one) => one)) return existing
    print(`Docker answers, but cannot pull ${bases.join(", ")}. Another engine is started.`)
  } else print("No Docker engine answers here. One is started.")
  const engine = yield* startEngine
  for (const image of bases) {
    if (yield* hasOrPulls(engine, image)) continue
    print(`${image} cannot be pulled. A stand-in is made: docs/deployment.md.`)
    yield* makeStandIn(engine, image)
  }
  return engine
})

/** Null where it does not build: nothing else can be checked then. */
const build = Effect.fnUntraced(function* (report: Report, engine: Engine) {
  const marker = `planted-${randomBytes(12).toString("hex")}`
  const context = yield* makeContext(marker)
  const [image = "", stage = "", sandbox = ""] = ["", "-stage", "-sandbox"].map(
    (suffix) => `capi-relay-check${suffix}:${process.pid}`
  )
  yield* Effect.addFinalizer(() => Effect.ignore(engine.docker(["image", "rm", "--force", image, stage, sandbox])))
  const buildOne = (tag: string, more: ReadonlyArray<string>, file = "infra/images/Dockerfile") =>
    engine.must(
      ["build", "--network", "host", "--file", path.join(context, file), "--tag", tag].concat([
        ...authority(),
        ...more,
        context
      ]),
      { limit: "15 minutes" }
    )
  const well = yield* report.check(
    "the image builds from what git holds",
    Effect.andThen(
      Effect.andThen(buildOne(image, []), buildOne(stage, ["--target", "programs"])),
      buildOne(sandbox, [], "infra/sandbox/Dockerfile")
    )
  )
  return well ? ({ engine, image, stage, sandbox, marker } satisfies Built) : null
})

/** The certificates that this machine trusts beside Node's: npm in the build has to trust them too. */
const authority = (): ReadonlyArray<string> => {
  const file = process.env["NODE_EXTRA_CA_CERTS"] ?? ""
  if (file === "" || !existsSync(file)) return []
  return ["--secret", `id=ca,src=${file}`, "--build-arg", "NODE_EXTRA_CA_CERTS=/run/secrets/ca"]
}

runChecks("test-docker", main)
