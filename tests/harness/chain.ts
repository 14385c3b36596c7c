/**
 * The chain as it runs in production, for runs that prove or measure it: a broker and a registry, the sandbox in this
 * process, each processor as a process of its own. Everything lies in one temporary folder and ends with the scope.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import path from "node:path"
import process from "node:process"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { spawnGuarded } from "../../infra/local/guarded-spawn.mjs"
import { freePort } from "../../infra/local/ports.ts"
import { endProcess, type Launched, launch, logTail } from "../../infra/local/processes.ts"
import { sourceCommand } from "../../infra/local/program-files.ts"
import { startLocal } from "../../infra/local/start-local.ts"
import { defaultStateDirectory, repository } from "../../infra/local/state.ts"
import { type PartialSandboxOptions, type Sandbox, sandboxDefaults, startSandbox } from "../../infra/sandbox/sandbox.ts"

export interface ChainOptions {
  /** Part of the temporary folder's name. */
  readonly name: string
  /** Before every topic and group. */
  readonly prefix: string
  /** The text of `connections.yaml`; hosts and credentials are in the variables that the example's connections use. */
  readonly connections: string
  /** Names of programs, such as `delivery-meta`. */
  readonly processors: ReadonlyArray<string>
  readonly sandbox?: PartialSandboxOptions
  /** Starts the broker sooner, serves slower: not for measurements. */
  readonly quickStart: boolean
  readonly onProgress: (line: string) => void
}

export interface Chain {
  readonly brokers: string
  readonly registryUrl: string
  readonly prefix: string
  readonly sandbox: Sandbox
  /** What the processors and tools see of the chain. */
  readonly variables: Readonly<Record<string, string>>
  readonly folder: string
  /** Fails as soon as a processor has ended by itself. */
  readonly watch: Effect.Effect<never, Error>
  /** `capi` with `--json`: its exit code and what it printed. */
  readonly capi: (
    ...args: ReadonlyArray<string>
  ) => Effect.Effect<{ readonly exitCode: number; readonly json: unknown }>
}

/** Starts everything and waits until every processor is ready. */
export const startChain = Effect.fnUntraced(function* (options: ChainOptions) {
  const folder = yield* temporaryFolder(options.name)
  const local = yield* startLocal({
    prefix: options.prefix,
    stateDirectory: folder,
    ending: "kill",
    quickStart: options.quickStart,
    onProgress: options.onProgress
  })
  const sandbox = yield* startSandbox(options.sandbox ?? {})
  const connectionsFile = path.join(folder, "connections.yaml")
  writeFileSync(connectionsFile, options.connections)
  const variables: Readonly<Record<string, string>> = {
    ...platformVariables(sandbox),
    KAFKA_BROKERS: local.broker.brokers,
    SCHEMA_REGISTRY_URL: local.registry.url,
    CAPI_TOPIC_PREFIX: options.prefix,
    CAPI_CONNECTIONS: connectionsFile,
    CAPI_MASTER_KEY: "a-key-for-one-run-of-this-chain"
  }
  options.onProgress(`Starting ${options.processors.join(", ")}.`)
  const running = yield* startProcessors(options.processors, variables, folder)
  const chain: Chain = {
    brokers: local.broker.brokers,
    registryUrl: local.registry.url,
    prefix: options.prefix,
    sandbox,
    variables,
    folder,
    watch: watch(running),
    capi: (...args) => runCapi(args, variables, folder)
  }
  yield* Effect.raceFirst(Effect.forEach(running, untilReady, { concurrency: "unbounded", discard: true }), chain.watch)
  return chain
})

interface Running extends Launched {
  readonly name: string
  readonly url: string
  readonly logFile: string
}

const temporaryFolder = (name: string): Effect.Effect<string, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.sync(() => mkdtempSync(path.join(tmpdir(), `capi-${name}-`))),
    (folder) => Effect.sync(() => rmSync(folder, { recursive: true, force: true }))
  )

