/** What an image has to be: small in what it holds, and able to run without rights. */

import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { registryLayer } from "../../../shared/codec/registry.ts"
import { loadConnections } from "../../../shared/connectors/load-connections.ts"
import { layerKafka } from "../../../shared/kafka/kafkajs/adapter.ts"
import { readLedger } from "../../../shared/ledger/read-ledger.ts"
import { isSettled } from "../../demo/demo.ts"
import { sampleConnections } from "../../demo/environment.ts"
import { processorFolders, programNames } from "../../local/program-files.ts"
import { publishSamples } from "../../samples/publish.ts"
import { checkFailed } from "./command.ts"
import { answers, type Container, eventually, type Ground, sandboxed, startContainer } from "./containers.ts"
import type { Engine } from "./engine.ts"
import { compressedBytes, findPlanted } from "./layers.ts"
import { oddPaths } from "./planted.ts"
import type { Report } from "./report.ts"

export interface Built {
  readonly engine: Engine
  /** The image, and the stage that its programs are made in. */
  readonly image: string
  readonly stage: string
  /** The platforms' sandboxes. */
  readonly sandbox: string
  readonly marker: string
}

/** Layers, files and user of the image, without any program running. */
export const checkContent = Effect.fnUntraced(function* (report: Report, { engine, image, stage, marker }: Built) {
  yield* report.check("no layer of the image holds what was planted", findNothing(engine, image, marker, []))
  yield* report.check(
    "no layer of the build stage holds a credential of a known name",
    findNothing(engine, stage, marker, oddPaths)
  )
  yield* report.check(
    "the image holds the programs, the console's page, the schemas and packages, and no source, test or example",
    Effect.gen(function* () {
      const find =
        "find . -path ./node_modules -prune -o -type f -print; ls -d node_modules/effect node_modules/kafkajs"
      const { out } = yield* engine.must(["run", "--rm", "--network", "host", "--entrypoint", "sh", image, "-c", find])
      const files = out.trim().split("\n")
      const stranger = files.find(
        (file) =>
          !/^(\.\/dist\/programs\/[\w.-]+\.js|\.\/dist\/console\/index\.html|\.\/schemas\/[\w-]+\.avsc|\.\/package\.json|node_modules\/\w+)$/.test(
            file
          )
      )
      if (stranger !== undefined) return yield* checkFailed(`it holds ${stranger}`)
      const missing = processorFolders.find((name) => !files.includes(`./dist/programs/${name}.js`))
      if (missing !== undefined) return yield* checkFailed(`it has no program ${missing}`)
    })
  )
  yield* report.check(
    `the image is under ${imageMegabytesMax} MB compressed`,
    Effect.gen(function* () {
      const megabytes = (yield* compressedBytes(engine, image)) / 1_000_000
      yield* Effect.sync(() => report.note(`${megabytes.toFixed(1)} MB`))
      if (megabytes >= imageMegabytesMax) return yield* checkFailed(`it has ${megabytes.toFixed(1)} MB`)
    })
  )
  yield* report.check(
    "the command line answers: the default command, by its name, and in any folder",
    commandLine(engine, image)
  )
})

const imageMegabytesMax = 250

const commandLine = Effect.fnUntraced(function* (engine: Engine, image: string) {
  const bare = ["run", "--rm", "--network", "host", "--read-only"]
  const help = yield* engine.must([...bare, image])
  if (!/Exit codes: 0 done/.test(help.out))
    return yield* checkFailed(`the default command prints ${help.out.slice(0, 200)}`)
  const version = yield* engine.must([...bare, "--workdir", "/tmp", "--entrypoint", "capi", image, "--version"])
  if (!/v\d+\.\d+/.test(version.out)) return yield* checkFailed(`capi --version prints ${version.out}`)
})

const findNothing = Effect.fnUntraced(function* (
  engine: Engine,
  image: string,
  marker: string,
  allowed: ReadonlyArray<string>
) {
  const { planted, bytes } = yield* findPlanted(engine, image, marker)
  if (bytes < 50_000_000) return yield* checkFailed(`only ${bytes} bytes of it could be read`)
  const found = planted.filter((file) => !allowed.includes(file))
  if (found.length > 0) return yield* checkFailed(`it holds ${found.join(", ")}`)
})

