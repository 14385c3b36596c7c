/** One look at everything that runs in a soak: what programs say of themselves over HTTP, and what the system says of the JVMs. */
import { existsSync, readdirSync } from "node:fs"
import * as Effect from "effect/Effect"
import { askProgram } from "../../infra/local/run-programs.ts"
import { residentMebibytes } from "../bench/measured-process.ts"
import type { Fleet } from "./fleet.ts"
import { gaugesIn } from "./gauges.ts"
import type { System } from "./system.ts"

export interface Observation {
  readonly minute: number
  readonly instance: string
  readonly pid: number
  readonly values: Readonly<Record<string, number>>
}

export interface State {
  readonly observations: ReadonlyArray<Observation>
  /** Records that wait somewhere. */
  readonly lag: number
  /** Programs that are not ready, connections that are paused or whose circuit is not closed. */
  readonly troubled: ReadonlyArray<string>
  /** Connections that the health program does not call healthy. */
  readonly ill: ReadonlyArray<string>
}

/** Memory that settings bound, in the programs that have it. */
const remembered = ["capi_dedup_bytes", "capi_sealer_secrets_bytes", "capi_suppressions_bytes"]
/** `cache_size` of the indexer's file. */
const indexCacheBytes = 64 * 2 ** 20

export const observe = Effect.fnUntraced(function* (system: System, fleet: Fleet, minute: number) {
  const looks = yield* Effect.forEach(
    [...fleet.running()],
    ([instance, program]) =>
      Effect.gen(function* () {
        const [metrics, ready] = yield* Effect.all([askProgram(program, "/metrics"), askProgram(program, "/readyz")])
        const gauges = gaugesIn(metrics?.text ?? "")
        const troubled = [
          ...(ready?.ok === true ? [] : [`${instance} is not ready: ${ready?.text.trim() ?? "no answer"}`]),
          ...gauges.labelsWhere("capi_delivery_circuit_state", "connection", (value) => value > 0).map(withCircuit),
          ...gauges.labelsWhere("capi_delivery_paused", "connection", (value) => value > 0).map(withPause)
        ]
        return {
          observation: {
            minute,
            instance,
            pid: program.pid,
            values: {
              series: gauges.count,
              remembered: sum(remembered.map(gauges.sum)),
              cached: Math.min(gauges.sum("capi_indexer_file_bytes"), indexCacheBytes)
            }
          },
          lag: gauges.sum("capi_lag_records"),
          troubled,
          ill: gauges.labelsWhere("capi_health_status", "connection", (value) => value > 0)
        }
      }),
    { concurrency: "unbounded" }
  )
  return {
    observations: [
      ...looks.map(({ observation }) => observation),
      ...server(minute, "broker", system.broker.pid()),
      ...server(minute, "registry", system.registry.pid())
    ],
    lag: sum(looks.map(({ lag }) => lag)),
    troubled: looks.flatMap(({ troubled }) => troubled),
    ill: looks.flatMap(({ ill }) => ill)
  } satisfies State
})

const withCircuit = (connection: string): string => `${connection}: its circuit is not closed`
const withPause = (connection: string): string => `${connection} is paused`

const server = (minute: number, instance: string, pid: number | null): ReadonlyArray<Observation> => {
  if (pid === null || !existsSync(`/proc/${pid}`)) return []
  const virtualMachineDescriptors = readdirSync(`/proc/${pid}/fd`).length
  return [
    { minute, instance, pid, values: { virtualMachine: residentMebibytes(pid) * 2 ** 20, virtualMachineDescriptors } }
  ]
}

const sum = (values: ReadonlyArray<number>): number => values.reduce((left, right) => left + right, 0)
