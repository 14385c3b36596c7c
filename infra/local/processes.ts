/** Processes of a state folder: started with a log file and a pid file, ended by their pid, never by a name. */
import { closeSync, existsSync, openSync, readFileSync, rmSync } from "node:fs"
import path from "node:path"
import process from "node:process"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { commandLine } from "./command-line.mjs"
import { spawnGuarded, spawnNeeded } from "./guarded-spawn.mjs"
import { readJson, writeJson } from "./state.ts"

export interface Launch {
  readonly command: string
  readonly arguments: ReadonlyArray<string>
  readonly logFile: string
  readonly pidFile: string
  /** Whether other processes that we launch need it, as a broker: where we are killed, it ends after them. */
  readonly needed?: boolean
  /** Default: ours. */
  readonly environment?: NodeJS.ProcessEnv
}

/** What a pid file holds: the process, and the one that started it. */
export interface PidFile {
  readonly pid: number
  readonly owner: number
}

export interface Launched {
  readonly pid: number
  /** True once the process has ended, whoever ended it. */
  readonly hasEnded: () => boolean
  /** How it ended, in words, for a process that wrote nothing about it. */
  readonly end: () => string
}

/**
 * Starts a process in a new process group, so that Ctrl-C reaches only us and we end it in order. If we are killed, its guard
 * ends it.
 */
export const launch = (options: Launch): Launched => {
  const log = openSync(options.logFile, "a")
  const start = options.needed === true ? spawnNeeded : spawnGuarded
  const child = start(options.command, options.arguments, {
    stdio: ["ignore", log, log],
    detached: true,
    env: options.environment ?? process.env
  })
  closeSync(log)
  let end: string | null = null
  child.once("exit", (code, signal) => {
    end = signal === null ? `it ended with code ${code}` : `${signal} ended it`
  })
  child.once("error", ({ message }) => {
    end = message
  })
  child.unref()
  const pid = child.pid ?? 0
  if (pid !== 0) writeJson(options.pidFile, { pid, owner: process.pid } satisfies PidFile)
  return {
    pid,
    hasEnded: () => end !== null || pid === 0 || !isAlive(pid),
    end: () => end ?? "it is gone"
  }
}

/** Whether the pid belongs to a process that we may signal and that still runs. */
export const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0)
    return !isZombie(pid)
  } catch {
    return false
  }
}

/** An ended process keeps its pid until it is waited for, which a container's first process may never do for orphans. */
const isZombie = (pid: number): boolean => {
  try {
    return / Z /.test(readFileSync(`/proc/${pid}/stat`, "utf8").replace(/^.*\)/s, ""))
  } catch {
    return false
  }
}

/** The process of a pid file, if it still runs and is the one that was started (its command line holds `marker`). */
export const runningProcess = (pidFile: string, marker: string): PidFile | null => {
  const file = readJson<Partial<PidFile>>(pidFile, {})
  if (typeof file.pid !== "number" || !isAlive(file.pid) || !commandLine(file.pid).includes(marker)) return null
  return { pid: file.pid, owner: file.owner ?? 0 }
}

/** Whether the program that started it still runs, and so will end it. */
export const hasLiveOwner = ({ owner }: PidFile): boolean => owner !== 0 && isAlive(owner)

/** Ends a process by its pid: SIGTERM, then SIGKILL after the grace; SIGKILL at once if it is zero. */
export const endProcess = (pid: number, grace: Duration.Duration): Effect.Effect<void> =>
  Effect.gen(function* () {
    let waitedMillis = 0
    const graceMillis = Duration.toMillis(grace)
    signal(pid, graceMillis > 0 ? "SIGTERM" : "SIGKILL")
    while (isAlive(pid) && waitedMillis < graceMillis + 10_000) {
      yield* Effect.sleep("50 millis")
      waitedMillis += 50
      if (waitedMillis >= graceMillis) signal(pid, "SIGKILL")
    }
  })

/** Sends a signal; a process that is gone already is no error. */
export const signal = (pid: number, name: NodeJS.Signals): void => {
  try {
    process.kill(pid, name)
  } catch {
    // It has ended between our look and the signal, which is what an ending wants.
  }
}

export const removePidFile = (file: string): void => rmSync(file, { force: true })

/** The last lines of a log file, for an error that names them. */
export const logTail = (file: string, lines = 40): string =>
  existsSync(file) ? readFileSync(file, "utf8").trimEnd().split("\n").slice(-lines).join("\n") : ""

/** A relative path where that is shorter for people. */
export const shortPath = (file: string): string => {
  const relative = path.relative(process.cwd(), file)
  return relative.startsWith("..") ? file : relative
}