/** Every program at work on a local broker: health, rights, the whole chain, and its end on SIGTERM. */
export const checkPrograms = Effect.fnUntraced(function* (report: Report, { engine, image }: Built, ground: Ground) {
  const { connections } = yield* loadConnections(sampleConnections, ground.variables)
  const enabled = connections.filter((connection) => connection.enabled)
  const containers = yield* Effect.forEach(programNames, (name) => startContainer(engine, image, ground, name))
  const settled = (published: number) =>
    Effect.gen(function* () {
      const balance = yield* readLedger({ from: 0, to: yield* Clock.currentTimeMillis }, enabled, "")
      return isSettled(balance, published) && balance.balanced
    })
  const wait = <E, R>(what: string, seconds: number, condition: Effect.Effect<boolean, E, R>) =>
    eventually(engine, containers, what, seconds, condition)

  for (const one of containers) {
    yield* report.check(
      `${one.program} starts without rights and answers /healthz, /readyz and Docker's health check`,
      Effect.gen(function* () {
        yield* wait("/healthz", 90, answers(`${one.url}/healthz`))
        yield* wait("/readyz", 90, answers(`${one.url}/readyz`))
        yield* wait("healthy", 60, isHealthy(engine, one))
        yield* hasNoRights(engine, one)
      })
    )
  }
  const samples = yield* publishSamples("")
  yield* report.check(
    `the chain takes ${samples} sample events to their outcome at every connection`,
    wait("all settled", 180, settled(samples))
  )
  yield* report.check(
    "the command line reads the same: ledger, results, and capi in a running container",
    Effect.gen(function* () {
      const capi = (...args: ReadonlyArray<string>) =>
        engine.must(["run", "--rm", ...sandboxed(ground), image, "dist/programs/capi.js", ...args])
      yield* capi("ledger")
      const { out } = yield* capi("results", "--summary", "--json")
      if (!out.includes("delivered")) return yield* checkFailed(`results --summary prints ${out.slice(0, 300)}`)
      yield* engine.must(["exec", containers[0]!.name, "capi", "--help"])
    })
  )
  yield* report.check(
    "SIGTERM amid events ends the normalizer in order, and none is lost when it comes back",
    Effect.gen(function* () {
      const normalizer = containers.find(({ program }) => program === "normalizer")!
      const more = yield* publishSamples("")
      yield* endsInOrder(engine, normalizer)
      yield* engine.must(["start", normalizer.name])
      yield* wait("all settled", 180, settled(samples + more))
    })
  )
  yield* report.check(
    "SIGTERM ends every program in order",
    Effect.forEach(containers, (one) => endsInOrder(engine, one), { concurrency: "unbounded", discard: true })
  )
})

/** What the checks of programs need: the broker and the registry that they run on. */
export const groundLayer = ({ brokers, registryUrl }: Pick<Ground, "brokers" | "registryUrl">) =>
  Layer.merge(layerKafka({ brokers: brokers.split(",") }), registryLayer({ url: registryUrl, prefix: "" }))

const isHealthy = (engine: Engine, { name }: Container) =>
  Effect.map(
    engine.docker(["inspect", "--format", "{{.State.Health.Status}}", name]),
    ({ out }) => out.trim() === "healthy"
  )

const hasNoRights = Effect.fnUntraced(function* (engine: Engine, { name }: Container) {
  const { out } = yield* engine.must(["exec", name, "sh", "-c", "id -u; grep CapEff /proc/1/status"])
  const [user, capabilities = ""] = out.trim().split("\n")
  if (user !== "1000" || !/\s0+$/.test(capabilities))
    return yield* checkFailed(`it runs as user ${user} with ${capabilities}`)
  const write = yield* engine.docker(["exec", name, "sh", "-c", "touch /app/x /tmp/x"])
  if (write.code === 0) return yield* checkFailed("it can write to its file system")
})

const endsInOrder = Effect.fnUntraced(function* (engine: Engine, { name, program }: Container) {
  yield* engine.must(["stop", "--time", "60", name], { limit: "90 seconds" })
  const { out } = yield* engine.must(["inspect", "--format", "{{.State.ExitCode}} {{.State.OOMKilled}}", name])
  if (out.trim() !== "0 false") {
    const logs = yield* engine.docker(["logs", "--tail", "5", name])
    return yield* checkFailed(`${program} ends with ${out.trim()}: ${logs.out}${logs.err}`)
  }
})
