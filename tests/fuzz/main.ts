/**
 * `make fuzz`: throws CASES (a million) mutated inputs at each target, and keeps what breaks a promise in tests/fuzz/corpus, whose files are
 * run as tests from then on. TARGET=json takes one target; SEED=n gives the same cases again; SECONDS_IN_ALL bounds the time.
 */
import process from "node:process"
import { endWithLauncher } from "../../shared/runtime/end-with-launcher.mjs"
import { fuzz, keep } from "./fuzz.ts"
import { fuzzTargets } from "./targets.ts"

endWithLauncher()

const print = (line: string): void => void process.stdout.write(`${line}\n`)
const number = (name: string): number | null => (process.env[name] ? Number(process.env[name]) : null)

const cases = number("CASES") ?? 1_000_000
const seed = number("SEED") ?? Math.floor(Date.now() / 86_400_000)
const targets = (await fuzzTargets()).filter(({ name }) => (process.env["TARGET"] || name) === name)
const seconds = number("SECONDS_IN_ALL")
const millisMax = seconds === null ? Number.POSITIVE_INFINITY : (1_000 * seconds) / targets.length

print(`Seed ${seed}.`)
let found = 0
for (const target of targets) {
  const begun = performance.now()
  const { done, finds } = fuzz(target, { seed, cases, millisMax })
  const spent = (performance.now() - begun) / 1_000
  print(`${target.name}: ${done} cases, ${finds.length} finds, ${spent.toFixed(0)} s`)
  for (const find of finds) print(`  ${keep(find)}: ${find.reason.slice(0, 1_000)}`)
  found += finds.length
}
print(found === 0 ? "No find." : `${found} finds: see above.`)
process.exitCode = found === 0 && targets.length > 0 ? 0 : 1
