/** A program: one or several processors in one process, from its settings to its clean end. */
import process from "node:process"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import type * as Runtime from "effect/Runtime"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import { environmentProvider, loadSettings, type Settings, SettingsService } from "../config/settings.ts"
import type { Connection } from "../connections/connection.ts"
import { isReference } from "../credentials/credential.ts"
import { loggerLayer } from "../telemetry/logger.ts"
import { processSecrets } from "../telemetry/redaction.ts"
import { EndProgram, type Processor } from "./contract.ts"
import { endWithLauncher } from "./end-with-launcher.mjs"
import { watchEventLoop } from "./event-loop-watch.ts"
import { describeFailure, exitAtSecondInterrupt, exitCodes, formatFailure } from "./exit.ts"
import { healthServer, partitionHealth, Readiness } from "./health.ts"
import { observeAll, RuntimeObserver, runtimeMetrics } from "./metrics.ts"
import { processMetrics } from "./process-metrics.ts"
import { awaitRightFile, untilConnectionsChange } from "./reload-connections.ts"
import { run } from "./runtime.ts"
import { awaitBroker, awaitTopics, type ProgramServices, servicesLayer } from "./services.ts"
import { runShared, type SharedInput } from "./shared-input.ts"
import { tuneHeap } from "./tune-heap.ts"
import { version } from "./version.ts"

export interface Program {
  /** Such as `normalizer`; in logs and on the command line. */
  readonly name: string
  /** Runs until it is interrupted. Typed errors with `message` and `nextStep` end the process with one line. */
  readonly work: Effect.Effect<unknown, unknown, ProgramServices | Scope.Scope>
  /** Which connections it works with, where not with all: a change of the others does not interrupt it. */
  readonly concerns?: (connection: Connection) => boolean
}

/** A program of processors that are known once the settings are: the usual `work`. */
export const processorsProgram = <
  E,
  R extends ProgramServices | Scope.Scope,
  E2,
  R2 extends ProgramServices | Scope.Scope
>(
  name: string,
  processors: Effect.Effect<ReadonlyArray<Processor<E, R>>, E2, R2>
): Program => ({
  name,
  work: Effect.flatMap(processors, (list) =>
    Effect.all(
      list.map((processor) => run(processor)),
      { concurrency: "unbounded", discard: true }
    )
  )
})

/** A program of processors that share their input, one for each enabled connection. */
export const sharedInputProgram = <
  E,
  R extends ProgramServices | Scope.Scope,
  E2,
  R2 extends ProgramServices | Scope.Scope
>(
  name: string,
  input: Effect.Effect<SharedInput<E, R>, E2, R2>
): Program => ({
  name,
  work: Effect.gen(function* () {
    const shared = yield* input
    return yield* shared.processors.length === 0 ? withoutConnections : runShared(shared)
  })
})

/** Ready, so that it can be part of every deployment. */
const withoutConnections = Effect.gen(function* () {
  const readiness = yield* Readiness
  const reason = "There is nothing to do: no connection of this kind is enabled."
  yield* readiness.set("connections", true, reason)
  yield* Effect.logWarning(reason)
  return yield* Effect.onInterrupt(Effect.never, () => readiness.remove("connections"))
})

/**
 * What a `main.ts` calls: runs a program until SIGTERM or SIGINT, then stops it cleanly: nothing new is taken, what is in flight is
 * finished and committed, the group is left; a second Ctrl-C ends it at once. Exit code 0 after a clean stop; else one line
 * and a code of `exitCodes`.
 */
export const runProgram = (program: Program): void => {
  endWithLauncher()
  exitAtSecondInterrupt()
  watchEventLoop(program.name)
  const provider = ConfigProvider.layer(environmentProvider())
  NodeRuntime.runMain(Effect.provide(runInProcess(program.name, [program]), provider), {
    disableErrorReporting: true,
    teardown: teardownOf(program.name)
  })
}

/** Runs one program or several until interrupted: settings, logger, health endpoints, services, then the programs' work. */
export const runInProcess = (name: string, programs: ReadonlyArray<Program>): Effect.Effect<void, unknown> =>
  Effect.gen(function* () {
    tuneHeap()
    const settings = yield* loadSettings
    registerSecrets(settings)
    const base = Layer.mergeAll(
      Layer.succeed(SettingsService, settings),
      Readiness.layer,
      loggerLayer({ program: name, level: settings.log.level, format: settings.log.format })
    )
    yield* serveAndWork(programs).pipe(
      Effect.scoped,
      Effect.provide(yield* telemetryOf(name, settings)),
      Effect.provide(base)
    )
  })

