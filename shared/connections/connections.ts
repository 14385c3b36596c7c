/** The connections of this deployment: `connections.yaml`, as it was when the work began, or every problem with its line, column and key. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as SchemaParser from "effect/SchemaParser"
import { environment, SettingsService } from "../config/settings.ts"
import type { Platform } from "../model/platform.ts"
import { type Connection, connectionDecoder, defaultKeys } from "./connection.ts"
import type { ConnectorCatalog } from "./connector-rules.ts"
import { suggestion } from "./did-you-mean.ts"
import { decodeOptions, group, integer, reportIssue } from "./fields.ts"
import { notUtf8 } from "./not-utf8.ts"
import { readWhole } from "./read-whole.ts"
import { warnOf } from "./warnings.ts"
import {
  ConnectionsError,
  formatProblem,
  isGroup,
  type Place,
  type Problem,
  quote,
  type Tree,
  YamlTree
} from "./yaml-tree.ts"

export class Connections extends Context.Service<
  Connections,
  {
    /** All, disabled ones too, in the file's order. */
    readonly all: ReadonlyArray<Connection>
    readonly enabled: ReadonlyArray<Connection>
    readonly enabledOf: (platform: Platform) => ReadonlyArray<Connection>
    /** Null where no connection has the id. */
    readonly get: (id: string) => Connection | null
  }
>()("shared/connections/Connections") {
  /** Reads the file that the settings name, and logs its warnings. */
  static readonly layer = (catalog: ConnectorCatalog): Layer.Layer<Connections, ConnectionsError, SettingsService> =>
    Layer.effect(
      Connections,
      Effect.gen(function* () {
        const file = (yield* SettingsService).connectionsFile
        const loaded = yield* loadConnectionsFile(file, { catalog, variables: environment() })
        for (const warning of loaded.warnings) yield* Effect.logWarning(formatProblem(file, warning))
        return connectionsOf(loaded.connections)
      })
    )
}

/** The service over connections that are known already, as tests have them. */
export const connectionsOf = (all: ReadonlyArray<Connection>): Connections["Service"] => {
  const enabled = all.filter((connection) => connection.enabled)
  return {
    all,
    enabled,
    enabledOf: (platform) => enabled.filter((connection) => connection.platform === platform),
    get: (id) => all.find((connection) => connection.id === id) ?? null
  }
}

export interface LoadedConnections {
  readonly connections: ReadonlyArray<Connection>
  readonly warnings: ReadonlyArray<Problem>
}

interface LoadOptions {
  readonly catalog: ConnectorCatalog
  /** What `${NAME}` stands for. */
  readonly variables: Readonly<Record<string, string>>
}

/** The largest file that is read. */
const fileBytesMax = 4 * 1024 * 1024

/** Reads and checks a file. */
export const loadConnectionsFile = (
  file: string,
  options: LoadOptions
): Effect.Effect<LoadedConnections, ConnectionsError> =>
  Effect.flatMap(readConnectionsText(file), (text) => Effect.fromResult(parseConnections(file, text, options)))

/** The text of a file. Bytes that are no UTF-8 are a problem with their line: read as if they were, other values would be sent. */
export const readConnectionsText = (file: string): Effect.Effect<string, ConnectionsError> =>
  Effect.tryPromise({ try: () => readWhole(file), catch: (cause) => unreadable(file, cause) }).pipe(
    Effect.flatMap((bytes) => {
      if (bytes.length > fileBytesMax) return Effect.fail(unreadable(file, { code: `over ${fileBytesMax} bytes` }))
      const problem = notUtf8(bytes)
      return problem === null ? Effect.succeed(bytes.toString("utf8")) : Effect.fail(invalid(file, [problem]))
    })
  )

/** Checks a text; `file` is its name in messages. */
export const parseConnections = (
  file: string,
  text: string,
  options: LoadOptions
): Result.Result<LoadedConnections, ConnectionsError> => {
  const yaml = new YamlTree(text, options.variables)
  const connections = yaml.broken ? [] : readRoot(yaml, options.catalog)
  return yaml.problems.some(({ severity }) => severity === "error")
    ? Result.fail(invalid(file, yaml.problems))
    : Result.succeed({ connections, warnings: yaml.problems })
}

