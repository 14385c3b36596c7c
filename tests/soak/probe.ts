/**
 * Loaded before a program of the soak (`node --import`): once a minute it collects all garbage and writes what is left, as a line of
 * JSON, to the file `SOAK_SAMPLES`. What a program only frees late does not look like a leak then.
 */
import { appendFileSync, readdirSync } from "node:fs"
import { monitorEventLoopDelay } from "node:perf_hooks"
import process from "node:process"
import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"
import { isMainThread } from "node:worker_threads"

/** A program at one time. Memory in bytes. */
export interface Sample {
  readonly pid: number
  /** Milliseconds since the epoch. */
  readonly at: number
  readonly heap: number
  /** Buffers and the like. */
  readonly external: number
  readonly resident: number
  readonly descriptors: number
  /** Timers, sockets, servers and requests that keep the process alive. */
  readonly handles: number
  readonly timers: number
  /** The longest and the 99th percentile since the sample before, in milliseconds. */
  readonly loopDelayMax: number
  readonly loopDelay99: number
}

const everyMillis = 60_000
/** Seldom enough to cost nothing. */
const resolutionMillis = 50

const startSampling = (file: string): void => {
  setFlagsFromString("--expose-gc")
  const collect = runInNewContext("gc") as () => void
  const delay = monitorEventLoopDelay({ resolution: resolutionMillis })
  delay.enable()
  setInterval(() => {
    const [loopDelayMax, loopDelay99] = [delay.max, delay.percentile(99)].map((nanos) => nanos / 1_000_000)
    collect()
    const { heapUsed: heap, external, rss: resident } = process.memoryUsage()
    const resources = process.getActiveResourcesInfo()
    const timers = resources.filter((name) => name === "Timeout").length
    const descriptors = readdirSync("/proc/self/fd").length
    const at = Date.now()
    const sample = { pid: process.pid, at, heap, external, resident, descriptors, handles: resources.length, timers }
    appendFileSync(file, `${JSON.stringify({ ...sample, loopDelayMax, loopDelay99 })}\n`)
    delay.reset()
  }, everyMillis).unref()
}

const file = process.env["SOAK_SAMPLES"]
if (isMainThread && file !== undefined) startSampling(file)
