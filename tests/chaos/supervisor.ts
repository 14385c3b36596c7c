/** Processors as real processes: started, killed, frozen and, as an orchestrator does, started again when they end. */
import { writeFileSync } from "node:fs"
import path from "node:path"
import { fileURLToPath } from "node:url"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { freePort } from "../../infra/local/ports.ts"
import { endProcess, signal } from "../../infra/local/processes.ts"
import { askProgram, type RunningProgram, startProgram } from "../../infra/local/run-programs.ts"
import { until } from "../../shared/testing/kafka-probe.ts"
import type { ProcessorName } from "./plan.ts"

export interface Instance {
  readonly processor: ProcessorName
  readonly name: string
  readonly kill: Effect.Effect<void>
  readonly freeze: Effect.Effect<void>
  readonly thaw: Effect.Effect<void>
  /** Sets its wall clock off by so many milliseconds; zero sets it right. */
  readonly jumpClock: (millis: number) => Effect.Effect<void>
  /** SIGTERM; it is not started again. */
  readonly retire: Effect.Effect<void>
  /** Waits until /readyz says so. */
  readonly ready: Effect.Effect<void>
  /** How often it ended by itself or was killed, and was started again. */
  readonly restarts: () => number
}

export interface SupervisorOptions {
  readonly folder: string
  readonly environment: Readonly<Record<string, string>>
}

const superviseEvery = "100 millis"
const readyDeadlineMillis = 120_000
const drainGrace = Duration.seconds(30)
const clockJump = fileURLToPath(new URL("clock-jump.ts", import.meta.url))

/** Starts instances that are kept alive until the scope closes. */
export const makeSupervisor = (
  options: SupervisorOptions
): Effect.Effect<
  { readonly start: (processor: ProcessorName) => Effect.Effect<Instance>; readonly restarts: () => number },
  never,
  Scope.Scope
> =>
  Effect.gen(function* () {
    const supervised: Array<Supervised> = []
    const stopAll = Effect.forEach(supervised, (one) => endProcess(one.program.pid, Duration.zero), {
      concurrency: "unbounded",
      discard: true
    })
    const supervise = Effect.forEach(
      supervised,
      (one) =>
        Effect.gen(function* () {
          if (!one.wanted || !one.program.hasEnded()) return
          one.restarts++
          one.program = yield* launchOne(options, one)
        }),
      { discard: true }
    )
    yield* Effect.addFinalizer(() =>
      Effect.andThen(
        Effect.sync(() => retireAll(supervised)),
        Effect.suspend(() => stopAll)
      )
    )
    yield* Effect.forkScoped(Effect.forever(Effect.andThen(Effect.sleep(superviseEvery), supervise)))
    const start = (processor: ProcessorName) =>
      Effect.gen(function* () {
        const name = `${processor}-${supervised.filter((one) => one.processor === processor).length + 1}`
        const at = { processor, name, port: yield* freePort }
        const one: Supervised = { ...at, wanted: true, restarts: 0, program: yield* launchOne(options, at) }
        supervised.push(one)
        return instanceOf(options.folder, one)
      })
    return { start, restarts: () => supervised.reduce((sum, one) => sum + one.restarts, 0) }
  })

interface Supervised {
  readonly processor: ProcessorName
  readonly name: string
  readonly port: number
  wanted: boolean
  restarts: number
  program: RunningProgram
}

const retireAll = (all: ReadonlyArray<Supervised>) => {
  for (const one of all) one.wanted = false
}

const launchOne = (
  { folder, environment }: SupervisorOptions,
  { processor, name, port }: Pick<Supervised, "processor" | "name" | "port">
): Effect.Effect<RunningProgram> =>
  startProgram({
    name: processor,
    instance: name,
    folder,
    port,
    environment: { ...environment, CHAOS_CLOCK_FILE: clockFile(folder, name) },
    nodeArguments: ["--import", clockJump]
  })

const clockFile = (folder: string, name: string): string => path.join(folder, `${name}.clock`)

const instanceOf = (folder: string, one: Supervised): Instance => {
  const send = (name: NodeJS.Signals) => Effect.sync(() => signal(one.program.pid, name))
  return {
    processor: one.processor,
    name: one.name,
    kill: send("SIGKILL"),
    freeze: send("SIGSTOP"),
    thaw: send("SIGCONT"),
    jumpClock: (millis) =>
      Effect.andThen(
        Effect.sync(() => writeFileSync(clockFile(folder, one.name), String(millis))),
        send("SIGUSR2")
      ),
    retire: Effect.suspend(() => {
      one.wanted = false
      return endProcess(one.program.pid, drainGrace)
    }),
    ready: untilReady(one),
    restarts: () => one.restarts
  }
}

/** An instance that ends on the way is started again, as long as the deadline is not over. */
const untilReady = (one: Supervised): Effect.Effect<void> =>
  until(
    `${one.name} is ready`,
    () => Effect.map(askProgram(one.program, "/readyz"), (answer) => answer?.ok === true),
    readyDeadlineMillis,
    100
  )
