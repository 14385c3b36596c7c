/** `./capi run`: processors in the foreground, each in a separate process or together in one. */

import type { ChildProcess } from "node:child_process"
import process from "node:process"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { decodeSettings, portOrFree } from "../../../shared/config/settings.ts"
import { suggestion } from "../../../shared/connections/did-you-mean.ts"
import { beforeForcedExit } from "../../../shared/runtime/exit.ts"
import { runInProcess } from "../../../shared/runtime/program.ts"
import { spawnGuarded } from "../../local/guarded-spawn.mjs"
import { endProcess, signal } from "../../local/processes.ts"
import { programCommand } from "../../local/program-files.ts"
import { Argument, Command, CommandError, Flag } from "../cli.ts"
import { examplePlatform } from "../example-names.ts"
import { Output } from "../output.ts"
import { programNames, programs } from "../programs.ts"

const names = Argument.String("processors").pipe(
  Argument.withDescription(`${programNames.join(", ")}; all where absent`),
  Argument.variadic()
)
const together = Flag.Boolean("together").pipe(
  Flag.withDescription("In one process, with one port (PORT) for health and metrics; else PORT, PORT + 1, …"),
  Flag.withDefault(false)
)

/** How long a processor may take to finish what is in flight. */
const drainTimeout = Duration.seconds(30)

export const run = Command.make("run", { names, together }, ({ names, together }) =>
  Effect.gen(function* () {
    const chosen = names.length === 0 ? programNames : [...new Set(names)]
    yield* checkNames(chosen)
    if (!together && chosen.length > 1) {
      const ports = yield* portsFor(chosen.length)
      return yield* Effect.scoped(runApart(chosen.map((name, index) => ({ name, port: ports[index]! }))))
    }
    const loaded = yield* Effect.forEach(chosen, (name) => Effect.promise(programs[name]!))
    yield* runInProcess(chosen.length > 3 ? "capi" : chosen.join("+"), loaded)
  })
).pipe(
  Command.withDescription("Run processors until Ctrl-C or SIGTERM; each then finishes and commits what is in flight"),
  Command.withExamples([
    { command: `./capi run normalizer mapper delivery-${examplePlatform} health`, description: "One process each" },
    { command: "./capi run --together", description: "All in one process" }
  ])
)

const checkNames = (names: ReadonlyArray<string>): Effect.Effect<void, CommandError> => {
  const unknown = names.find((name) => !programNames.includes(name))
  return unknown === undefined
    ? Effect.void
    : Effect.fail(
        new CommandError({
          code: "unknown_processor",
          message: `There is no processor ${JSON.stringify(unknown)}.${suggestion(unknown, programNames)}`,
          nextStep: `Processors are ${programNames.join(", ")}.`,
          exitCode: 2
        })
      )
}

const portMax = 65_535

/** PORT for the first program, PORT + 1 for the second and so on, in the order of their names; 0 stays 0: free ports. */
const portsFor = Effect.fnUntraced(function* (programs: number) {
  const first = yield* decodeSettings(portOrFree("PORT"))
  if (first + programs - 1 > portMax)
    return yield* new CommandError({
      code: "port_too_high",
      message: `PORT=${first} leaves no room for ${programs} programs, which take the ports from there on.`,
      nextStep: `Set PORT to ${portMax - programs + 1} or lower, or use --together, which takes one port.`,
      exitCode: 2
    })
  return Array.from({ length: programs }, (_, index) => (first === 0 ? 0 : first + index))
})

interface Started {
  readonly name: string
  /** 0 where the program takes a free one and logs it. */
  readonly port: number
}

const runApart = Effect.fnUntraced(function* (
  programs: ReadonlyArray<Started>
): Effect.fn.Return<never, CommandError, Scope.Scope | Output> {
  const output = yield* Output
  const ended = yield* Deferred.make<never, CommandError>()
  const children = programs.map((program) => ({ ...program, child: start(program) }))
  // All get the signal at the same time, so that the slowest drain is the whole wait.
  const endThem = beforeForcedExit(() => children.forEach(endAtOnce))
  yield* Effect.addFinalizer(() =>
    Effect.andThen(Effect.forEach(children, stop, { concurrency: "unbounded", discard: true }), Effect.sync(endThem))
  )
  for (const { name, port, child } of children) {
    yield* output.note(`${name}: process ${child.pid ?? "?"}${port === 0 ? "" : `, port ${port}`}`)
    child.on("exit", (code, by) =>
      Effect.runFork(Deferred.fail(ended, endedByItself(name, code === null ? `signal ${by}` : `exit code ${code}`)))
    )
  }
  return yield* Deferred.await(ended)
})

const start = ({ name, port }: Started): ChildProcess =>
  spawnGuarded(process.execPath, programCommand(name), {
    stdio: ["ignore", "inherit", "inherit"],
    env: { ...process.env, PORT: String(port) },
    detached: true
  })

const stop = ({ child }: { readonly child: ChildProcess }): Effect.Effect<void> =>
  child.pid === undefined || child.exitCode !== null || child.signalCode !== null
    ? Effect.void
    : endProcess(child.pid, drainTimeout)

const endAtOnce = ({ child }: { readonly child: ChildProcess }): void => {
  if (child.pid !== undefined && child.exitCode === null && child.signalCode === null) signal(child.pid, "SIGKILL")
}

const endedByItself = (name: string, how: string) =>
  new CommandError({
    code: "processor_ended",
    message: `The processor ${name} ended by itself (${how}).`,
    nextStep: "Its last lines are above; the other processors were stopped."
  })
