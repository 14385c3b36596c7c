/** Commands of the check: run to their end within a time, with all they print. */
import process from "node:process"
import * as Data from "effect/Data"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { spawnGuarded } from "../../local/guarded-spawn.mjs"
import { signal } from "../../local/processes.ts"

/** The check cannot be made here; nothing is said about the image. */
export class CannotCheck extends Data.TaggedError("CannotCheck")<{
  readonly code: "cannot_check"
  readonly message: string
  readonly nextStep: string
}> {}

export const cannotCheck = (message: string, nextStep: string): CannotCheck =>
  new CannotCheck({ code: "cannot_check", message, nextStep })

/** Something is not as it has to be. */
export class CheckFailed extends Data.TaggedError("CheckFailed")<{ readonly message: string }> {}

export const checkFailed = (message: string): CheckFailed => new CheckFailed({ message })

export interface Ran {
  readonly code: number
  readonly out: string
  readonly err: string
}

export interface RunOptions {
  /** Beside this process's own variables. */
  readonly environment?: Readonly<Record<string, string>>
  /** For its standard input, which is empty otherwise. */
  readonly input?: string
  readonly limit?: Duration.Input
}

/** Runs a command; 127 where there is no such command. Fails only where it takes longer than its limit (default a minute). */
export const run = (
  command: string,
  args: ReadonlyArray<string>,
  { environment = {}, input, limit = "1 minute" }: RunOptions = {}
): Effect.Effect<Ran, CheckFailed> =>
  Effect.callback<Ran>((resume) => {
    const child = spawnGuarded(command, args, {
      stdio: [input === undefined ? "ignore" : "pipe", "pipe", "pipe"],
      // In a separate group, which ends as a whole: each step of debootstrap is another process.
      detached: true,
      env: { ...process.env, ...environment }
    })
    child.stdin?.end(input)
    let [out, err] = ["", ""]
    child.stdout?.on("data", (chunk) => {
      out += chunk
    })
    child.stderr?.on("data", (chunk) => {
      err += chunk
    })
    child.once("error", ({ message }) => resume(Effect.succeed({ code: 127, out: "", err: message })))
    child.once("close", (code) => resume(Effect.succeed({ code: code ?? 1, out, err })))
    return Effect.sync(() => {
      if (child.pid !== undefined) signal(-child.pid, "SIGKILL")
    })
  }).pipe(
    Effect.timeoutOrElse({
      duration: limit,
      orElse: () => Effect.fail(checkFailed(`\`${command} ${args.slice(0, 3).join(" ")} …\` takes too long.`))
    })
  )

/** As `run`, but fails with its last lines where its exit code is not 0. */
export const mustRun = (
  command: string,
  args: ReadonlyArray<string>,
  options?: RunOptions
): Effect.Effect<Ran, CheckFailed> =>
  Effect.flatMap(run(command, args, options), (ran) =>
    ran.code === 0
      ? Effect.succeed(ran)
      : Effect.fail(checkFailed(`\`${command} ${args.slice(0, 3).join(" ")} …\`: ${lastLines(ran.err || ran.out, 12)}`))
  )

/** The end of a text, for a message. */
export const lastLines = (text: string, lines: number): string => text.trimEnd().split("\n").slice(-lines).join("\n")
