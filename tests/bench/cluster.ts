/** What the benchmarks of the chain run on: a broker and registry, processors as processes, and a sink. */
import { mkdirSync, writeFileSync } from "node:fs"
import path from "node:path"
import process from "node:process"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { bundlePrograms, programsFolder } from "../../infra/build/bundle.ts"
import { freePort } from "../../infra/local/ports.ts"
import { bundleCommand } from "../../infra/local/program-files.ts"
import { startProgram } from "../../infra/local/run-programs.ts"
import { startLocal } from "../../infra/local/start-local.ts"
import { repository } from "../../infra/local/state.ts"
import { connectorFor } from "../../shared/connectors/registry.ts"
import type { Platform } from "../../shared/model/platform.ts"
import { environmentFor } from "../harness/environment.ts"
import { scopedFolder } from "../harness/scoped-folder.ts"
import { waitUntil } from "../harness/wait-until.ts"
import { type MeasuredProcess, type MeasuredProgram, measuredProgram, startProcess } from "./measured-process.ts"

export interface Cluster {
  readonly brokers: string
  readonly brokerPid: number | null
  readonly registryUrl: string
  readonly folder: string
}

/** Broker and registry in a temporary folder, which goes with the scope. `partitions`: of the topics that events pass through. */
export const clusterWith = Effect.fnUntraced(function* (
  brokerSettings: Readonly<Record<string, string>>,
  partitions?: number
) {
  const folder = yield* scopedFolder("bench")
  // What the image runs.
  yield* Effect.promise(() => bundlePrograms())
  const stateDirectory = path.join(folder, "state")
  const { broker, registry } = yield* startLocal({
    stateDirectory,
    ending: "kill",
    onProgress: progress,
    brokerSettings,
    ...(partitions === undefined ? {} : { partitions })
  })
  mkdirSync(path.join(folder, "logs"))
  const made: Cluster = { brokers: broker.brokers, brokerPid: broker.pid, registryUrl: registry.url, folder }
  return made
})

export const cluster = clusterWith({})

export const progress = (line: string): void => {
  process.stderr.write(`${line}\n`)
}

export interface Sink {
  readonly url: string
  readonly pid: number
  readonly stats: () => Promise<SinkStats>
  readonly reset: () => Promise<void>
}

export interface SinkStats {
  readonly events: number
  readonly requests: number
  readonly bytes: number
  readonly first_ms: number
  readonly last_ms: number
}

/** The peer's sink where its binaries are given, else ours. */
export const startSink = (
  { folder }: Cluster,
  peerBuild: string | null,
  delayMillis = 0
): Effect.Effect<Sink, never, Scope.Scope> =>
  Effect.gen(function* () {
    const port = yield* freePort
    const [command, parameters] =
      peerBuild === null || delayMillis > 0
        ? [process.execPath, [path.join(repository, "tests/bench/sink.ts"), String(port), String(delayMillis)]]
        : [path.join(peerBuild, "sink"), [String(port)]]
    const started = yield* stopped(startProcess("sink", command, parameters, folder))
    const url = `http://127.0.0.1:${port}`
    yield* Effect.promise(() => waitUntil("the sink answers", () => fetch(`${url}/stats`).then((answer) => answer.ok)))
    return {
      url,
      pid: started.pid,
      stats: async () => (await (await fetch(`${url}/stats`)).json()) as SinkStats,
      reset: async () => void (await fetch(`${url}/reset`))
    }
  })

const stopped = (started: MeasuredProcess): Effect.Effect<MeasuredProcess, never, Scope.Scope> =>
  Effect.acquireRelease(Effect.succeed(started), ({ stop }) => Effect.promise(stop))

export interface ProcessorsOptions {
  readonly platforms: ReadonlyArray<Platform>
  readonly sink: Pick<Sink, "url">
  /** The text of `connections.yaml`; one connection for each platform by default. */
  readonly connections?: string
  /** Instances of each program. */
  readonly instances?: number
  /** Further lines under `limits` of every connection. */
  readonly limits?: Readonly<Record<string, string | number>>
  /** The programs to start; all that the platforms need by default. */
  readonly names?: ReadonlyArray<string>
  /** Which programs of an instance share a process; none by default. */
  readonly together?: Together
  readonly environment?: Readonly<Record<string, string>>
}

