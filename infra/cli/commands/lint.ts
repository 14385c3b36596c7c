/**
 * `./capi lint`: checks the files of connections and of notifications; where a broker is there, also what waits for connections that
 * the first lacks.
 */

import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import { environment, loadFileSettings, SettingsService } from "../../../shared/config/settings.ts"
import type { Connection } from "../../../shared/connections/connection.ts"
import { readConnectionsText } from "../../../shared/connections/connections.ts"
import { formatProblem, type Problem } from "../../../shared/connections/yaml-tree.ts"
import { checkConnections, loadConnections } from "../../../shared/connectors/load-connections.ts"
import { Credentials, credentialsOf } from "../../../shared/credentials/credentials.ts"
import { type UnreadEvents, unreadEvents } from "../../../shared/ledger/unread-events.ts"
import { Argument, Command, CommandError } from "../cli.ts"
import { undeliveredLines } from "../ledger-report.ts"
import { lintConfigured, lintNamed, type NotificationsReport } from "../lint-notifications.ts"
import { count, type Paint, show } from "../output.ts"
import { withKafkaAndCodecs } from "../services.ts"

const file = Argument.String("file").pipe(
  Argument.withDescription("The file; CAPI_CONNECTIONS or connections.yaml where absent"),
  Argument.optional
)

export const lint = Command.make("lint", { file }, ({ file }) =>
  Effect.gen(function* () {
    const settings = yield* loadFileSettings
    const name = file._tag === "Some" ? file.value : settings.connectionsFile
    // Once: a file such as /dev/fd/63, of a shell's <(…), has no second reading.
    const text = yield* Effect.result(readConnectionsText(name))
    if (Result.isFailure(text) && text.failure.code === "unreadable") return yield* text.failure
    const named =
      file._tag === "Some" && Result.isSuccess(text)
        ? yield* lintNamed(name, text.success, idsIn(settings.connectionsFile))
        : null
    if (named !== null) return yield* showNotifications(named)
    const loaded = Result.flatMap(text, (found) => checkConnections(name, found, environment()))
    const connections = Result.isSuccess(loaded) ? loaded.success.connections : []
    const problems = Result.isSuccess(loaded) ? loaded.success.warnings : loaded.failure.problems
    const missing = yield* missingCredentials(connections).pipe(
      Effect.provideServiceEffect(Credentials, credentialsOf(settings))
    )
    const errors = errorsIn(problems)
    const unread = Result.isSuccess(loaded) ? yield* askBroker(connections) : null
    const ids = Result.isSuccess(loaded) ? connections.map(({ id }) => id) : null
    const notifications = file._tag === "Some" ? null : yield* lintConfigured(ids)
    const report = {
      file: name,
      valid: errors === 0,
      connections: connections.map(({ id, kind, enabled }) => ({ id, kind, enabled })),
      problems,
      missing_credentials: missing,
      unread,
      notifications
    }
    yield* show(report, (paint) =>
      [
        describe(name, problems, missing, connections, paint),
        ...undeliveredLines(unread, paint),
        ...(notifications === null ? [] : [describeNotifications(notifications, paint)])
      ].join("\n")
    )
    if (errors > 0) yield* invalid(name, errors)
    if (notifications !== null) yield* failOnErrors(notifications)
  })
).pipe(
  Command.withDescription(
    "Check the files of connections and of notifications: every mistake with its line, its key and what is allowed"
  ),
  Command.withExamples([
    { command: "./capi lint", description: "Check the configured files" },
    { command: "./capi lint examples/connections.yaml", description: "Check another file of connections" },
    { command: "./capi lint examples/alerting/notifications.yaml", description: "Check a file of notifications" }
  ])
)

/** The ids of a file's connections; null where it cannot be read, or is wrong. */
const idsIn = (file: string): Effect.Effect<ReadonlyArray<string> | null> =>
  Effect.map(Effect.result(loadConnections(file, environment())), (loaded) =>
    Result.isSuccess(loaded) ? loaded.success.connections.map(({ id }) => id) : null
  )

const showNotifications = Effect.fnUntraced(function* (notifications: NotificationsReport) {
  const { file, problems } = notifications
  yield* show({ file, valid: errorsIn(problems) === 0, notifications }, (paint) =>
    describeNotifications(notifications, paint)
  )
  yield* failOnErrors(notifications)
})

const failOnErrors = ({ file, problems }: NotificationsReport) =>
  errorsIn(problems) === 0 ? Effect.void : invalid(file, errorsIn(problems))

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
  const enabled = connections.filter((connection) => connection.enabled).length
  return [
    ...problemLines(file, problems, paint),
    ...missing.map((reference) => paint("yellow", `${file}: warning: the credential ${reference} does not exist yet.`)),
    verdictLine(file, problems, `${count(connections.length, "connection")}, ${enabled} enabled`, paint)
  ].join("\n")
}

const describeNotifications = ({ file, receivers, routes, problems }: NotificationsReport, paint: Paint): string =>
  [
    ...problemLines(file, problems, paint),
    verdictLine(file, problems, `${count(receivers, "receiver")}, ${count(routes, "route")}`, paint)
  ].join("\n")

const problemLines = (file: string, problems: ReadonlyArray<Problem>, paint: Paint) =>
  problems.map((problem) => paint(problem.severity === "error" ? "red" : "yellow", formatProblem(file, problem)))

const verdictLine = (file: string, problems: ReadonlyArray<Problem>, contents: string, paint: Paint): string => {
  const errors = errorsIn(problems)
  return errors === 0 ? paint("green", `${file} is right: ${contents}.`) : paint("red", `${count(errors, "error")}.`)
}

const errorsIn = (problems: ReadonlyArray<Problem>): number =>
  problems.filter(({ severity }) => severity === "error").length

const invalid = (file: string, errors: number) =>
  new CommandError({
    code: "invalid",
    message: `${file} has ${count(errors, "error")}.`,
    nextStep: "Correct the lines above."
  })
