/**
 * The chain as it runs in production, for what tests or measures it: a broker and a registry, each processor a process, the
 * sandboxes in this one. Everything lies in one temporary folder and ends with the scope.
 */
import { writeFileSync } from "node:fs"
import path from "node:path"
import * as ConfigProvider from "effect/ConfigProvider"
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { startLocal } from "../../infra/local/start-local.ts"
import type { Sandbox } from "../../infra/sandbox/sandbox.ts"
import type { Codecs } from "../../shared/codec/codecs.ts"
import { registryLayer } from "../../shared/codec/registry.ts"
import type { KafkaClient } from "../../shared/kafka/client.ts"
import { layerKafka } from "../../shared/kafka/kafkajs/adapter.ts"
import { environmentFor } from "./environment.ts"
import { type Programs, startablePrograms } from "./programs.ts"
import { type CommandResult, runCapi } from "./run-command.ts"
import { type SandboxControl, sandboxControl } from "./sandbox-control.ts"
import { scopedFolder } from "./scoped-folder.ts"

export interface ChainOptions {
  /** Part of the temporary folder's name. */
  readonly name: string
  /** Before every topic and group. */
  readonly prefix: string
  readonly sandbox: Sandbox
  /** `connections.yaml`: its path, or its text. */
  readonly connections: { readonly file: string } | { readonly text: string }
  /** Further variables of the programs. */
  readonly environment?: Readonly<Record<string, string>>
  /** Programs to start and wait for; the others are started by the test. */
  readonly programs?: ReadonlyArray<string>
  readonly bundled?: boolean
  /** A broker and registry that run already. Default: those that the environment names, or new ones. */
  readonly services?: { readonly brokers: string; readonly registryUrl: string }
  /** Starts the broker sooner, serves slower: not for measurements. */
  readonly fastStart?: boolean
  readonly onProgress?: (line: string) => void
}

export interface Chain {
  readonly brokers: string
  readonly registryUrl: string
  readonly prefix: string
  readonly folder: string
  readonly sandbox: Sandbox
  readonly control: SandboxControl
  /** What the programs and the command line see. */
  readonly environment: Readonly<Record<string, string>>
  readonly programs: Programs
  readonly services: Context.Context<KafkaClient | Codecs>
  /** Runs an effect on the chain's broker and registry. */
  readonly run: <A, E>(effect: Effect.Effect<A, E, KafkaClient | Codecs>) => Promise<A>
  /** `./capi` with the environment. */
  readonly capi: (...args: ReadonlyArray<string>) => Effect.Effect<CommandResult>
}

/** Starts everything, makes topics and subjects, and waits until the programs are ready. */
export const startChain = Effect.fnUntraced(function* (options: ChainOptions) {
  const { prefix, sandbox, onProgress = () => undefined } = options
  const folder = yield* scopedFolder(options.name)
  const { brokers, registryUrl } = yield* startServices(options, folder, onProgress)
  const connections = "file" in options.connections ? options.connections.file : path.join(folder, "connections.yaml")
  if ("text" in options.connections) writeFileSync(connections, options.connections.text)
  const environment = environmentFor({ brokers, registryUrl, prefix, connections, sandbox }, options.environment)
  const services = yield* Layer.build(
    Layer.fresh(Layer.merge(layerKafka({ brokers: brokers.split(",") }), registryLayer({ url: registryUrl, prefix })))
  )
  const programs = yield* startablePrograms({ folder, environment, bundled: options.bundled ?? false })
  const wanted = options.programs ?? []
  if (wanted.length > 0) onProgress(`Starting ${wanted.join(", ")}.`)
  yield* programs.start(wanted)
  return {
    brokers,
    registryUrl,
    prefix,
    folder,
    sandbox,
    control: sandboxControl(sandbox.controlUrl),
    environment,
    programs,
    services,
    run: (effect) => Effect.runPromiseWith(services)(effect),
    capi: (...args) => runCapi(args, environment)
  } satisfies Chain as Chain
})

const startServices = (options: ChainOptions, folder: string, onProgress: (line: string) => void) => {
  const start = startLocal({
    prefix: options.prefix,
    stateDirectory: folder,
    ending: "kill",
    fastStart: options.fastStart ?? true,
    onProgress
  }).pipe(Effect.map(({ broker, registry }) => ({ brokers: broker.brokers, registryUrl: registry.url })))
  if (options.services === undefined) return start
  const { brokers, registryUrl } = options.services
  const env = { KAFKA_BROKERS: brokers, SCHEMA_REGISTRY_URL: registryUrl }
  return Effect.provide(start, ConfigProvider.layer(ConfigProvider.fromEnv({ env })))
}
