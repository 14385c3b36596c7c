/** A schema registry to work with: the one that is named, else Docker's, else Apicurio from Maven's jar. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { withoutTrailingSlashes } from "../../shared/config/transport.ts"
import { dockerRegistry } from "./docker.ts"
import { checkSchemaIds } from "./fingerprints.ts"
import { type LocalError, problem } from "./problem.ts"
import { type RegistryNode, registryAnswers, runningRegistry, startRegistry } from "./registry-jar.ts"
import { fromDockerOrJars, type LocalSource, namedSetting } from "./source.ts"
import { type LocalOptions, openState, type State } from "./state.ts"

export interface LocalRegistryOptions extends LocalOptions {
  /** A fixed port; in use is an error. Default: a free one, the same again at the next start. */
  readonly port?: number
  /** The only way to start one. Default: Docker where it can, else jars. */
  readonly source?: LocalSource
}

export interface LocalRegistry {
  /** Root of the Confluent API, without a slash at its end. */
  readonly url: string
  /** Of the JVM of a local registry; null for one that is not of this machine's jars. */
  readonly pid: number | null
  readonly source: "env" | "docker" | "jars"
  /** The process that we started from jars, to be stopped, killed and started again; null otherwise. */
  readonly node: RegistryNode | null
}

/**
 * `SCHEMA_REGISTRY_URL`, else Docker, else Maven's jar; what we started ends when the scope closes. Fails with
 * `schema_ids_changed` if an id that Kafka's log may name means another schema than at the last start.
 */
export const localRegistry = (
  options: LocalRegistryOptions = {}
): Effect.Effect<LocalRegistry, LocalError, Scope.Scope> =>
  Effect.gen(function* () {
    const named = yield* namedSetting("SCHEMA_REGISTRY_URL")
    if (named !== "") return yield* namedRegistry(named)
    const state = yield* openState(options)
    const other = yield* runningRegistry(state)
    if (other !== null) return { ...other, source: "jars", node: null } as const
    const { source, port } = options
    return yield* source === undefined
      ? fromDockerOrJars(state, (chosen, state) => startFrom(state, chosen, port))
      : startFrom(state, source, port)
  })

const startFrom = (
  state: State,
  source: LocalSource,
  port?: number
): Effect.Effect<LocalRegistry, LocalError, Scope.Scope> =>
  Effect.gen(function* () {
    const node = source === "jars" ? yield* startRegistry(state, port) : null
    const url = node === null ? yield* dockerRegistry(state, port) : node.url
    yield* checkSchemaIds(state.directory, url, source)
    return { url, pid: node === null ? null : node.pid(), source, node }
  })

const namedRegistry = (address: string): Effect.Effect<LocalRegistry, LocalError> =>
  Effect.gen(function* () {
    const url = withoutTrailingSlashes(address)
    if (yield* registryAnswers(url, 5_000)) return { url, pid: null, source: "env", node: null } as const
    return yield* problem(
      "registry_unreachable",
      `The schema registry of SCHEMA_REGISTRY_URL (${withoutLogin(url)}) does not answer.`,
      "Start it or correct the address; without SCHEMA_REGISTRY_URL a local one is started."
    )
  })

const withoutLogin = (url: string): string => url.replace(/\/\/[^/@]*@/, "//")
