/** Figures of the process itself, taken at the moment of a scrape. */
import process from "node:process"
import * as Effect from "effect/Effect"
import * as Metric from "effect/Metric"

const gauge = (name: string, description: string) => Metric.gauge(name, { description })
const cpuSeconds = gauge("capi_process_cpu_seconds", "CPU time used, user and system.")
const residentBytes = gauge("capi_process_resident_memory_bytes", "Resident memory.")
const heapBytes = gauge("capi_process_heap_used_bytes", "JavaScript heap in use.")
const externalBytes = gauge("capi_process_external_memory_bytes", "Memory of buffers outside the heap.")
const uptimeSeconds = gauge("capi_process_uptime_seconds", "Time since the start.")

/** Brings the process's gauges up to date. */
export const processMetrics: Effect.Effect<void> = Effect.suspend(() => {
  const memory = process.memoryUsage()
  const cpu = process.cpuUsage()
  return Effect.all(
    [
      Metric.update(cpuSeconds, (cpu.user + cpu.system) / 1_000_000),
      Metric.update(residentBytes, memory.rss),
      Metric.update(heapBytes, memory.heapUsed),
      Metric.update(externalBytes, memory.external),
      Metric.update(uptimeSeconds, Math.round(process.uptime()))
    ],
    { discard: true }
  )
})
