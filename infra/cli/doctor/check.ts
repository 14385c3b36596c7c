/** A check of `./capi doctor`: a value that finds something, within a time, whatever else is broken. */
import * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { oneLine } from "../../../shared/runtime/exit.ts"
import { redact } from "../../../shared/telemetry/redaction.ts"

/** In the order in which they are printed. */
export const groups = [
  "settings",
  "kafka",
  "topics",
  "rights",
  "registry",
  "clock",
  "credentials",
  "platforms",
  "events",
  "consumers",
  "self test"
] as const
type Group = (typeof groups)[number]

/** `not_checked`: why it could not be, or need not be, found out. */
export const statuses = ["ok", "warning", "failed", "not_checked"] as const
type Status = (typeof statuses)[number]

/** One line. `next` says what to do. */
export interface Found {
  readonly status: Status
  readonly message: string
  readonly next?: string
}

export interface Finding extends Found {
  readonly group: Group
  /** The check's name. */
  readonly check: string
}

/** An error as those of the port, the registry and the files of configuration are. */
interface Explained {
  readonly code: string
  readonly message: string
  readonly nextStep: string
}

export interface Check<R = never> {
  readonly group: Group
  readonly name: string
  /** Several lines where several things are wrong; one where all is well. */
  readonly run: Effect.Effect<ReadonlyArray<Found>, Explained, R>
  /** The check ends after so long, with what it does not know. Default 15 seconds. */
  readonly deadline?: Duration.Duration
}

export const ok = (message: string): Found => ({ status: "ok", message })
export const warning = (message: string, next: string): Found => ({ status: "warning", message, next })
export const failed = (message: string, next: string): Found => ({ status: "failed", message, next })
export const notChecked = (message: string, next?: string): Found =>
  next === undefined ? { status: "not_checked", message } : { status: "not_checked", message, next }

/** All problems, or that there are none. */
export const problemsOr = (problems: ReadonlyArray<Found>, message: string): ReadonlyArray<Found> =>
  problems.length === 0 ? [ok(message)] : problems

/** Some names of many: `a, b, c and 4 more`. */
export const named = (names: ReadonlyArray<string>, most = 4): string =>
  names.length <= most ? names.join(", ") : `${names.slice(0, most).join(", ")} and ${names.length - most} more`

/** Runs a check to its end or its deadline; never fails. What it prints holds no known secret and no identifier of a person. */
export const runCheck = <R>(check: Check<R>): Effect.Effect<ReadonlyArray<Finding>, never, R> => {
  const { group, name, deadline = Duration.seconds(15) } = check
  return check.run.pipe(
    Effect.timeoutOrElse({
      duration: deadline,
      orElse: () =>
        Effect.succeed([
          failed(
            `No answer within ${Duration.toSeconds(deadline)} s.`,
            "Look at the network and at the load and the log of what is asked."
          )
        ])
    }),
    Effect.catch((error: Explained) => Effect.succeed([foundOf(error)])),
    Effect.catchCause((cause) =>
      Cause.hasInterruptsOnly(cause)
        ? Effect.failCause(cause)
        : Effect.succeed([failed(`The check itself failed: ${String(Cause.squash(cause))}`, "Please report this.")])
    ),
    Effect.map((found) =>
      found.map(({ status, message, next }): Finding => {
        const text = redact(oneLine(message))
        const step = next === undefined ? {} : { next: redact(oneLine(next)) }
        return { group, check: name, status, message: text, ...step }
      })
    )
  )
}

/** A right that is missing keeps the check from its work; it says nothing of what was to be checked. */
const foundOf = ({ code, message, nextStep }: Explained): Found =>
  code === "unauthorized" ? notChecked(message, nextStep) : failed(message, nextStep)
