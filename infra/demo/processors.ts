/** Every processor as a program of its own, as in production: its own process, port, log file and end. */
import path from "node:path"
import process from "node:process"
import { Data, Duration, Effect, type Scope } from "effect"
import { freePort } from "../local/ports.ts"
import { endProcess, launch, logTail } from "../local/processes.ts"
import { defaultStateDirectory, repository } from "../local/state.ts"

export const processorNames = [
  "normalizer",
  "mapper",
  "delivery-meta",
  "delivery-google",
  "delivery-tiktok",
  "delivery-snapchat",
  "delivery-whatsapp",
  "health"
] as const
export type ProcessorName = (typeof processorNames)[number]

export interface RunningProcessor {
  readonly name: ProcessorName
  readonly pid: number
  /** Of /healthz, /readyz and /metrics. */
  readonly url: string
  readonly logFile: string
  readonly hasEnded: () => boolean
}

export class ProcessorEnded extends Data.TaggedError("ProcessorEnded")<{
  readonly code: "processor_ended"
  readonly message: string
  readonly nextStep: string
}> {}

/** Starts all processors; they are stopped with SIGTERM when the scope closes, so that each drains and commits. */
export const startProcessors = (
  environment: Readonly<Record<string, string>>
): Effect.Effect<ReadonlyArray<RunningProcessor>, never, Scope.Scope> =>
  Effect.gen(function* () {
    const running: Array<RunningProcessor> = []
    yield* Effect.addFinalizer(() =>
      Effect.forEach(running, ({ pid }) => endProcess(pid, Duration.seconds(25)), {
        concurrency: "unbounded",
        discard: true
      })
    )
    for (const name of processorNames) running.push(startOne(name, yield* freePort, environment))
    return running
  })

const startOne = (
  name: ProcessorName,
  port: number,
  environment: Readonly<Record<string, string>>
): RunningProcessor => {
  const logFile = path.join(defaultStateDirectory, "logs", `${name}.log`)
  const launched = launch({
    command: process.execPath,
    arguments: [path.join(repository, "processors", name, "main.ts")],
    logFile,
    pidFile: path.join(defaultStateDirectory, `${name}.pid`),
    environment: { ...process.env, ...environment, HOST: "127.0.0.1", PORT: String(port), LOG_FORMAT: "json" }
  })
  return { name, pid: launched.pid, url: `http://127.0.0.1:${port}`, logFile, hasEnded: launched.hasEnded }
}

/** Fails as soon as a processor ends by itself, with the last line of its log. */
export const watchProcessors = (running: ReadonlyArray<RunningProcessor>): Effect.Effect<never, ProcessorEnded> =>
  Effect.gen(function* () {
    for (;;) {
      const ended = running.find((one) => one.hasEnded())
      if (ended !== undefined) {
        return yield* new ProcessorEnded({
          code: "processor_ended",
          message: `The processor ${ended.name} ended: ${logTail(ended.logFile, 1)}`,
          nextStep: `Its log is ${path.relative(process.cwd(), ended.logFile)}.`
        })
      }
      yield* Effect.sleep("200 millis")
    }
  })
