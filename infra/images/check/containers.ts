/** The image's programs as containers without rights, on a local broker, registry and platform sandboxes. */
import { randomBytes } from "node:crypto"
import process from "node:process"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { demoEnvironment, sampleConnections } from "../../demo/environment.ts"
import { freePort } from "../../local/ports.ts"
import { bundleCommand } from "../../local/program-files.ts"
import { startLocal } from "../../local/start-local.ts"
import { startSandbox } from "../../sandbox/sandbox.ts"
import { type CheckFailed, checkFailed, lastLines } from "./command.ts"
import { type Engine, temporaryFolder } from "./engine.ts"

/** What the containers stand on. */
export interface Ground {
  readonly brokers: string
  readonly registryUrl: string
  /** Settings and credentials of every program. */
  readonly variables: Readonly<Record<string, string>>
}

export interface Container {
  readonly program: string
  readonly name: string
  /** Of /healthz and /readyz. */
  readonly url: string
}

/** Broker and registry from jars, in a folder that is thrown away, and the platforms' sandboxes. */
export const startGround = Effect.gen(function* () {
  const secret = () => randomBytes(32).toString("hex")
  const webhookPort = yield* freePort
  const url = `http://127.0.0.1:${webhookPort}/webhooks/whatsapp/whatsapp-orders`
  const sandbox = yield* startSandbox({ whatsapp: { webhook: { url, appSecret: secret() } } })
  const { broker, registry } = yield* startLocal({
    stateDirectory: yield* temporaryFolder("state"),
    ending: "kill",
    onProgress: (line) => void process.stdout.write(`${line}\n`)
  }).pipe(
    Effect.provide(
      ConfigProvider.layer(
        ConfigProvider.fromEnv({ env: { CAPI_DOCKER: "never", JAVA_HOME: process.env["JAVA_HOME"] ?? "" } })
      )
    )
  )
  const addresses = { brokers: broker.brokers, registryUrl: registry.url, sandbox, webhookPort, indexerPort: 0 }
  const variables = {
    ...demoEnvironment(addresses, { CAPI_CONNECTIONS: sampleConnections, CAPI_MASTER_KEY: secret() }),
    HOST: "127.0.0.1",
    CAPI_INDEXER_FILE: ":memory:"
  }
  return { brokers: broker.brokers, registryUrl: registry.url, variables } satisfies Ground
})

/** Options of `docker run` that take every right away and give the settings. */
export const sandboxed = (
  { variables }: Ground,
  more: Readonly<Record<string, string>> = {}
): ReadonlyArray<string> => {
  const settings = { ...variables, CAPI_CONNECTIONS: "/config/connections.yaml", ...more }
  return [
    ...["--network", "host", "--read-only", "--cap-drop", "ALL", "--security-opt", "no-new-privileges"],
    ...["--volume", `${sampleConnections}:/config/connections.yaml:ro`],
    ...Object.entries(settings).flatMap(([name, value]) => ["--env", `${name}=${value}`])
  ]
}

/** Starts a program in the background; it is removed when the scope closes. */
export const startContainer = (
  engine: Engine,
  image: string,
  ground: Ground,
  program: string
): Effect.Effect<Container, CheckFailed, Scope.Scope> =>
  Effect.gen(function* () {
    const port = yield* freePort
    const name = `capi-check-${process.pid}-${program}`
    const options = sandboxed(ground, { PORT: String(port) })
    yield* Effect.acquireRelease(
      engine.must(["run", "--detach", "--name", name, ...options, image, ...bundleCommand("dist/programs", program)]),
      () => Effect.ignore(engine.docker(["rm", "--force", "--volumes", name]))
    )
    return { program, name, url: `http://127.0.0.1:${port}` }
  })

/** Asks until it holds; then, or after so many seconds with what the containers said last, it ends. */
export const eventually = <E, R>(
  engine: Engine,
  containers: ReadonlyArray<Container>,
  what: string,
  seconds: number,
  condition: Effect.Effect<boolean, E, R>
): Effect.Effect<void, E | CheckFailed, R> =>
  Effect.gen(function* () {
    for (;;) {
      if (yield* condition) return
      yield* Effect.sleep("500 millis")
    }
  }).pipe(
    Effect.timeoutOrElse({
      duration: `${seconds} seconds`,
      orElse: () =>
        Effect.gen(function* () {
          const logs = yield* Effect.forEach(containers, ({ name }) => engine.docker(["logs", "--tail", "3", name]))
          const said = logs.map(({ out, err }, index) => `${containers[index]!.program}: ${lastLines(out + err, 3)}`)
          return yield* checkFailed([`not in ${seconds} s: ${what}`, ...said].join("\n"))
        })
    })
  )

/** Whether a GET answers with 200. */
export const answers = (url: string): Effect.Effect<boolean> =>
  Effect.tryPromise(async (signal) => {
    const response = await fetch(url, { signal: AbortSignal.any([signal, AbortSignal.timeout(2_000)]) })
    await response.arrayBuffer()
    return response.status === 200
  }).pipe(Effect.orElseSucceed(() => false))
