/**
 * How a program ends: an exit code that scripts can use, one line with the reason and the next step, and at once at a second
 * Ctrl-C.
 */
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

/** What is printed of a cause; null where the program was merely interrupted. */
export const describeFailure = (
  cause: Cause.Cause<unknown>,
  secrets: KnownSecrets = processSecrets
): Failure | null => {
  if (cause.reasons.length === 0 || Cause.hasInterruptsOnly(cause)) return null
  const error = Cause.squash(cause)
  const expected = describeError(error)
  const hidden = (text: string) => redact(text, secrets)
  if (expected !== null)
    return {
      ...expected,
      message: hidden(oneLine(expected.message)),
      nextStep: expected.nextStep === null ? null : hidden(oneLine(expected.nextStep)),
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
  // A setting that is read where it is used; a port that another program holds is no such setting.
  if (code === "no_master_key" || code === "weak_master_key") return exitCodes.usage
  if (tag === "ListenError" && (code === "address_unavailable" || code === "forbidden")) return exitCodes.usage
  return /unreachable|timeout/.test(code) ? exitCodes.unreachable : exitCodes.failure
}

/** Line feeds with the spaces around them become one space. */
export const oneLine = (text: string): string =>
  text.replaceAll(/\s+/g, (spaces) => (spaces.includes("\n") ? " " : spaces)).trim()

/**
 * Call where the program's signal handlers are installed; further calls do nothing. The first Ctrl-C stops a program cleanly: what is
 * in flight is finished and committed, which may take a while. A second one ends it at once, and what was in flight is
 * processed again at the next start. One Ctrl-C may arrive twice: the terminal sends it to every process of its group, and npm
 * passes it on as well. So a signal within a second of the first one is ignored.
 */
export const exitAtSecondInterrupt = (): void => {
  if (process.listeners("SIGINT").includes(onSignal)) return
  process.on("SIGINT", onSignal)
  process.on("SIGTERM", onSignal)
}

/** Calls the action before a forced exit, such as to end children; the result removes it. */
export const beforeForcedExit = (action: () => void): (() => void) => {
  forcedExitActions.add(action)
  return () => void forcedExitActions.delete(action)
}

const forcedExitActions = new Set<() => void>()
const sameInterruptMillis = 1_000
/** `performance.now`, in milliseconds. */
let firstSignalAt: number | null = null

const onSignal = (signal: NodeJS.Signals): void => {
  const now = performance.now()
  firstSignalAt ??= now
  if (signal !== "SIGINT" || now - firstSignalAt < sameInterruptMillis) return
  for (const action of forcedExitActions) action()
  process.stderr.write(
    "Ended at once by a second Ctrl-C: what was in flight is not committed and is processed again.\n"
  )
  process.exit(exitCodes.interrupted)
}
