/** Processes under measurement: started with a log, read from /proc, ended by their pid. */
import { existsSync, readdirSync, readFileSync } from "node:fs"
import process from "node:process"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { endProcess, launch } from "../../infra/local/processes.ts"
import { logFileOf, pidFileOf, type RunningProgram, untilReady } from "../../infra/local/run-programs.ts"

export interface MeasuredProcess {
  readonly name: string
  readonly pid: number
  readonly port: number
  readonly hasEnded: () => boolean
  readonly stop: () => Promise<void>
}

/** A processor, with /readyz. */
export interface MeasuredProgram extends MeasuredProcess {
  /** Waits until it is ready; fails where it ends before. */
  readonly ready: (deadlineMillis?: number) => Promise<void>
}

/** Starts a process; its output goes to `<folder>/logs/<name>.log`. */
export const startProcess = (
  name: string,
  command: string,
  parameters: ReadonlyArray<string>,
  folder: string,
  environment: Readonly<Record<string, string>> = {}
): MeasuredProcess => {
  const started = launch({
    command,
    arguments: parameters,
    logFile: logFileOf(folder, name),
    pidFile: pidFileOf(folder, name),
    environment: { ...process.env, ...environment }
  })
  return measured({ name, port: 0, ...started })
}

export const measuredProgram = (program: RunningProgram): MeasuredProgram => ({
  ...measured(program),
  ready: (deadlineMillis) => Effect.runPromise(untilReady(program, deadlineMillis))
})

const measured = ({ name, port, pid, hasEnded }: Pick<RunningProgram, "name" | "port" | "pid" | "hasEnded">) => ({
  name,
  pid,
  port,
  hasEnded,
  stop: () => Effect.runPromise(endProcess(pid, Duration.seconds(20)))
})

/** Seconds of processor time that the process (all its threads) has used, in user and kernel mode. */
export const cpuSeconds = (pid: number): number => secondsIn(readFileSync(`/proc/${pid}/stat`, "utf8"))

/**
 * The same of a JVM, without its compiler's threads: a broker compiles what it does for some minutes, and whoever is measured
 * meanwhile would pay for all who come later.
 */
export const serverSeconds = (pid: number): number => cpuSeconds(pid) - compilerSeconds(pid)

/** Of the threads that compile. HotSpot keeps the first of each kind as long as it runs. */
const compilerSeconds = (pid: number): number =>
  readdirSync(`/proc/${pid}/task`)
    .flatMap((thread) => readIfThere(`/proc/${pid}/task/${thread}/stat`))
    .filter((stat) => / \(C[12] Compiler/.test(stat))
    .reduce((sum, stat) => sum + secondsIn(stat), 0)

/** A thread may end between the listing and the reading. */
const readIfThere = (file: string): ReadonlyArray<string> => {
  try {
    return [readFileSync(file, "utf8")]
  } catch {
    return []
  }
}

const secondsIn = (stat: string): number => {
  const fields = stat.slice(stat.lastIndexOf(") ") + 2).split(" ")
  return (Number(fields[11]) + Number(fields[12])) / ticksPerSecond
}

/** What broker and sink have worked, and how long processors had nothing to do, summed over them; in seconds. */
export interface Surroundings {
  /** Without `brokerCompilerSeconds`. */
  readonly brokerSeconds: number
  readonly brokerCompilerSeconds: number
  readonly sinkSeconds: number
  readonly idleSeconds: number
}

/** Begins to measure; the function gives what has gone by since. A broker that is not ours has no pid and counts as 0. */
export const measureSurroundings = (brokerPid: number | null, sinkPid: number): (() => Surroundings) => {
  const read = (): Surroundings => ({
    brokerSeconds: brokerPid === null ? 0 : serverSeconds(brokerPid),
    brokerCompilerSeconds: brokerPid === null ? 0 : compilerSeconds(brokerPid),
    sinkSeconds: cpuSeconds(sinkPid),
    idleSeconds: idleSeconds()
  })
  const before = read()
  return () => {
    const now = read()
    return {
      brokerSeconds: now.brokerSeconds - before.brokerSeconds,
      brokerCompilerSeconds: now.brokerCompilerSeconds - before.brokerCompilerSeconds,
      sinkSeconds: now.sinkSeconds - before.sinkSeconds,
      idleSeconds: now.idleSeconds - before.idleSeconds
    }
  }
}

const idleSeconds = (): number => {
  const [, , , , idle, wait] = readFileSync("/proc/stat", "utf8").split("\n", 1)[0]!.split(/ +/)
  return (Number(idle) + Number(wait)) / ticksPerSecond
}

/** The most memory that was resident at a time, in MiB. */
export const peakMebibytes = (pid: number): number => mebibytesOf(pid, "VmHWM")

/** The memory that is resident now, in MiB; 0 where the process has ended. */
export const residentMebibytes = (pid: number): number => (existsSync(`/proc/${pid}`) ? mebibytesOf(pid, "VmRSS") : 0)

const mebibytesOf = (pid: number, field: "VmHWM" | "VmRSS"): number =>
  Number(new RegExp(`${field}:\\s+(\\d+)`).exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? 0) / 1024

/** Linux's USER_HZ, the same on every machine. */
const ticksPerSecond = 100
