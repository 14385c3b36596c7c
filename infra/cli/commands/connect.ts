/** `./capi connect test`: whether a platform takes a connection's address, account and credential. */

import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import { environment, loadFileSettings } from "../../../shared/config/settings.ts"
import type { Connection } from "../../../shared/connections/connection.ts"
import { suggestion } from "../../../shared/connections/did-you-mean.ts"
import { type ConnectionResult, opensNothing, type Secret } from "../../../shared/connectors/connector.ts"
import { connectorClient } from "../../../shared/connectors/connector-client.ts"
import { layerHttpTransport } from "../../../shared/connectors/http/http-client.ts"
import { loadConnections } from "../../../shared/connectors/load-connections.ts"
import { connectorFor } from "../../../shared/connectors/registry.ts"
import { Credentials, credentialsOf } from "../../../shared/credentials/credentials.ts"
import { exitCodes } from "../../../shared/runtime/exit.ts"
import { Argument, Command, CommandError } from "../cli.ts"
import { exampleConnection } from "../example-names.ts"
import { type Colour, show } from "../output.ts"

const connections = Argument.String("connection").pipe(
  Argument.withDescription("Ids of connections; every enabled one where absent"),
  Argument.variadic()
)

const test = Command.make("test", { connections }, ({ connections }) =>
  Effect.gen(function* () {
    const settings = yield* loadFileSettings
    const loaded = yield* loadConnections(settings.connectionsFile, environment())
    const chosen = yield* chooseConnections(loaded.connections, connections)
    const results = yield* Effect.forEach(chosen, tryConnection, { concurrency: 4 }).pipe(
      Effect.provideServiceEffect(Credentials, credentialsOf(settings)),
      Effect.provide(layerHttpTransport())
    )
    yield* show(connections.length === 1 ? results[0] : results, (paint) =>
      results
        .map(({ status, message, details }) => {
          const next = details["next_step"]
          const line = `${String(details["connection_id"])}: ${paint(colours[status], status)}: ${message}`
          return typeof next === "string" && status !== "connected" ? `${line} ${next}` : line
        })
        .join("\n")
    )
    const bad = results.filter(({ status }) => status !== "connected")
    if (bad.length > 0) return yield* notConnected(bad)
  })
).pipe(
  Command.withDescription("Try a connection with a request without events; nothing is stored at the platform"),
  Command.withExamples([{ command: `./capi connect test ${exampleConnection}`, description: "Try one connection" }])
)

export const connect = Command.make("connect").pipe(
  Command.withDescription("Try connections to the platforms"),
  Command.withSubcommands([test])
)

const colours: Readonly<Record<ConnectionResult["status"], Colour>> = {
  connected: "green",
  pending: "yellow",
  disconnected: "red",
  error: "red"
}

/** The connections of these ids; every enabled one where none is named. */
export const chooseConnections = Effect.fnUntraced(function* (
  all: ReadonlyArray<Connection>,
  ids: ReadonlyArray<string>
): Effect.fn.Return<ReadonlyArray<Connection>, CommandError> {
  const known = all.map((connection) => connection.id)
  const unknown = ids.find((id) => !known.includes(id))
  if (unknown !== undefined)
    return yield* new CommandError({
      code: "unknown_connection",
      message: `There is no connection ${JSON.stringify(unknown)}.${suggestion(unknown, known)}`,
      nextStep: `Connections are ${known.join(", ")}.`,
      exitCode: exitCodes.usage
    })
  return ids.length === 0
    ? all.filter((connection) => connection.enabled)
    : all.filter((connection) => ids.includes(connection.id))
})

/** Asks the platform of a connection, with its credential; what goes wrong is the result. */
export const tryConnection = Effect.fnUntraced(function* (connection: Connection) {
  const connector = connectorFor(connection.kind)
  const credentials = yield* Credentials
  const secret = yield* Effect.result(credentials.resolve(connection.credential, connector.credential))
  if (Result.isFailure(secret)) return withoutCredential(connection, secret.failure)
  const client = yield* connectorClient(connector, contextOf(connection, secret.success))
  return yield* client.connect
})

// A probe holds no recipient, so nothing is opened.
const contextOf = (connection: Connection, secret: Secret) => ({ connection, secret, open: opensNothing })

const withoutCredential = (
  connection: Connection,
  error: { readonly message: string; readonly nextStep: string; readonly code: string }
): ConnectionResult => ({
  status: "error",
  platform: connection.platform,
  message: error.message,
  details: { connection_id: connection.id, kind: connection.kind, reason_code: error.code, next_step: error.nextStep }
})

const notConnected = (bad: ReadonlyArray<ConnectionResult>) =>
  new CommandError({
    code: "not_connected",
    message: `${bad.length} ${bad.length === 1 ? "connection does" : "connections do"} not work.`,
    nextStep: "The reasons are named above.",
    exitCode: bad.every(({ status }) => status === "disconnected") ? exitCodes.unreachable : exitCodes.failure
  })