/** Hosts and credentials of the sandbox, under the names that the example's connections use. */
const platformVariables = (sandbox: Sandbox): Readonly<Record<string, string>> => ({
  META_HOST: sandbox.urls.meta,
  META_TOKEN: sandboxDefaults.meta.tokens[0]!,
  GOOGLE_HOST: sandbox.urls.google,
  GOOGLE_OAUTH_HOST: sandbox.urls["google-oauth"],
  GOOGLE_CREDENTIAL: JSON.stringify({
    client_id: sandboxDefaults.google.clientId,
    client_secret: sandboxDefaults.google.clientSecret,
    refresh_token: Object.keys(sandboxDefaults.google.refreshTokens)[0]!
  }),
  TIKTOK_HOST: sandbox.urls.tiktok,
  TIKTOK_TOKEN: sandboxDefaults.tiktok.tokens[0]!,
  SNAPCHAT_HOST: sandbox.urls.snapchat,
  SNAPCHAT_TOKEN: sandboxDefaults.snapchat.tokens[0]!
})

const environmentOf = (variables: Readonly<Record<string, string>>): NodeJS.ProcessEnv => ({
  // Programs that start at once from the same modules load what one of them has compiled.
  NODE_COMPILE_CACHE: path.join(defaultStateDirectory, "compile-cache"),
  ...process.env,
  ...variables
})

const startProcessors = (
  names: ReadonlyArray<string>,
  variables: Readonly<Record<string, string>>,
  folder: string
): Effect.Effect<ReadonlyArray<Running>, never, Scope.Scope> =>
  Effect.gen(function* () {
    const running: Array<Running> = []
    yield* Effect.addFinalizer(() =>
      Effect.forEach(running, ({ pid }) => endProcess(pid, drainPatience), { concurrency: "unbounded", discard: true })
    )
    mkdirSync(path.join(folder, "logs"), { recursive: true })
    for (const name of names) {
      const port = yield* freePort
      const logFile = path.join(folder, "logs", `${name}.log`)
      const launched = launch({
        command: process.execPath,
        arguments: sourceCommand(name),
        logFile,
        pidFile: path.join(folder, `${name}.pid`),
        environment: { ...environmentOf(variables), HOST: "127.0.0.1", PORT: String(port), LOG_FORMAT: "json" }
      })
      running.push({ ...launched, name, url: `http://127.0.0.1:${port}`, logFile })
    }
    return running
  })

const drainPatience = Duration.seconds(20)

/** Ready means that the processor has joined its group and has its partitions. */
const untilReady = ({ name, url, logFile }: Running): Effect.Effect<void, Error> =>
  Effect.gen(function* () {
    for (let waited = 0; waited < startupTimeoutMillis; waited += 250) {
      const ready = yield* Effect.promise(() =>
        fetch(`${url}/readyz`).then(
          (response) => response.ok,
          () => false
        )
      )
      if (ready) return
      yield* Effect.sleep("250 millis")
    }
    return yield* Effect.fail(new Error(`${name} does not get ready. ${logTail(logFile, 5)}`))
  })

const startupTimeoutMillis = 120_000

const watch = (running: ReadonlyArray<Running>): Effect.Effect<never, Error> =>
  Effect.gen(function* () {
    for (;;) {
      const ended = running.find((one) => one.hasEnded())
      if (ended !== undefined)
        return yield* Effect.fail(new Error(`${ended.name} ended by itself. ${logTail(ended.logFile, 5)}`))
      yield* Effect.sleep("500 millis")
    }
  })

const runCapi = (
  args: ReadonlyArray<string>,
  variables: Readonly<Record<string, string>>,
  folder: string
): Effect.Effect<{ readonly exitCode: number; readonly json: unknown }> =>
  Effect.promise(async () => {
    const child = spawnGuarded(process.execPath, [path.join(repository, "infra/cli/main.ts"), ...args, "--json"], {
      cwd: folder,
      env: environmentOf(variables),
      stdio: ["ignore", "pipe", "pipe"]
    })
    const parts: Array<Buffer> = []
    const errors: Array<Buffer> = []
    child.stdout.on("data", (part: Buffer) => void parts.push(part))
    child.stderr.on("data", (part: Buffer) => void errors.push(part))
    const exitCode = await new Promise<number>((resolve) => child.once("close", (code) => resolve(code ?? 1)))
    const text = Buffer.concat(parts).toString("utf8").trim()
    if (text === "") throw new Error(`capi ${args.join(" ")} (${exitCode}): ${Buffer.concat(errors).toString("utf8")}`)
    return { exitCode, json: JSON.parse(text) as unknown }
  })
