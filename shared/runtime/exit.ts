/** How a program tells why it ended: one line with the next step, and an exit code that scripts can use. */

import process from "node:process"
import * as Cause from "effect/Cause"
import { type KnownSecrets, processSecrets, redact } from "../telemetry/redaction.ts"

/** Exit codes of every program and command. */
export const exitCodes = {
  ok: 0,
  /** The work failed, or found something wrong. */
  failure: 1,
  /** The command, a setting or a file of configuration is wrong. */
  usage: 2,
  /** The broker, the registry or a platform does not answer. */
  unreachable: 3,
  /** Stopped by Ctrl-C. */
  interrupted: 130
} as const

export interface Failure {
  readonly exitCode: number
  /** The error's stable code, such as `unreachable`. */
  readonly code: string
  readonly message: string
  readonly nextStep: string | null
  /** For bugs: where it came from. Null for expected errors. */
  readonly details: string | null
}

/** What to tell of a cause; null where the program was merely interrupted. */
export const describeFailure = (
  cause: Cause.Cause<unknown>,
  secrets: KnownSecrets = processSecrets
): Failure | null => {
  if (cause.reasons.length === 0 || Cause.hasInterruptsOnly(cause)) return null
  const error = Cause.squash(cause)
  const told = describeError(error)
  const hidden = (text: string) => redact(text, secrets)
  if (told !== null)
    return {
      ...told,
      message: hidden(oneLine(told.message)),
      nextStep: told.nextStep === null ? null : hidden(oneLine(told.nextStep)),
      details: null
    }
  return {
    exitCode: exitCodes.failure,
    code: "bug",
    message: hidden(oneLine(error instanceof Error ? error.message : String(error))),
    nextStep: "This is a bug: please report it with the lines above.",
    details: hidden(Cause.pretty(cause))
  }
}

/** `normalizer: message Next: step`, the one line that is printed. */
export const formatFailure = (program: string, failure: Failure): string => {
  const details = failure.details === null ? "" : `${failure.details}\n`
  const next = failure.nextStep === null ? "" : ` ${failure.nextStep}`
  return `${details}${program}: ${failure.message}${next}`
}

const describeError = (error: unknown): Omit<Failure, "details"> | null => {
  if (typeof error !== "object" || error === null || !("_tag" in error) || !("message" in error)) return null
  const tag = String(error._tag)
  const code = "code" in error && typeof error.code === "string" ? error.code : tag
  const nextStep = "nextStep" in error && typeof error.nextStep === "string" ? error.nextStep : null
  return { exitCode: exitCodeOf(tag, code, error), code, message: String(error.message), nextStep }
}

const exitCodeOf = (tag: string, code: string, error: object): number => {
  if ("exitCode" in error && typeof error.exitCode === "number") return error.exitCode
  if (tag === "SettingsError" || tag === "ConnectionsError" || tag === "UsageError") return exitCodes.usage
  return /unreachable|timeout/.test(code) ? exitCodes.unreachable : exitCodes.failure
}

/** Line feeds with the spaces around them become one space. */
export const oneLine = (text: string): string =>
  text.replaceAll(/\s+/g, (spaces) => (spaces.includes("\n") ? " " : spaces)).trim()

/**
 * Ctrl-C ends a program in order: what is in flight is finished and committed, which may take a while. A second Ctrl-C is a
 * person who does not want to wait: the program ends at once, and what was in flight comes again at the next start.
 *
 * One Ctrl-C may arrive twice: the terminal sends it to every process of its group, and npm passes its own on. So what follows the
 * first signal within a second belongs to it.
 */

const sameInterruptMillis = 1_000

const actions = new Set<() => void>()
/** `performance.now`, in milliseconds. */
let firstAt: number | null = null

/** Calls the action before the program ends at once, such as to end children; gives what takes it back. */
export const beforeEndingAtOnce = (action: () => void): (() => void) => {
  actions.add(action)
  return () => void actions.delete(action)
}

/** To be called where the program's own handlers of signals are installed; further calls do nothing. */
export const endAtSecondInterrupt = (): void => {
  if (process.listeners("SIGINT").includes(onSignal)) return
  process.on("SIGINT", onSignal)
  process.on("SIGTERM", onSignal)
}

const onSignal = (signal: NodeJS.Signals): void => {
  const now = performance.now()
  firstAt ??= now
  if (signal !== "SIGINT" || now - firstAt < sameInterruptMillis) return
  for (const action of actions) action()
  process.stderr.write("Ended at once by a second Ctrl-C: what was in flight is not committed and comes again.\n")
  process.exit(exitCodes.interrupted)
}
