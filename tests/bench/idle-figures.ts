/** What programs cost that have nothing to do, and the goals. */
import type { Figure } from "./report.ts"

/** CPU in percent of one core, over a time without events. */
export interface IdleRun {
  readonly connections: number
  /** By the name of the program or of those that share a process. */
  readonly programs: ReadonlyMap<string, number>
  readonly broker: number
}

/** @param brokerAlone the broker before any program was connected to it, in percent of one core */
export const figuresOf = (brokerAlone: number, runs: ReadonlyArray<IdleRun>): ReadonlyArray<Figure> => [
  { figure: "broker alone", value: brokerAlone, unit: "% of a core" },
  ...runs.flatMap(({ connections, programs, broker }) => {
    const figure = (name: string, value: number, atMost?: number): Figure => ({
      figure: `${connections} connections: ${name}`,
      value,
      unit: "% of a core",
      ...(atMost === undefined ? {} : { goal: { atMost } })
    })
    const all = [...programs.values()].reduce((sum, value) => sum + value, 0)
    return [
      ...[...programs].map(([name, value]) => figure(name, value)),
      figure("all programs", all, programsMax({ connections })),
      figure("broker", broker),
      figure("broker, more than alone", broker - brokerAlone, brokerMoreMax)
    ]
  })
]

/** Of all programs together: with the connections of the example, and with hundreds. */
export const programsMax = ({ connections }: Pick<IdleRun, "connections">): number => (connections < 100 ? 1.5 : 3)

const brokerMoreMax = 2
