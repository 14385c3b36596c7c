/** What `./capi lint` says of the file of notifications. */
import { readFile } from "node:fs/promises"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { parse } from "yaml"
import { checkNotifications } from "../../processors/notifier/notifications-file.ts"
import { notificationsFile, usualFile } from "../../processors/notifier/program.ts"
import { decodeSettings } from "../../shared/config/settings.ts"
import { notUtf8 } from "../../shared/connections/not-utf8.ts"
import type { Problem } from "../../shared/connections/yaml-tree.ts"

export interface NotificationsReport {
  readonly file: string
  readonly receivers: number
  readonly routes: number
  readonly problems: ReadonlyArray<Problem>
}

/** Of the configured file; null where none is configured and the usual one does not exist: the notifier then notifies no one. */
export const lintConfigured = (connectionIds: ReadonlyArray<string> | null) =>
  Effect.gen(function* () {
    const configured = yield* decodeSettings(notificationsFile)
    const file = Option.getOrElse(configured, () => usualFile)
    const bytes = yield* Effect.promise(() => readFile(file).catch(() => null))
    const problem = bytes === null ? null : notUtf8(bytes)
    if (problem !== null) return { file, receivers: 0, routes: 0, problems: [problem] }
    const text = bytes?.toString("utf8") ?? null
    if (text !== null && text.trim() !== "") return reportOf(file, text, connectionIds)
    return Option.isNone(configured) && text === null ? null : withoutText(file, text)
  })

/** Of the text of a file that was asked for by name; null where it is not one of notifications. */
export const lintNamed = Effect.fnUntraced(function* (
  file: string,
  text: string,
  connectionIds: Effect.Effect<ReadonlyArray<string> | null>
) {
  return holdsReceivers(text) ? reportOf(file, text, yield* connectionIds) : null
})

const reportOf = (file: string, text: string, ids: ReadonlyArray<string> | null): NotificationsReport => {
  const { notifications, problems } = checkNotifications(text, ids)
  const { receivers = [], routes = [] } = notifications ?? {}
  return { file, receivers: receivers.length, routes: routes.length, problems }
}

/** The notifier starts with it all the same, and notifies no one. */
const withoutText = (file: string, text: string | null): NotificationsReport => {
  const message = `${text === null ? "The file cannot be read" : "The file is empty"}: no one is notified.`
  const allowed = "a file that docs/health.md describes"
  return {
    file,
    receivers: 0,
    routes: 0,
    problems: [{ severity: "warning", line: 1, column: 1, path: "", message, allowed }]
  }
}

/** By its keys, since a file may have any name; a text that is not YAML counts as a file of connections, whose check says so. */
const holdsReceivers = (text: string): boolean => {
  try {
    const root: unknown = parse(text, { maxAliasCount: 100 })
    return typeof root === "object" && root !== null && ("receivers" in root || "routes" in root)
  } catch {
    return /^(receivers|routes):/m.test(text) && !/^connections:/m.test(text)
  }
}
