/** `make e2e-outage`: EVENTS, OUTAGE_SECONDS and SEED; exit code 0 only if every promise held. The counts come last. */
import process from "node:process"
import * as Effect from "effect/Effect"
import { endWithLauncher } from "../../shared/runtime/end-with-launcher.mjs"
import { runToExit } from "../harness/run-to-exit.ts"
import { findings } from "./findings.ts"
import { outageRun } from "./outage.ts"
import { isShort, type OutageOptions } from "./plan.ts"
import { countsOf } from "./report.ts"

endWithLauncher()

const numberOf = (name: string, otherwise: number): number => {
  const value = Number(process.env[name] ?? otherwise)
  return Number.isFinite(value) && value > 0 ? Math.floor(value) : otherwise
}
const options: OutageOptions = {
  events: numberOf("EVENTS", 10_000),
  outageSeconds: numberOf("OUTAGE_SECONDS", 90),
  seed: numberOf("SEED", 1)
}
const print = (line: string) => void process.stdout.write(`${line}\n`)

const main = Effect.gen(function* () {
  print(
    `${options.events} events, ${options.outageSeconds} s of outage, seed ${options.seed}; ` +
      `resilience: ${isShort(options) ? "short times" : "the specification's figures"}.`
  )
  const evidence = yield* outageRun(options, `outage-${process.pid}.`, print)
  const found = findings(evidence)
  for (const one of found.slice(0, findingsShown)) print(`BROKEN  ${one}`)
  if (found.length > findingsShown) print(`… and ${found.length - findingsShown} more.`)
  print(
    ["", ...countsOf(evidence), "", found.length === 0 ? "Every promise held." : `${found.length} findings.`].join("\n")
  )
  return found.length === 0
})

const findingsShown = 20

runToExit("e2e-outage", main)
