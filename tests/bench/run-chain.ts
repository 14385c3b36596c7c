/** One run of the chain over a published backlog: processor time, memory and rate of every program. */
import type { Platform } from "../../shared/model/platform.ts"
import { waitUntil } from "../harness/wait-until.ts"
import { type Cluster, type Sink, startProcessors, type Together, untilReady } from "./cluster.ts"
import {
  cpuSeconds,
  measureSurroundings,
  peakMebibytes,
  residentMebibytes,
  type Surroundings
} from "./measured-process.ts"

export interface ChainOptions {
  /** Events of the backlog. */
  readonly count: number
  readonly platforms: ReadonlyArray<Platform>
  readonly instances?: number
  /** How many of the events are messages: all that WhatsApp gets. */
  readonly messages?: number
  readonly together?: Together
  /** See `ProcessorsOptions`. */
  readonly limits?: Readonly<Record<string, string | number>>
}

export interface ChainRun extends Surroundings {
  readonly cpu: ReadonlyMap<string, number>
  /** The most that was resident at a time, in MiB. */
  readonly memory: ReadonlyMap<string, number>
  /** How much more was resident in the last quarter of the time than in the second, by the medians, in MiB. */
  readonly growth: ReadonlyMap<string, number>
  /** What of the mapper's memory the ids take that it is to remember; it grows with them to its own bound. */
  readonly idsMebibytes: number
  /** Committed transactions of every program. */
  readonly commits: ReadonlyMap<string, number>
  /** From the start of the programs to the last request. */
  readonly wallSeconds: number
  /** From the first request to the last. */
  readonly sendSeconds: number
  readonly requests: number
  readonly surplus: number
}

/** Processor time of a start without events, for each program. */
export const idleStart = async (
  made: Cluster,
  sink: Sink,
  options: ChainOptions
): Promise<ReadonlyMap<string, number>> => {
  const processes = await startProcessors(made, { ...options, sink })
  await untilReady(processes)
  const seconds = sums(processes, cpuSeconds)
  await Promise.all(processes.map(({ stop }) => stop()))
  return seconds
}

export const runChain = async (made: Cluster, sink: Sink, options: ChainOptions): Promise<ChainRun> => {
  const expected = expectedOf(options)
  await sink.reset()
  const surroundings = measureSurroundings(made.brokerPid, sink.pid)
  const begun = Date.now()
  const processes = await startProcessors(made, { ...options, sink })
  const samples = processes.map(({ name, pid }) => ({ name, pid, mebibytes: [] as Array<number> }))
  const sampling = setInterval(() => {
    for (const { pid, mebibytes } of samples) mebibytes.push(residentMebibytes(pid))
  }, sampleMillis)
  await untilDelivered(sink, expected).finally(() => clearInterval(sampling))
  const { first_ms, last_ms, requests } = await sink.stats()
  await waitUntil("all results are committed", async () => (await delivered(processes)) >= expected, 60_000)
  const around = surroundings()
  const cpu = sums(processes, cpuSeconds)
  const memory = sums(processes, peakMebibytes)
  const idsMebibytes = (await total(processes, "mapper", "capi_dedup_bytes")) / 2 ** 20
  const commits = new Map<string, number>()
  for (const name of cpu.keys()) commits.set(name, await total(processes, name, "capi_commits_total"))
  await Promise.all(processes.map(({ stop }) => stop()))
  const surplus = (await sink.stats()).events - expected
  const wallSeconds = (last_ms - begun) / 1000
  return {
    cpu,
    memory,
    growth: growthOf(samples),
    idsMebibytes,
    commits,
    ...around,
    wallSeconds,
    sendSeconds: (last_ms - first_ms) / 1000,
    requests,
    surplus
  }
}

const expectedOf = ({ count, platforms, messages }: ChainOptions): number =>
  platforms.reduce((all, platform) => all + (platform === "whatsapp" ? (messages ?? 0) : count), 0)

const sampleMillis = 500

const growthOf = (
  samples: ReadonlyArray<{ readonly name: string; readonly mebibytes: ReadonlyArray<number> }>
): ReadonlyMap<string, number> => {
  const growth = new Map<string, number>()
  for (const { name, mebibytes } of samples) {
    const at = (quarter: number) => Math.floor((mebibytes.length * quarter) / 4)
    const rise = median(mebibytes.slice(at(3))) - median(mebibytes.slice(at(1), at(2)))
    growth.set(name, (growth.get(name) ?? 0) + rise)
  }
  return growth
}

const median = (values: ReadonlyArray<number>): number =>
  [...values].sort((left, right) => left - right)[Math.floor(values.length / 2)] ?? 0

/** Waits for as long as events keep arriving: how long a backlog takes depends on its length and the machine. */
const untilDelivered = async (sink: Sink, expected: number): Promise<void> => {
  const start = (await sink.stats()).events
  for (let before = start, events = start; events < expected; before = events) {
    await waitUntil(
      `more events are delivered after ${before} of ${expected}`,
      async () => {
        events = (await sink.stats()).events
        return events > before
      },
      stallMillisMax
    )
  }
}

/** A start of all programs on a busy machine takes a part of it. */
const stallMillisMax = 180_000

/** A metric of a process, or of the one that a program is in, over all its instances, partitions and connections. */
const total = async (processes: Processes, program: string, metric: string): Promise<number> => {
  let sum = 0
  for (const { name, port } of processes) {
    if (name !== program && !name.split("+").includes(program)) continue
    const text = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text()
    for (const [, value] of text.matchAll(new RegExp(`^${metric}(?:\\{[^}]*\\})? (\\S+)`, "gm"))) sum += Number(value)
  }
  return sum
}

type Processes = ReadonlyArray<{ readonly name: string; readonly port: number }>

/** Events that the delivery programs count as delivered or accepted. */
const delivered = async (processes: Processes) => {
  let sum = 0
  for (const { name, port } of processes) {
    if (!name.includes("delivery")) continue
    const text = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text()
    for (const [, value] of text.matchAll(
      /^capi_delivery_events_total\{[^}]*outcome="(?:delivered|accepted)"[^}]*\} (\d+)/gm
    ))
      sum += Number(value)
  }
  return sum
}

/** Instances of a program are summed. */
const sums = (
  processes: ReadonlyArray<{ readonly name: string; readonly pid: number }>,
  measure: (pid: number) => number
): ReadonlyMap<string, number> => {
  const all = new Map<string, number>()
  for (const { name, pid } of processes) all.set(name, (all.get(name) ?? 0) + measure(pid))
  return all
}

export const sum = (values: ReadonlyMap<string, number>): number =>
  [...values.values()].reduce((all, one) => all + one, 0)
