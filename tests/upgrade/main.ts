/**
 * `make e2e-upgrade`: a running system of an earlier commit (FROM; default: the last release, else the commit before this one) is
 * upgraded to the working tree under load, and nothing is lost, nothing sent twice, the ledger balances. What instances of a version from
 * before decision 61 cut off is counted apart. ROLLBACK=1 goes back afterwards, as docs/upgrade.md describes it. SECONDS=10 is how long the load goes on between the changes.
 */
import process from "node:process"
import * as Effect from "effect/Effect"
import { endWithLauncher } from "../../shared/runtime/end-with-launcher.mjs"
import { report } from "../bench/report.ts"
import { runToExit } from "../harness/run-to-exit.ts"
import { defaultEarlier, earlierVersion } from "./earlier-version.ts"
import { upgradeRun } from "./upgrade-run.ts"

endWithLauncher()
const print = (line: string) => void process.stdout.write(`${line}\n`)
const from = process.env["FROM"] || defaultEarlier()
const rollback = process.env["ROLLBACK"] === "1"
const steadySeconds = Math.max(2, Number(process.env["SECONDS"] ?? 10) || 10)

const main = Effect.gen(function* () {
  const earlier = yield* earlierVersion(from)
  const done = yield* upgradeRun({ earlier, rollback, steadySeconds }, print)
  for (const one of done.violations) print(`BROKEN  ${one}`)
  return report(
    "e2e-upgrade",
    [
      { figure: "records published", value: done.published, unit: "records", goal: { atLeast: 1_000 } },
      { figure: "delivered or accepted", value: done.delivered, unit: "events" },
      {
        figure: "received twice by a platform",
        value: done.receivedAgainUnexplained,
        unit: "events",
        goal: { atMost: 0 }
      },
      { figure: "unknown outcome", value: done.unknownUnexplained, unit: "events", goal: { atMost: 0 } },
      {
        figure: "received twice, cut off by an instance that does not finish its requests",
        value: done.receivedAgain - done.receivedAgainUnexplained,
        unit: "events"
      },
      { figure: "unknown outcome, cut off so", value: done.unknown - done.unknownUnexplained, unit: "events" },
      { figure: "broken guarantees", value: done.violations.length, unit: "", goal: { atMost: 0 } },
      { figure: "time to replace 12 instances", value: done.rollingSeconds, unit: "s" },
      { figure: "longest pause of Meta's events", value: done.longestPauseSeconds, unit: "s" }
    ],
    { from: earlier.title, rollback }
  )
})

runToExit("e2e-upgrade", main)
