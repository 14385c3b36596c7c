/**
 * `make chaos SEEDS=n` runs so many seeds (SEED=k only that one), `make chaos-short` the plan that every change must stand.
 * Exit code 1 if any promise was broken; the seed is printed, and repeats the run.
 */
import process from "node:process"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Scope from "effect/Scope"
import { endWithLauncher } from "../../shared/runtime/end-with-launcher.mjs"
import { report } from "../bench/report.ts"
import { type ChaosCluster, startChaosCluster } from "./chaos-cluster.ts"
import { type Plan, planOf, shortPlan } from "./plan.ts"
import { print, runSeed, type SeedReport } from "./run-seed.ts"

endWithLauncher()

const minutesMax = 15
/** No seed is begun that may not end in time. */
const minutesOfASeed = 4

const plans = (): ReadonlyArray<Plan> => {
  const { SEED, SEEDS, SHORT } = process.env
  if (SHORT === "1") return [shortPlan]
  if (SEED !== undefined && SEED !== "") return [planOf(Number(SEED))]
  return Array.from({ length: Number(SEEDS || 3) }, (_, index) => planOf(index + 1))
}

const runAll = Effect.gen(function* () {
  const reports: Array<SeedReport> = []
  const clusters = new Map<number, ChaosCluster>()
  const begun = performance.now()
  for (const plan of plans()) {
    if ((performance.now() - begun) / 60_000 > minutesMax - minutesOfASeed) {
      print(`Seed ${plan.seed} and those after it are left out: ${minutesMax} minutes are nearly over.`)
      break
    }
    print(`Seed ${plan.seed}, ${plan.brokers} broker(s)${plan.registryLate ? ", the registry comes late" : ""}:`)
    const done = yield* runSeed(yield* clusterOf(clusters, plan.brokers), plan)
    reports.push(done)
    print(`  ${done.violations.length === 0 ? "Every promise held." : `BROKEN, ${repeatOf(plan)} repeats it:`}`)
    for (const violation of done.violations) print(`    ${violation}`)
  }
  return reports
})

const repeatOf = (plan: Plan): string => (plan === shortPlan ? "make chaos-short" : `make chaos SEED=${plan.seed}`)

const clusterOf = (
  clusters: Map<number, ChaosCluster>,
  brokers: 1 | 3
): Effect.Effect<ChaosCluster, unknown, Scope.Scope> =>
  Effect.gen(function* () {
    const known = clusters.get(brokers)
    if (known !== undefined) return known
    const cluster = yield* startChaosCluster(brokers)
    clusters.set(brokers, cluster)
    return cluster
  })

const printFigures = (reports: ReadonlyArray<SeedReport>): boolean => {
  const sum = (pick: (one: SeedReport) => number) => reports.reduce((total, one) => total + pick(one), 0)
  return report(
    process.env["SHORT"] === "1" ? "chaos-short" : "chaos",
    [
      { figure: "seeds", value: reports.length, unit: "seeds", goal: { atLeast: 1 } },
      { figure: "raw records", value: sum(({ raw }) => raw), unit: "records" },
      { figure: "delivered or accepted", value: sum(({ delivered }) => delivered), unit: "events" },
      { figure: "processes started again", value: sum(({ restarts }) => restarts), unit: "processes" },
      { figure: "received again after a crash", value: sum(({ receivedAgain }) => receivedAgain), unit: "events" },
      { figure: "unknown after a crash", value: sum(({ unknown }) => unknown), unit: "events" },
      { figure: "broken guarantees", value: sum(({ violations }) => violations.length), unit: "", goal: { atMost: 0 } },
      { figure: "time", value: sum(({ seconds }) => seconds), unit: "s" }
    ],
    { seeds: reports.map(({ seed }) => seed).join(" ") }
  )
}

const exit = await Effect.runPromiseExit(Effect.scoped(runAll))
if (Exit.isFailure(exit)) print(Cause.pretty(exit.cause))
process.exit(Exit.isSuccess(exit) && printFigures(exit.value) ? 0 : 1)
