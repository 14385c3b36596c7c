/**
 * Takes changed connections without a restart of the process: the work is stopped as by SIGTERM, which finishes and commits what is in
 * flight, and begins again with what the file holds now. So whatever holds for a restart holds for it (decision 60).
 */
import { readFile } from "node:fs/promises"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import { environment, SettingsService } from "../config/settings.ts"
import type { Connection } from "../connections/connection.ts"
import { Connections } from "../connections/connections.ts"
import { loadConnections } from "../connectors/load-connections.ts"
import { KafkaClient } from "../kafka/client.ts"
import { Readiness } from "./health.ts"
import { missingTopics, topicsOf } from "./services.ts"

/** Which connections a program works with; where absent, all. */
export interface ConcernedProgram {
  readonly name: string
  readonly concerns?: (connection: Connection) => boolean
}

/**
 * Runs the work until it ends, or until connections that concern one of the programs have changed; then it has been stopped in order,
 * and the result is `changed`. A file that a start would refuse changes nothing, and the log says why.
 */
export const untilConnectionsChange = <E, R>(
  programs: ReadonlyArray<ConcernedProgram>,
  work: Effect.Effect<void, E, R>
): Effect.Effect<"ended" | "changed", E, R | SettingsService | Connections | KafkaClient> =>
  Effect.gen(function* () {
    const { connectionsEvery } = yield* SettingsService
    if (Duration.toMillis(connectionsEvery) === 0) return yield* Effect.as(work, "ended" as const)
    // Returns when the work has been stopped.
    return yield* Effect.raceFirst(
      Effect.as(work, "ended" as const),
      Effect.as(awaitChange(programs), "changed" as const)
    )
  })

const awaitChange = Effect.fnUntraced(function* (programs: ReadonlyArray<ConcernedProgram>) {
  const { connectionsFile: file, connectionsEvery } = yield* SettingsService
  const running = textOf((yield* Connections).all, programs)
  // Decided by the first look too: the file may have changed since the connections were read from it.
  let decided: string | null = null
  let last = yield* read(file)
  for (;;) {
    yield* Effect.sleep(connectionsEvery)
    const text = yield* read(file)
    const isComplete = text === last
    last = text
    // A file that is being written is looked at when two looks agree; each content is decided once.
    if (!isComplete || text === decided) continue
    decided = text
    const loaded = yield* Effect.result(loadConnections(file, environment()))
    if (Result.isFailure(loaded)) yield* notTaken(file, `${loaded.failure.message} ${loaded.failure.nextStep}`)
    else if (textOf(loaded.success.connections, programs) !== running) {
      const missing = yield* missingFor(programs, loaded.success.connections)
      if (missing === null) return yield* Effect.log("The connections have changed: taking them.")
      yield* notTaken(file, missing)
    }
  }
})

/**
 * Before the work begins again: the file may have become wrong while the work was finished. A start would end with that; here nothing was
 * started, so it is looked at until it is right.
 */
export const awaitRightFile: Effect.Effect<void, never, SettingsService | Readiness> = Effect.gen(function* () {
  const { connectionsFile: file, connectionsEvery } = yield* SettingsService
  const readiness = yield* Readiness
  let said: string | null = null
  for (;;) {
    const loaded = yield* Effect.result(loadConnections(file, environment()))
    if (Result.isSuccess(loaded)) return yield* readiness.remove("connections")
    const reason = `${loaded.failure.message} ${loaded.failure.nextStep}`
    if (reason !== said) {
      yield* Effect.logError(
        "The connections became wrong while they were taken: nothing runs until they are right."
      ).pipe(Effect.annotateLogs({ file, reason }))
      yield* readiness.set("connections", false, reason)
    }
    said = reason
    yield* Effect.sleep(connectionsEvery)
  }
})

const notTaken = (file: string, reason: string) =>
  Effect.logError("The changed connections are not taken: what was read before stays in use.").pipe(
    Effect.annotateLogs({ file, reason })
  )

/** A start would wait for topics of a platform that is new, and end. A broker that does not answer is asked by the next start. */
const missingFor = Effect.fnUntraced(function* (
  programs: ReadonlyArray<ConcernedProgram>,
  connections: ReadonlyArray<Connection>
) {
  const { topicPrefix } = yield* SettingsService
  const platforms = connections.flatMap(({ enabled, platform }) => (enabled ? [platform] : []))
  const needed = [...new Set(programs.flatMap(({ name }) => topicsOf(name, platforms)))]
  const present = yield* Effect.result((yield* KafkaClient).listTopics)
  if (Result.isFailure(present)) return null
  const missing = missingTopics(needed, present.success, topicPrefix)
  return missing === null ? null : `${missing.message} ${missing.nextStep}`
})

/** Null while the file is away, which is no change. */
const read = (file: string): Effect.Effect<string | null> =>
  Effect.orElseSucceed(
    Effect.tryPromise(() => readFile(file, "utf8")),
    () => null
  )

/** Equal where nothing that concerns the programs differs. */
const textOf = (connections: ReadonlyArray<Connection>, programs: ReadonlyArray<ConcernedProgram>): string =>
  JSON.stringify(connections.filter((one) => programs.some(({ concerns }) => concerns === undefined || concerns(one))))
