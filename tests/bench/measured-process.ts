/** Processes under measurement: started with a log, read from /proc, ended by their pid. */
import type { ChildProcess } from "node:child_process"
import { existsSync, openSync, readFileSync } from "node:fs"
import path from "node:path"
import process from "node:process"
import { spawnGuarded } from "../../infra/local/guarded-spawn.mjs"

export interface MeasuredProcess {
  readonly name: string
  readonly pid: number
  readonly port: number
  readonly hasEnded: () => boolean
  readonly stop: () => Promise<void>
}

/** Starts a program; its output goes to `<folder>/<name>.log`. */
export const startProcess = (
  name: string,
  command: string,
  parameters: ReadonlyArray<string>,
  folder: string,
  environment: Readonly<Record<string, string>> = {},
  port = 0
): MeasuredProcess => {
  const log = openSync(path.join(folder, `${name}.log`), "a")
  const child = spawnGuarded(command, [...parameters], {
    stdio: ["ignore", log, log],
    env: { ...process.env, ...environment }
  })
  running.add(child)
  child.once("exit", () => running.delete(child))
  return {
    name,
    pid: child.pid ?? 0,
    port,
    hasEnded: () => child.exitCode !== null || child.signalCode !== null,
    stop: () => stop(child)
  }
}

const running = new Set<ChildProcess>()
// What is still there when the benchmark ends, however it ends, goes with it.
process.on("exit", () => {
  for (const child of running) child.kill("SIGKILL")
})
process.on("SIGTERM", () => process.exit(143))
process.on("SIGINT", () => process.exit(130))

const stop = (child: ChildProcess): Promise<void> =>
  new Promise((resolve) => {
    if (child.exitCode !== null || child.signalCode !== null) return resolve()
    const last = setTimeout(() => child.kill("SIGKILL"), 20_000)
    child.once("exit", () => {
      clearTimeout(last)
      resolve()
    })
    child.kill("SIGTERM")
  })

/** Seconds of processor time that the process (all its threads) has used, in user and kernel mode. */
export const cpuSeconds = (pid: number): number => {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]!.split(" ")
  return (Number(fields[11]) + Number(fields[12])) / ticksPerSecond
}

/** What broker and sink have worked, and how long processors had nothing to do, summed over them; in seconds. */
export interface Surroundings {
  readonly brokerSeconds: number
  readonly sinkSeconds: number
  readonly idleSeconds: number
}

/** Begins to measure; the function gives what has gone by since. A broker that is not ours has no pid and counts as 0. */
export const measureSurroundings = (brokerPid: number | null, sinkPid: number): (() => Surroundings) => {
  const read = (): Surroundings => ({
    brokerSeconds: brokerPid === null ? 0 : cpuSeconds(brokerPid),
    sinkSeconds: cpuSeconds(sinkPid),
    idleSeconds: idleSeconds()
  })
  const before = read()
  return () => {
    const now = read()
    return {
      brokerSeconds: now.brokerSeconds - before.brokerSeconds,
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
