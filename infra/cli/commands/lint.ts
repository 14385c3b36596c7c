/** `./capi lint`: checks the file of connections; where a broker is there, also what waits for connections that it lacks. */

import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import { environment, loadFileSettings, SettingsService } from "../../../shared/config/settings.ts"
import type { Connection } from "../../../shared/connections/connection.ts"
import { formatProblem, type Problem } from "../../../shared/connections/yaml-tree.ts"
import { loadConnections } from "../../../shared/connectors/load-connections.ts"
import { Credentials, credentialsOf } from "../../../shared/credentials/credentials.ts"
import { type UnreadEvents, unreadEvents } from "../../../shared/ledger/unread-events.ts"
import { Argument, Command, CommandError } from "../cli.ts"
import { undeliveredLines } from "../ledger-report.ts"
import { type Paint, show } from "../output.ts"
import { withKafkaAndCodecs } from "../services.ts"

const file = Argument.String("file").pipe(
  Argument.withDescription("The file; CAPI_CONNECTIONS or connections.yaml where absent"),
  Argument.optional
)

export const lint = Command.make("lint", { file }, ({ file }) =>
  Effect.gen(function* () {
    const settings = yield* loadFileSettings
    const name = file._tag === "Some" ? file.value : settings.connectionsFile
    const loaded = yield* Effect.result(loadConnections(name, environment()))
    if (Result.isFailure(loaded) && loaded.failure.code === "unreadable") return yield* loaded.failure
    const connections = Result.isSuccess(loaded) ? loaded.success.connections : []
    const problems = Result.isSuccess(loaded) ? loaded.success.warnings : loaded.failure.problems
    const missing = yield* missingCredentials(connections).pipe(
      Effect.provideServiceEffect(Credentials, credentialsOf(settings))
    )
    const errors = problems.filter((problem) => problem.severity === "error").length
    const unread = Result.isSuccess(loaded) ? yield* askBroker(connections) : null
    const report = {
      file: name,
      valid: errors === 0,
      connections: connections.map(({ id, kind, enabled }) => ({ id, kind, enabled })),
      problems,
      missing_credentials: missing,
      unread
    }
    yield* show(report, (paint) =>
      [describe(name, problems, missing, connections, paint), ...undeliveredLines(unread, paint)].join("\n")
    )
    if (errors > 0) yield* invalid(name, errors)
  })
).pipe(
  Command.withDescription("Check the file of connections: every mistake with its line, its key and what is allowed"),
  Command.withExamples([
    { command: "./capi lint", description: "Check the configured file" },
    { command: "./capi lint examples/connections.yaml", description: "Check another one" }
  ])
)

/** What waits for connections that this file does not deliver for; null where no broker is configured, or none answers. */
const askBroker = (connections: ReadonlyArray<Connection>) =>
  withKafkaAndCodecs(Effect.flatMap(SettingsService, ({ topicPrefix }) => unreadEvents(connections, topicPrefix))).pipe(
    Effect.timeoutOption(brokerTimeout),
    Effect.map(Option.getOrNull),
    Effect.orElseSucceed((): ReadonlyArray<UnreadEvents> | null => null)
  )

const brokerTimeout = Duration.seconds(10)

/** Credentials that nothing stands behind yet: no mistake of the file, so warnings. */
const missingCredentials = Effect.fnUntraced(function* (connections: ReadonlyArray<Connection>) {
  const credentials = yield* Credentials
  const references = [...new Set(connections.filter(({ enabled }) => enabled).map(({ credential }) => credential))]
  return yield* Effect.filter(references, (reference) =>
    Effect.map(Effect.exit(credentials.exists(reference)), (exit) => Exit.isSuccess(exit) && !exit.value)
  )
})

const describe = (
  file: string,
  problems: ReadonlyArray<Problem>,
  missing: ReadonlyArray<string>,
  connections: ReadonlyArray<Connection>,
  paint: Paint
): string => {
  const lines = problems.map((problem) =>
    paint(problem.severity === "error" ? "red" : "yellow", formatProblem(file, problem))
  )
  for (const reference of missing)
    lines.push(paint("yellow", `${file}: warning: the credential ${reference} does not exist yet.`))
  const errors = problems.filter((problem) => problem.severity === "error").length
  const enabled = connections.filter((connection) => connection.enabled).length
  lines.push(
    errors === 0
      ? paint("green", `${file} is right: ${connections.length} connections, ${enabled} enabled.`)
      : paint("red", `${errors} ${errors === 1 ? "error" : "errors"}.`)
  )
  return lines.join("\n")
}

const invalid = (file: string, errors: number) =>
  new CommandError({
    code: "invalid",
    message: `${file} has ${errors} ${errors === 1 ? "error" : "errors"}.`,
    nextStep: "Correct the lines above."
  })
