/**
 * `make fuzz-time`: every normalizer, reader, redactor, mapper and verdict on texts of 1,000 to 1,000,000 characters that are made from
 * each regular expression of the source. Time at twice the length is at most 2.5 times that at the length, and at most 50 ms at a million
 * characters. EVERY=n takes every n-th text for each target (1: all), ONLY=text targets with that text in their name, MINUTES a bound, MILLIS=100
 * another limit for a slow machine.
 */
import process from "node:process"
import { endWithLauncher } from "../../../shared/runtime/end-with-launcher.mjs"
import { limits } from "./measure.ts"
import { describeFind, runTimes } from "./run.ts"

endWithLauncher()

const print = (line: string): void => void process.stdout.write(`${line}\n`)
const number = (name: string, otherwise: number): number => Number(process.env[name] || otherwise)

const millisMax = number("MINUTES", 30) * 60_000
const lengthMillisMax = number("MILLIS", limits.millisMax)
const { endless, finds, kinds } = await runTimes(
  { every: number("EVERY", 40), lengthMillisMax, only: process.env["ONLY"] ?? "", millisMax },
  (message) => {
    if (message._tag === "Found") print(`SLOW  ${describeFind(message.find)}`)
    if (message._tag === "Kind" && message.targets > 0)
      print(
        `${message.kind}: ${message.targets} targets, ${message.runs} texts, ${(message.millis / 1000).toFixed(0)} s` +
          (message.left === 0 ? "" : `; ${message.left} targets were left out for time`)
      )
  }
)
if (endless !== null) print(`ENDLESS  ${endless}`)
const runs = kinds.reduce((sum, kind) => sum + kind.runs, 0)
print(
  `${runs} pairs of target and text; ${finds.length} over ${limits.ratioMax} times for twice the length or over ${lengthMillisMax} ms.`
)
process.exitCode = finds.length === 0 && endless === null && runs > 0 ? 0 : 1
