/** Loads `connections.yaml`: every problem with its line, column and key, or the connections. */
import { readFile } from "node:fs/promises"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import { isMap, isSeq, Scalar } from "yaml"
import type { Connection } from "./connection.ts"
import type { ConnectorCatalog } from "./connector-rules.ts"
import { suggestion } from "./did-you-mean.ts"
import { ConnectionsError, formatProblem, type Problem } from "./problem.ts"
import { defaultKeys, readConnection } from "./read-connection.ts"
import { quote, Section } from "./section.ts"
import { type Found, YamlReader } from "./yaml-reader.ts"

export interface LoadedConnections {
  readonly connections: ReadonlyArray<Connection>
  readonly warnings: ReadonlyArray<Problem>
}

export interface LoadOptions {
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
  Effect.tryPromise({ try: () => readFile(file), catch: (cause) => unreadable(file, cause) }).pipe(
    Effect.flatMap((bytes) =>
      bytes.length > fileBytesMax
        ? Effect.fail(unreadable(file, { code: `over ${fileBytesMax} bytes` }))
        : Effect.fromResult(parseConnections(file, bytes.toString("utf8"), options))
    )
  )

/** Checks a text; `file` is its name in messages. */
export const parseConnections = (
  file: string,
  text: string,
  options: LoadOptions
): Result.Result<LoadedConnections, ConnectionsError> => {
  const reader = new YamlReader(text, options.variables)
  const connections = reader.broken ? [] : readRoot(reader, options)
  const errors = reader.problems.filter((problem) => problem.severity === "error")
  if (errors.length === 0) return Result.succeed({ connections, warnings: reader.problems })
  return Result.fail(
    new ConnectionsError({
      code: "invalid",
      file,
      problems: reader.problems,
      message: `${formatProblem(file, errors[0]!)}${errors.length > 1 ? ` (and ${errors.length - 1} more)` : ""}`,
      nextStep: `Correct ${file}; \`./capi lint\` lists every problem.`,
      cause: null
    })
  )
}

const readRoot = (reader: YamlReader, { catalog }: LoadOptions): ReadonlyArray<Connection> => {
  const root = reader.root
  if (root === null || !isMap(root)) {
    reader.error({ node: root ?? emptyNode, path: "" }, "The file holds no keys.", "version: 1 and connections: […]")
    return []
  }
  const top = new Section(reader, { node: root, path: "" }, [{ node: root, path: "" }])
  readVersion(top)
  const defaults = readDefaults(top)
  const connections: Array<Connection> = []
  const places = new Map<string, Found>()
  for (const item of readList(top)) {
    if (!isMap(item.node)) {
      reader.error(item, "A connection is a group of keys.", "id, platform, account, credential, …")
      continue
    }
    const section = new Section(reader, item, defaults === null ? [item] : [item, defaults])
    const connection = readConnection(section, catalog)
    if (connection === null) continue
    if (places.has(connection.id))
      reader.error(section.find("id")!, `Another connection has the id ${quote(connection.id)}.`, "an id of its own")
    places.set(connection.id, item)
    connections.push(connection)
  }
  top.finish()
  warnOfTwins(reader, connections, places)
  return connections
}

const readVersion = (top: Section): void => {
  const version = top.integer("version", 1, 1)
  if (version === null && top.find("version") === null)
    top.reader.error(top.at, "The key version is missing.", "version: 1")
}

const readDefaults = (top: Section): Found | null => {
  const defaults = top.find("defaults")
  if (defaults === null) return null
  if (!isMap(defaults.node)) {
    top.reader.error(defaults, "Expected a group of keys.", defaultKeys.join(", "))
    return null
  }
  for (const [key, , at] of top.reader.pairs(defaults.node, defaults.path))
    if (!defaultKeys.includes(key))
      top.reader.error(at, `${quote(key)} has no default.${suggestion(key, defaultKeys)}`, defaultKeys.join(", "))
  return defaults
}

const readList = (top: Section): ReadonlyArray<Found> => {
  const list = top.find("connections")
  if (list === null) {
    top.reader.error(top.at, "The key connections is missing.", "a list of connections")
    return []
  }
  if (isSeq(list.node)) return top.items("connections")
  top.reader.error(list, "Expected a list.", "- id: … (each connection begins with a dash)")
  return []
}

// Two connections of one account would send each event twice; the platform's deduplication hides it, the quota does not.
const warnOfTwins = (
  reader: YamlReader,
  connections: ReadonlyArray<Connection>,
  places: ReadonlyMap<string, Found>
): void => {
  const seen = new Map<string, string>()
  for (const connection of connections.filter((candidate) => candidate.enabled)) {
    const identity = JSON.stringify([
      ...[connection.kind, connection.endpoint.host, Object.entries(connection.account).sort()],
      ...[connection.events.include, connection.events.actionSources]
    ])
    const other = seen.get(identity)
    if (other !== undefined)
      reader.warn(places.get(connection.id)!, `It sends the same events to the same account as ${quote(other)}.`)
    else seen.set(identity, connection.id)
  }
}

const emptyNode = new Scalar(null)

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
