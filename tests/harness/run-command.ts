/** `capi` and other commands as processes, with what they print. */
import process from "node:process"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { spawnGuarded } from "../../infra/local/guarded-spawn.mjs"
import { commandLineFile } from "../../infra/local/program-files.ts"

export interface CommandResult {
  readonly exitCode: number
  readonly out: string
  readonly errors: string
}

/** Runs a command to its end, or until the signal, which kills it. */
export const runProcess = (
  command: string,
  args: ReadonlyArray<string>,
  environment: Readonly<Record<string, string>> = {},
  signal?: AbortSignal
): Promise<CommandResult> =>
  new Promise((resolve, reject) => {
    const child = spawnGuarded(command, [...args], {
      env: { ...process.env, ...environment },
      stdio: ["ignore", "pipe", "pipe"]
    })
    signal?.addEventListener("abort", () => void child.kill("SIGKILL"), { once: true })
    const out: Array<Buffer> = []
    const errors: Array<Buffer> = []
    child.stdout.on("data", (part: Buffer) => void out.push(part))
    child.stderr.on("data", (part: Buffer) => void errors.push(part))
    child.once("error", reject)
    child.once("close", (code) =>
      resolve({ exitCode: code ?? 1, out: Buffer.concat(out).toString(), errors: Buffer.concat(errors).toString() })
    )
  })

/** `./capi` with these arguments. Dies where the command does not end, which none of those that are run here takes so long for. */
export const runCapi = (
  args: ReadonlyArray<string>,
  environment: Readonly<Record<string, string>>
): Effect.Effect<CommandResult> =>
  Effect.promise((signal) => runProcess(process.execPath, [commandLineFile(), ...args], environment, signal)).pipe(
    Effect.timeoutOrElse({
      duration: capiDeadline,
      orElse: () =>
        Effect.die(new Error(`capi ${args.join(" ")} has not ended within ${Duration.format(capiDeadline)}.`))
    })
  )

const capiDeadline = Duration.minutes(5)