const readRoot = (yaml: YamlTree, catalog: ConnectorCatalog): ReadonlyArray<Connection> => {
  const { root, rootPlace } = yaml
  if (!isGroup(root)) {
    yaml.error(rootPlace, "The file holds no keys.", "version: 1 and connections: […]")
    return []
  }
  const top = readTop(root)
  if (Result.isFailure(top)) reportIssue(yaml, root, rootPlace, top.failure)
  const at = (...path: ReadonlyArray<PropertyKey>): Place => yaml.placeOf(root, rootPlace, path)
  const defaults = readDefaults(root["defaults"], yaml, at)
  const decode = connectionDecoder(catalog)
  const connections: Array<Connection> = []
  const places = new Map<string, Place>()
  const list = root["connections"]
  if (list !== undefined && !Array.isArray(list))
    yaml.error(at("connections"), "Expected a list.", "- id: … (each connection begins with a dash)")
  for (const [index, item] of (Array.isArray(list) ? (list as ReadonlyArray<Tree>) : []).entries()) {
    if (item === undefined) continue
    const place = at("connections", index)
    const connection = readConnection(yaml.merge(item, defaults), place, yaml, catalog, decode)
    if (connection === null) continue
    if (places.has(connection.id))
      yaml.error(
        at("connections", index, "id"),
        `Another connection has the id ${quote(connection.id)}.`,
        "an id that no other connection has"
      )
    places.set(connection.id, place)
    connections.push(connection)
  }
  warnOfSameAccounts(yaml, connections, places)
  return connections
}

const readTop = SchemaParser.decodeUnknownResult(
  group({
    version: integer(1, 1).pipe(Schema.annotateKey({ allowed: "version: 1" })),
    defaults: Schema.optionalKey(Schema.Unknown),
    connections: Schema.Unknown.pipe(Schema.annotateKey({ allowed: "a list of connections" }))
  }),
  decodeOptions
)

const readConnection = (
  tree: Tree,
  place: Place,
  yaml: YamlTree,
  catalog: ConnectorCatalog,
  decode: ReturnType<typeof connectionDecoder>
): Connection | null => {
  if (!isGroup(tree)) {
    yaml.error(place, "A connection is a group of keys.", "id, platform, account, credential, …")
    return null
  }
  const read = decode(tree)
  if (Result.isFailure(read)) {
    reportIssue(yaml, tree, place, read.failure)
    return null
  }
  if (read.success === null) return null
  warnOf(read.success, catalog, (path, message, allowed) =>
    yaml.warn(yaml.placeOf(tree, place, path), message, allowed)
  )
  return read.success
}

/** Only the keys that may have defaults. */
const readDefaults = (defaults: Tree, yaml: YamlTree, at: (...path: ReadonlyArray<PropertyKey>) => Place): Tree => {
  if (defaults === undefined) return undefined
  if (!isGroup(defaults)) {
    yaml.error(at("defaults"), "Expected a group of keys.", defaultKeys.join(", "))
    return undefined
  }
  const others = Object.keys(defaults).filter((key) => !defaultKeys.includes(key))
  for (const key of others)
    yaml.keyError(
      at("defaults", key),
      `${quote(key)} has no default.${suggestion(key, defaultKeys)}`,
      defaultKeys.join(", ")
    )
  return yaml.without(defaults, others)
}

// Two connections of one account would send each event twice; the platform's deduplication hides it, the quota does not.
const warnOfSameAccounts = (
  yaml: YamlTree,
  connections: ReadonlyArray<Connection>,
  places: ReadonlyMap<string, Place>
): void => {
  const seen = new Map<string, string>()
  for (const connection of connections.filter((candidate) => candidate.enabled)) {
    const identity = JSON.stringify([
      ...[connection.kind, connection.endpoint.host, Object.entries(connection.account).sort()],
      ...[connection.events.include, connection.events.actionSources]
    ])
    const other = seen.get(identity)
    if (other !== undefined)
      yaml.warn(places.get(connection.id)!, `It sends the same events to the same account as ${quote(other)}.`)
    else seen.set(identity, connection.id)
  }
}

const invalid = (file: string, problems: ReadonlyArray<Problem>): ConnectionsError => {
  const errors = problems.filter(({ severity }) => severity === "error")
  return new ConnectionsError({
    code: "invalid",
    file,
    problems,
    message: `${formatProblem(file, errors[0]!)}${errors.length > 1 ? ` (and ${errors.length - 1} more)` : ""}`,
    nextStep: `Correct ${file}; \`./capi lint\` lists every problem.`,
    cause: null
  })
}

const unreadable = (file: string, cause: unknown): ConnectionsError => {
  const code = typeof cause === "object" && cause !== null && "code" in cause ? String(cause.code) : "unknown error"
  return new ConnectionsError({
    code: "unreadable",
    file,
    problems: [],
    message: `The file of connections ${file} ${code === "ENOENT" ? "does not exist" : `cannot be read (${code})`}.`,
    nextStep: "Set CAPI_CONNECTIONS to the file, or begin with examples/connections.yaml.",
    cause
  })
}