export type Together = "none" | "deliveries" | "all"

/** Normalizer, mapper and one delivery program for each platform. */
export const startProcessors = async (
  made: Cluster,
  options: ProcessorsOptions
): Promise<ReadonlyArray<MeasuredProgram>> => {
  const connections = path.join(made.folder, "connections.yaml")
  writeFileSync(connections, options.connections ?? connectionsFile(options))
  const names = options.names ?? [
    "normalizer",
    "mapper",
    ...options.platforms.map((platform) => `delivery-${platform}`)
  ]
  const started: Array<MeasuredProgram> = []
  const shares = (name: string) =>
    options.together === "all" || (options.together === "deliveries" && name.startsWith("delivery-"))
  const groups = [
    ...names.filter((name) => !shares(name)).map((name) => [name]),
    ...[names.filter(shares)].filter((group) => group.length > 0)
  ]
  for (let instance = 0; instance < (options.instances ?? 1); instance++) {
    for (const group of groups) started.push(await startProcessor(made, group, connections, options.environment ?? {}))
  }
  return started
}

const startProcessor = async (
  made: Cluster,
  names: ReadonlyArray<string>,
  connections: string,
  more: Readonly<Record<string, string>>
): Promise<MeasuredProgram> => {
  const together = [path.join(programsFolder, "capi.js"), "run", "--together", ...names]
  const program = await Effect.runPromise(
    startProgram({
      name: names.join("+"),
      folder: made.folder,
      environment: { ...environmentFor({ ...made, prefix: "", connections }), ...benchVariables, ...more },
      command: names.length === 1 ? bundleCommand(programsFolder, names[0]!) : together,
      nodeArguments: (process.env["PROCESSOR_FLAGS"] ?? "").split(" ").filter((flag) => flag !== "")
    })
  )
  return measuredProgram(program)
}

const benchVariables = {
  BENCH_TOKEN: "token",
  BENCH_OAUTH: JSON.stringify({ client_id: "c", client_secret: "s", refresh_token: "r" }),
  LOG_LEVEL: "Warn",
  // As in the image (infra/images/Dockerfile).
  NODE_OPTIONS: process.env["NODE_OPTIONS"] ?? "--max-old-space-size=192 --max-semi-space-size=16",
  MALLOC_ARENA_MAX: "1",
  MALLOC_MMAP_THRESHOLD_: "131072",
  MALLOC_TRIM_THRESHOLD_: "131072",
  NODE_COMPILE_CACHE: path.join(repository, ".bench/compile-cache")
}

const accountOf = (platform: Platform, sink: Pick<Sink, "url">): Readonly<Record<string, string>> => {
  const { exampleAccount, refresh } = connectorFor(platform)
  return { ...exampleAccount, ...(refresh === undefined ? {} : { oauth_host: sink.url }) }
}

/** The message that a sign-up leads to. */
const welcome = `sign_up: { name: welcome, language: en_US, body: ["{properties.order_id}"] }`

const connectionsFile = ({ platforms, sink, limits }: ProcessorsOptions): string => {
  const all = { requests_per_window: 10_000_000, events_per_window: 100_000_000, ...limits }
  const entries = platforms.map((platform) =>
    [
      `  - id: ${platform}`,
      `    platform: ${platform}`,
      `    account: ${JSON.stringify(accountOf(platform, sink))}`,
      `    credential: env:${connectorFor(platform).refresh === undefined ? "BENCH_TOKEN" : "BENCH_OAUTH"}`,
      `    endpoint: { host: "${sink.url}" }`,
      `    mapping: { default_country: US${platform === "whatsapp" ? `, templates: { ${welcome} }` : ""} }`,
      `    limits: { ${Object.entries(all)
        .map(([name, value]) => `${name}: ${value}`)
        .join(", ")} }`
    ].join("\n")
  )
  return `version: 1\nconnections:\n${entries.join("\n")}\n`
}

/** Waits until all answer /readyz. */
export const untilReady = (programs: ReadonlyArray<MeasuredProgram>, deadlineMillis?: number): Promise<unknown> =>
  Promise.all(programs.map(({ ready }) => ready(deadlineMillis)))
