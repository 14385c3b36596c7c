/** Puts together what probes wrote and what was seen over HTTP: the readings of each program's last process. */
import type { Fleet } from "./fleet.ts"
import type { Observation } from "./observe.ts"
import type { Sample } from "./probe.ts"
import type { Quantity, Series } from "./verdict.ts"

const probed = [
  "heap",
  "external",
  "resident",
  "descriptors",
  "handles",
  "timers",
  "loopDelayMax",
  "loopDelay99"
] as const satisfies ReadonlyArray<Quantity & keyof Sample>

/** @param begun when the run began, in milliseconds since the epoch */
export const seriesOf = (
  fleet: Pick<Fleet, "running" | "samples">,
  observations: ReadonlyArray<Observation>,
  begun: number
): ReadonlyArray<Series> => [
  ...[...fleet.running()].flatMap(([program, { pid }]) => {
    const samples = fleet.samples(program).filter((sample) => sample.pid === pid)
    return probed.map(
      (quantity): Series => ({
        program,
        quantity,
        readings: samples.map((sample) => ({ minute: (sample.at - begun) / 60_000, value: sample[quantity] }))
      })
    )
  }),
  ...seen(observations)
]

const seen = (observations: ReadonlyArray<Observation>): ReadonlyArray<Series> =>
  [...Map.groupBy(observations, ({ instance }) => instance)].flatMap(([program, all]) => {
    const last = all.filter(({ pid }) => pid === all.at(-1)!.pid)
    return Object.keys(last[0]!.values).map((quantity) => ({
      program,
      quantity: quantity as Quantity,
      readings: last.map(({ minute, values }) => ({ minute, value: values[quantity]! }))
    }))
  })
