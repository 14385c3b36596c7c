/**
 * `make soak`: all programs under a steady load for MINUTES (60) while troubles come and go, at RATE (60) raw records a second for
 * CONNECTIONS (those of examples/connections.yaml). Exit code 1 where something grew too much, an event was lost or sent again, or a
 * trouble left something behind. All readings are in .bench/soak-readings.json.
 */
import { mkdirSync, writeFileSync } from "node:fs"
import process from "node:process"
import * as Effect from "effect/Effect"
import { endWithLauncher } from "../../shared/runtime/end-with-launcher.mjs"
import { printTable } from "../bench/report.ts"
import { runToExit } from "../harness/run-to-exit.ts"
import { connectionsMin } from "./connections.ts"
import { type Soaked, type SoakOptions, soak } from "./soak.ts"
import { growing, type Quantity, shown, type Trend, trendsOf } from "./verdict.ts"

endWithLauncher()

const numberOf = (name: string, otherwise: number): number => Number(process.env[name] || otherwise)
const minutes = numberOf("MINUTES", 60)
const options: SoakOptions = {
  minutes,
  rate: numberOf("RATE", 60),
  connections: numberOf("CONNECTIONS", connectionsMin),
  troubleSeconds: numberOf("TROUBLE_SECONDS", minutes < 30 ? 20 : 60)
}
const print = (line: string): void => void process.stdout.write(`${new Date().toISOString().slice(11, 19)} ${line}\n`)

const main = Effect.gen(function* () {
  const soaked = yield* soak(options, print)
  const trends = trendsOf(soaked.series, minutes)
  save(soaked, trends)
  printTable(rowsOf(trends))
  for (const { program, level, message, count, example } of soaked.logs) {
    print(`${program}: ${count} × ${level} ${message}`)
    print(`    ${example.slice(0, 400)}`)
  }
  const { raw, normalized, deadLetteredRaw, connections } = soaked.balance
  print(`${raw} raw records: ${normalized} normalized, ${deadLetteredRaw} dead letters.`)
  for (const { connectionId, consumed, outcomes } of connections)
    print(`${connectionId}: ${consumed} consumed, ${JSON.stringify(outcomes)}`)
  const findings = [...soaked.findings, ...growing(trends)]
  for (const finding of findings) print(`FOUND  ${finding}`)
  print(findings.length === 0 ? "Every promise held, and nothing grew." : `${findings.length} findings.`)
  return findings.length === 0
})

const save = (soaked: Soaked, trends: ReadonlyArray<Trend>): void => {
  mkdirSync(".bench", { recursive: true })
  const { series, findings, healing, published } = soaked
  writeFileSync(".bench/soak-readings.json", JSON.stringify({ options, published, findings, healing, trends, series }))
}

/** One row for each program: from where to where each quantity went, and by how much in an hour by the second half. */
const rowsOf = (trends: ReadonlyArray<Trend>) =>
  [...Map.groupBy(trends, ({ program }) => program)].map(([program, all]) => ({
    program,
    ...Object.fromEntries(
      shownQuantities.map(({ title, of }) => {
        const trend = all.find(({ quantity }) => quantity === of)
        return [title, trend === undefined ? "" : cellOf(trend)]
      })
    )
  }))

const shownQuantities: ReadonlyArray<{ readonly title: string; readonly of: Quantity }> = [
  { title: "heap MiB", of: "heap" },
  { title: "external MiB", of: "external" },
  { title: "resident MiB", of: "resident" },
  { title: "remembered MiB", of: "remembered" },
  { title: "cached MiB", of: "cached" },
  { title: "descriptors", of: "descriptors" },
  { title: "handles", of: "handles" },
  { title: "timers", of: "timers" },
  { title: "series", of: "series" },
  { title: "loop ms", of: "loopDelayMax" }
]

const cellOf = ({ quantity, start, end, growthAnHour }: Trend): string => {
  const [from, to, anHour] = [start, end, growthAnHour].map((value) => number(quantity, value))
  return `${from} -> ${to} (${growthAnHour < 0 ? "" : "+"}${anHour}/h)`
}
const number = (quantity: Quantity, value: number): string => shown(quantity, value).split(" ", 1)[0]!

runToExit("soak", main)
