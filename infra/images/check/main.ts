/**
 * `make test-docker`: builds the image from a copy of this checkout that holds planted credentials, looks for them in every
 * layer, and runs each program of it without rights. Where no engine can build it, one is started, which needs root.
 * Exit codes: 0 all passed, 1 something failed, 2 it cannot be checked here.
 */
import { randomBytes } from "node:crypto"
import { existsSync, readFileSync } from "node:fs"
import path from "node:path"
import process from "node:process"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { describeFailure, exitCodes, formatFailure } from "../../../shared/runtime/exit.ts"
import { repository } from "../../local/state.ts"
import { baseImagesOf, hasOrPulls, makeStandIn } from "./base-image.ts"
import { type Built, checkContent, checkPrograms, groundLayer } from "./checks.ts"
import { startGround } from "./containers.ts"
import { makeContext } from "./context.ts"
import { type Engine, existingEngine, startEngine } from "./engine.ts"
import { makeReport, type Report } from "./report.ts"

const dockerfile = path.join(repository, "infra/images/Dockerfile")
const print = (line: string): void => void process.stdout.write(`${line}\n`)

const main = Effect.gen(function* () {
  const report = makeReport()
  const engine = yield* engineWithBase
  const built = yield* build(report, engine)
  if (built !== null) {
    yield* checkContent(report, built)
    const ground = yield* startGround
    yield* checkPrograms(report, built, ground).pipe(Effect.provide(groundLayer(ground)))
  }
  return report.end()
})

/** An engine that has what the Dockerfile builds on; a stand-in goes only into one that is thrown away. */
const engineWithBase = Effect.gen(function* () {
  const bases = baseImagesOf(readFileSync(dockerfile, "utf8"))
  const existing = yield* existingEngine
  if (existing !== null) {
    const there = yield* Effect.forEach(bases, (image) => hasOrPulls(existing, image))
    if (there.every((one) => one)) return existing
    print(`Docker answers, but cannot pull ${bases.join(", ")}. Another engine is started.`)
  } else print("No Docker engine answers here. One is started.")
  const engine = yield* startEngine
  for (const image of bases) {
    if (yield* hasOrPulls(engine, image)) continue
    print(`${image} cannot be pulled. A stand-in is made of Debian's packages and the Node that npm brought.`)
    yield* makeStandIn(engine, image)
  }
  return engine
})

/** Null where it does not build: nothing else can be checked then. */
const build = Effect.fnUntraced(function* (report: Report, engine: Engine) {
  const marker = `planted-${randomBytes(12).toString("hex")}`
  const context = yield* makeContext(marker)
  const [image, stage] = [`capi-relay-check:${process.pid}`, `capi-relay-check-stage:${process.pid}`]
  yield* Effect.addFinalizer(() => Effect.ignore(engine.docker(["image", "rm", "--force", image, stage])))
  const buildOne = (tag: string, more: ReadonlyArray<string>) =>
    engine.must(
      ["build", "--network", "host", "--file", path.join(context, "infra/images/Dockerfile"), "--tag", tag].concat([
        ...authority(),
        ...more,
        context
      ]),
      { limit: "15 minutes" }
    )
  const well = yield* report.check(
    "the image builds from what git holds",
    Effect.andThen(buildOne(image, []), buildOne(stage, ["--target", "programs"]))
  )
  return well ? ({ engine, image, stage, marker } satisfies Built) : null
})

/** The certificates that this machine trusts beside Node's: npm in the build has to trust them too. */
const authority = (): ReadonlyArray<string> => {
  const file = process.env["NODE_EXTRA_CA_CERTS"] ?? ""
  if (file === "" || !existsSync(file)) return []
  return ["--secret", `id=ca,src=${file}`, "--build-arg", "NODE_EXTRA_CA_CERTS=/run/secrets/ca"]
}

const exitCodeOf = (exit: Exit.Exit<unknown, unknown>): number => {
  if (Exit.isSuccess(exit)) return exit.value === true ? exitCodes.ok : exitCodes.failure
  const failure = describeFailure(exit.cause)
  if (failure === null) return exitCodes.interrupted
  process.stderr.write(`${formatFailure("test-docker", failure)}\n`)
  return failure.code === "cannot_check" ? exitCodes.usage : exitCodes.failure
}

NodeRuntime.runMain(Effect.scoped(main), {
  disableErrorReporting: true,
  teardown: (exit) => process.exit(exitCodeOf(exit))
})
