/** All that processors stand on: broker, registry, declared topics, registered schemas. */
import { rmSync } from "node:fs"
import path from "node:path"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { RegistryError } from "../../shared/codec/codecs.ts"
import type { KafkaError } from "../../shared/kafka/client.ts"
import { layerKafka } from "../../shared/kafka/kafkajs/adapter.ts"
import { createTopics, type TopicsReport } from "../topics/create-topics.ts"
import { registerSchemas } from "../topics/register-schemas.ts"
import { type LocalBroker, type LocalBrokerOptions, localBroker } from "./broker.ts"
import { commandLine } from "./command-line.mjs"
import { recordSchemaIds } from "./fingerprints.ts"
import type { LocalError } from "./problem.ts"
import { isAlive } from "./processes.ts"
import { type LocalRegistry, type LocalRegistryOptions, localRegistry } from "./registry.ts"
import { fromDockerOrJars, namedSetting } from "./source.ts"
import { defaultStateDirectory, type LocalOptions, openState, readJson, writeJson } from "./state.ts"

export interface Local {
  readonly broker: LocalBroker
  readonly registry: LocalRegistry
  readonly topics: TopicsReport
}

export interface StartLocalOptions extends LocalOptions {
  /** Before every topic's name. Default: none. */
  readonly prefix?: string
  /** Of the topics that events pass through. Default: as declared. */
  readonly partitions?: number
  /** What a person typed to start it, and how they end it: for those who find it running. */
  readonly startedBy?: Starter
}

export interface Starter {
  /** Such as `make run`. */
  readonly startedBy: string
  /** A sentence. */
  readonly howToEnd: string
}

const unknownStarter: Starter = { startedBy: "a program", howToEnd: "It ends with that program." }

/** Starts broker and registry side by side, then makes topics and subjects. What was started ends with the scope. */
export const startLocal = (
  options: StartLocalOptions = {}
): Effect.Effect<Local, LocalError | KafkaError | RegistryError, Scope.Scope> =>
  Effect.gen(function* () {
    const prefix = options.prefix ?? ""
    const stateDirectory = options.stateDirectory ?? defaultStateDirectory
    const start = (chosen: StartLocalOptions & Pick<LocalBrokerOptions, "source">) =>
      Effect.all([withTopics(chosen, prefix), withSchemas(chosen, prefix, stateDirectory)], { concurrency: 2 })
    // One source for both: schema ids of Docker's registry mean nothing in a log that jars keep, nor the other way round.
    const [[broker, topics], registry] = yield* (yield* bothAreNamed)
      ? start(options)
      : fromDockerOrJars(yield* openState(options), (source, { docker }) => start({ ...options, source, docker }))
    yield* publishAddresses(stateDirectory, {
      brokers: broker.brokers,
      registryUrl: registry.url,
      owner: process.pid,
      command: commandLine(process.pid),
      ...(options.startedBy ?? unknownStarter)
    })
    return { broker, registry, topics }
  })

const bothAreNamed = Effect.map(
  Effect.all([namedSetting("KAFKA_BROKERS"), namedSetting("SCHEMA_REGISTRY_URL")]),
  (values) => values.every((value) => value !== "")
)

const withTopics = (options: StartLocalOptions & Pick<LocalBrokerOptions, "source">, prefix: string) =>
  Effect.gen(function* () {
    const broker = yield* localBroker(options)
    const topics = yield* createTopics(prefix, options.partitions).pipe(
      Effect.provide(layerKafka({ brokers: broker.brokers.split(",") }))
    )
    return [broker, topics] as const
  })

const withSchemas = (options: LocalRegistryOptions, prefix: string, stateDirectory: string) =>
  Effect.gen(function* () {
    const registry = yield* localRegistry(options)
    yield* registerSchemas({ url: registry.url }, prefix)
    // A registry that is not ours keeps its ids by itself, and may hold far more than our subjects.
    if (registry.source !== "env") yield* recordSchemaIds(stateDirectory, registry.url, registry.source)
    return registry
  })

export interface LocalAddresses extends Starter {
  readonly brokers: string
  readonly registryUrl: string
  /** The program that started them and will end them. */
  readonly owner: number
  /** The owner's command line: a pid may have been given to a stranger since. */
  readonly command: string
}

/** Where the broker and registry of a state folder are, published by the program that runs them; null while none does. */
export const localAddresses = (stateDirectory: string = defaultStateDirectory): LocalAddresses | null => {
  const addresses = readJson<LocalAddresses | null>(addressesFile(stateDirectory), null)
  const isOwned = addresses !== null && isAlive(addresses.owner) && commandLine(addresses.owner) === addresses.command
  return isOwned ? addresses : null
}

const addressesFile = (stateDirectory: string): string => path.join(stateDirectory, "addresses.json")

const publishAddresses = (stateDirectory: string, addresses: LocalAddresses): Effect.Effect<void, never, Scope.Scope> =>
  Effect.suspend(() =>
    localAddresses(stateDirectory) === null
      ? Effect.acquireRelease(
          Effect.sync(() => writeJson(addressesFile(stateDirectory), addresses)),
          () => Effect.sync(() => rmSync(addressesFile(stateDirectory), { force: true }))
        )
      : Effect.void
  )
