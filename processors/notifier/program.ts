/** The notifier as a program: the file of notifications, and each receiver with an HTTP pool of its connections. */
import * as Config from "effect/Config"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import { decodeSettings, SettingsService } from "../../shared/config/settings.ts"
import { Connections } from "../../shared/connections/connections.ts"
import { suggestion } from "../../shared/connections/did-you-mean.ts"
import { makeHttpTransport } from "../../shared/connectors/http/http-client.ts"
import { isReference } from "../../shared/credentials/credential.ts"
import { Credentials } from "../../shared/credentials/credentials.ts"
import { type DependencyState, Readiness } from "../../shared/runtime/health.ts"
import { type Program, processorsProgram } from "../../shared/runtime/program.ts"
import { unmatchedPatterns } from "./connection-patterns.ts"
import { loadNotifications, type Notifications, type Receiver } from "./notifications-file.ts"
import { notifier } from "./notifier.ts"
import { type ReceiverHealth, type ReceiverService, wellReceiver } from "./receiver.ts"
import { defaultUrls } from "./requests.ts"
import { makeRouting } from "./routing.ts"

/** The setting, and the file where it is not set. */
export const notificationsFile = Config.option(Config.NonEmptyString("CAPI_NOTIFICATIONS"))
export const usualFile = "notifications.yaml"

export const notifierProgram: Program = {
  name: "notifier",
  work: Effect.gen(function* () {
    const file = yield* decodeSettings(notificationsFile)
    const found = yield* loadNotifications(Option.getOrElse(file, () => usualFile))
    if (found === null) return yield* idle(Option.getOrElse(file, () => usualFile))
    yield* warnOfUnknown(found)
    yield* processorsProgram(
      "notifier",
      Effect.map(optionsOf(found), (options) => [notifier(options)])
    ).work
  })
}

/** Without a file no one is to be notified: the program runs all the same, so that it can be part of every deployment. */
const idle = Effect.fnUntraced(function* (file: string) {
  const readiness = yield* Readiness
  const reason = `No one is notified: ${file} does not exist or is empty.`
  yield* readiness.set("notifications", true, reason)
  yield* Effect.logWarning(`${reason} docs/health.md describes it; CAPI_NOTIFICATIONS names another file.`)
  return yield* Effect.never
})

const optionsOf = (notifications: Notifications) =>
  Effect.gen(function* () {
    const { topicPrefix } = yield* SettingsService
    const services = yield* Effect.forEach(notifications.receivers, serviceOf)
    const healths = new Map(notifications.receivers.map(({ id }) => [id, wellReceiver()]))
    const readiness = yield* Readiness
    yield* readiness.addSource(() => Object.fromEntries([...healths].map(dependencyOf)))
    return { services, healths, routing: makeRouting(notifications), deployment: topicPrefix }
  })

/** A receiver's credentials are read for each request, so that one that is set meanwhile is found. */
export const serviceOf = Effect.fnUntraced(function* (receiver: Receiver) {
  const credentials = yield* Credentials
  const transport = yield* makeHttpTransport({ timeoutMillis: Duration.toMillis(receiver.timeout), connections: 4 })
  const resolve = (reference: string) =>
    Effect.map(credentials.resolve(reference, { required: ["value"], optional: [] }), ({ value }) => value!)
  const url = receiver.url ?? defaultUrls[receiver.kind] ?? ""
  return {
    receiver,
    url: isReference(url) ? resolve(url) : Effect.succeed(Redacted.make(url)),
    secret: receiver.secret === null ? Effect.succeed(null) : resolve(receiver.secret),
    execute: transport.execute
  } satisfies ReceiverService
})

/** An outage of one receiver is no reason to stop a rolling update, or to take the notifier for broken: the others get their notifications. */
const dependencyOf = ([id, { failingSince, reason, pending }]: readonly [string, ReceiverHealth]) =>
  [
    `receiver:${id}`,
    {
      healthy: failingSince === null,
      needed: false,
      reason:
        failingSince === null
          ? null
          : `It has taken nothing since ${new Date(failingSince.at).toISOString()}, and ${pending} changes wait: ${reason ?? ""}`
    } satisfies DependencyState
  ] as const

/** A route for a connection that does not exist never matches. */
const warnOfUnknown = Effect.fnUntraced(function* (notifications: Notifications) {
  const { all } = yield* Connections
  const ids = all.map(({ id }) => id)
  for (const { pattern } of unmatchedPatterns(notifications, ids))
    yield* Effect.logWarning(
      `The file of notifications names a connection that does not exist.${suggestion(pattern, ids)}`
    ).pipe(Effect.annotateLogs({ connection: pattern }))
})