/** Loaded only where it is asked for. It ends after the work, so that the last spans are sent. */
const telemetryOf = (program: string, { telemetry, topicPrefix }: Settings): Effect.Effect<Layer.Layer<never>> => {
  if (telemetry === null) return Effect.succeed(Layer.empty)
  const measured = Layer.effectDiscard(
    Effect.forkScoped(Effect.repeat(processMetrics, Schedule.spaced(telemetry.metricsEvery)))
  )
  return Effect.map(
    Effect.promise(() => import("../telemetry/otlp/otlp.ts")),
    ({ telemetryLayer }) =>
      Layer.merge(
        telemetryLayer({ settings: telemetry, program, prefix: topicPrefix }),
        telemetry.metrics ? measured : Layer.empty
      )
  )
}

/** No log line holds them from now on. */
const registerSecrets = ({ masterKey, previousMasterKeys, kafka, registry }: Settings): void => {
  const login = kafka.sasl?.mechanism === "oauthbearer" ? kafka.sasl.clientSecret : kafka.sasl?.password
  // A reference to a key is not secret.
  const keys = [masterKey, ...previousMasterKeys].filter((key) => key !== null && !isReference(Redacted.value(key)))
  for (const secret of [...keys, login ?? null, registry.password]) if (secret !== null) processSecrets.add(secret)
}

// The health endpoints come first, so that an orchestrator can ask what a slow start waits for.
const serveAndWork = Effect.fnUntraced(function* (programs: ReadonlyArray<Program>) {
  const settings = yield* SettingsService
  yield* Effect.log("Starting.").pipe(Effect.annotateLogs({ version }))
  const readiness = yield* Readiness
  const partitions = yield* partitionHealth
  const observe = observeAll(yield* RuntimeObserver, yield* runtimeMetrics, partitions.observe)
  yield* healthServer(settings.health)
  const waiting = yield* warnOfSlowStart
  yield* waiting.for("the schema registry", settings.registry.url)
  let isFirst = true
  // The services are built first, which waits for the registry.
  const started = Effect.gen(function* () {
    yield* waiting.for("Kafka", settings.kafka.brokers.join(", "))
    yield* awaitBroker
    yield* waiting.end
    yield* awaitTopics(programs.map(({ name }) => name))
    if (isFirst) yield* readiness.addSource(partitions.dependencies)
    isFirst = false
  })
  // Built again for each round, with the connections that the file holds then.
  const round = endable(Effect.andThen(started, untilConnectionsChange(programs, workOf(programs)))).pipe(
    Effect.provide(Layer.fresh(servicesLayer)),
    Effect.tap((end) => (end === "changed" ? awaitRightFile : Effect.void))
  )
  yield* Effect.repeat(round, { until: (end) => end === "ended" }).pipe(
    Effect.provideService(RuntimeObserver, observe),
    Effect.onInterrupt(() => Effect.log("Stopped."))
  )
})

/** Ends, as by a stop, with the failure that `EndProgram` is given. */
export const endable = <A, E, R>(work: Effect.Effect<A, E, R>): Effect.Effect<A, unknown, R> =>
  Effect.gen(function* () {
    const ended = yield* Deferred.make<never, unknown>()
    const end = (failure: unknown) => Effect.asVoid(Deferred.fail(ended, failure))
    return yield* Effect.raceFirst(Effect.provideService(work, EndProgram, end), Deferred.await(ended))
  })

/** Names, for readiness and after five seconds in the log, what the start waits for. */
const warnOfSlowStart = Effect.gen(function* () {
  const readiness = yield* Readiness
  let awaited = ""
  const warning = yield* Effect.suspend(() => Effect.logWarning(`Still waiting for ${awaited}.`)).pipe(
    Effect.repeat(Schedule.spaced("20 seconds")),
    Effect.delay("5 seconds"),
    Effect.forkScoped
  )
  return {
    // The address is for the log alone, which redacts a password in it.
    for: (what: string, address: string) => {
      awaited = `${what} at ${address}`
      return readiness.set("start", false, `Waiting for ${what}.`)
    },
    end: Effect.andThen(Fiber.interrupt(warning), readiness.remove("start"))
  }
})

const workOf = (programs: ReadonlyArray<Program>): Effect.Effect<void, unknown, ProgramServices> =>
  Effect.all(
    programs.map((program) => Effect.scoped(program.work).pipe(Effect.annotateLogs({ processor: program.name }))),
    { concurrency: "unbounded", discard: true }
  ).pipe(Effect.onInterrupt(() => Effect.log("Left the consumer groups; what was in flight is committed.")))

const teardownOf =
  (name: string): Runtime.Teardown =>
  (exit, onExit) => {
    if (Exit.isSuccess(exit)) return onExit(exitCodes.ok)
    const failure = describeFailure(exit.cause)
    if (failure === null) return onExit(exitCodes.ok)
    process.stderr.write(`${formatFailure(name, failure)}\n`)
    return onExit(failure.exitCode)
  }
