/** Metrics of the process itself. */
import process from "node:process"
import * as Effect from "effect/Effect"
import * as Metric from "effect/Metric"
import { gauge } from "../telemetry/series.ts"

const cpuSeconds = gauge("capi_process_cpu_seconds", "CPU time used, user and system.")
const residentBytes = gauge("capi_process_resident_memory_bytes", "Resident memory.")
const heapBytes = gauge("capi_process_heap_used_bytes", "JavaScript heap in use.")
const externalBytes = gauge("capi_process_external_memory_bytes", "Memory of buffers outside the heap.")
const uptimeSeconds = gauge("capi_process_uptime_seconds", "Time since the start.")

/** Updates the gauges of the process itself, at a scrape. */
export const processMetrics: Effect.Effect<void> = Effect.map(Metric.MetricRegistry, (registry) => {
  const memory = process.memoryUsage()
  const cpu = process.cpuUsage()
  cpuSeconds.in(registry, {}).update((cpu.user + cpu.system) / 1_000_000)
  residentBytes.in(registry, {}).update(memory.rss)
  heapBytes.in(registry, {}).update(memory.heapUsed)
  externalBytes.in(registry, {}).update(memory.external)
  uptimeSeconds.in(registry, {}).update(Math.round(process.uptime()))
})
