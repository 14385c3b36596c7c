/** `./capi notify test`: checks the file of notifications and sends a test problem, and its end, to each receiver. */

import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import { loadNotifications, type Receiver } from "../../../processors/notifier/notifications-file.ts"
import { notificationsFile, serviceOf, usualFile } from "../../../processors/notifier/program.ts"
import { failureText } from "../../../processors/notifier/receiver.ts"
import { type Notification, notificationsOf } from "../../../processors/notifier/requests.ts"
import type { Pending } from "../../../processors/notifier/state.ts"
import { decodeSettings, loadFileSettings } from "../../../shared/config/settings.ts"
import { safeText } from "../../../shared/connectors/http/json.ts"
import { Credentials, credentialsOf } from "../../../shared/credentials/credentials.ts"
import { Argument, Command, CommandError } from "../cli.ts"
import { expectKnown } from "../filter-values.ts"
import { show } from "../output.ts"

const receivers = Argument.String("receiver").pipe(
  Argument.withDescription("Ids of receivers; every one of the file where absent"),
  Argument.variadic()
)

const test = Command.make("test", { receivers }, ({ receivers }) =>
  Effect.gen(function* () {
    const file = Option.getOrElse(yield* decodeSettings(notificationsFile), () => usualFile)
    const found = yield* loadNotifications(file)
    if (found === null) return yield* noFile(file)
    const ids = found.receivers.map(({ id }) => id)
    for (const id of receivers) yield* expectKnown("receiver", Option.some(id), ids)
    const chosen = found.receivers.filter(({ id }) => receivers.length === 0 || receivers.includes(id))
    const settings = yield* loadFileSettings
    const results = yield* Effect.scoped(Effect.forEach(chosen, testOne, { concurrency: 4 })).pipe(
      Effect.provideServiceEffect(Credentials, credentialsOf(settings))
    )
    yield* show(results, (paint) =>
      results
        .map(({ receiver, kind, taken, message }) =>
          `${receiver} (${kind}): ${taken ? paint("green", "taken") : paint("red", "not taken")}. ${message}`.trimEnd()
        )
        .join("\n")
    )
    const bad = results.filter(({ taken }) => !taken).length
    if (bad > 0)
      return yield* new CommandError({
        code: "not_taken",
        message: `${bad} of ${results.length} receivers did not take the test.`,
        nextStep: "The reasons are named above."
      })
  })
).pipe(
  Command.withDescription("Check the file of notifications, and send a test problem and its end to its receivers"),
  Command.withExamples([{ command: "./capi notify test", description: "Try every receiver" }])
)

export const notify = Command.make("notify").pipe(
  Command.withDescription("Try the receivers of alerts"),
  Command.withSubcommands([test])
)

const noFile = (file: string) =>
  new CommandError({
    code: "no_notifications",
    message: `${file} does not exist or is empty.`,
    nextStep: "Write it as docs/health.md describes, or set CAPI_NOTIFICATIONS to another file.",
    exitCode: 2
  })

const testOne = Effect.fnUntraced(function* (receiver: Receiver) {
  const service = yield* serviceOf(receiver)
  const result = (taken: boolean, message: string) => ({ receiver: receiver.id, kind: receiver.kind, taken, message })
  const addressed = yield* Effect.result(Effect.all({ url: service.url, secret: service.secret }))
  if (Result.isFailure(addressed)) return result(false, `${addressed.failure.message} ${addressed.failure.nextStep}`)
  const now = yield* Clock.currentTimeMillis
  const context = { receiver, ...addressed.success, deployment: "", now }
  const notifications = testProblem(now).flatMap((one): ReadonlyArray<Notification> => notificationsOf([one], context))
  for (const { request } of notifications) {
    const answer = yield* Effect.result(service.execute(request))
    if (Result.isFailure(answer)) return result(false, failureText(answer.failure))
    const { status, body } = answer.success
    if (status < 200 || status > 299) return result(false, `It answered ${status}: ${safeText(body.slice(0, 200))}`)
  }
  return result(true, "")
})

/** A problem that begins and ends at once. */
const testProblem = (now: number): ReadonlyArray<Pending> => {
  const problem = {
    key: "test/status",
    connectionId: "test",
    platform: "",
    series: "status",
    severity: "warning",
    lastSeverity: "warning",
    cause: "test",
    message: "This is a test of capi-relay's notifications; nothing is wrong",
    issues: [],
    startedAt: now,
    changedAt: now,
    change: 0
  } as const
  const route = {
    receivers: [],
    match: { connections: [], severities: [], series: [] },
    groupBy: "all",
    groupWait: Duration.zero,
    repeat: null,
    resolved: true
  } as const
  const none = { change: null, severity: null, at: null }
  return [
    { problem, route, kind: "began", receipt: none },
    {
      problem: { ...problem, severity: null, message: "The test of capi-relay's notifications is over", change: 1 },
      route,
      kind: "ended",
      receipt: { change: 0, severity: "warning", at: now }
    }
  ]
}
