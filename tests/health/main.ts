/** `make e2e-health`: exit code 0 only if every surface said the same, each alert came once and ended once, and the history is exact. */
import process from "node:process"
import * as Effect from "effect/Effect"
import { endWithLauncher } from "../../shared/runtime/end-with-launcher.mjs"
import { runToExit } from "../harness/run-to-exit.ts"
import { findings } from "./findings.ts"
import { healthStory } from "./story.ts"

endWithLauncher()

const print = (line: string) => void process.stdout.write(`${line}\n`)

const main = Effect.gen(function* () {
  const story = yield* healthStory(print)
  const found = findings(story)
  for (const one of found) print(`BROKEN  ${one}`)
  const slowest = Math.max(...story.changes.flatMap(({ surfaces }) => Object.values(surfaces)))
  print(`
${story.changes.length} changes, every surface within ${slowest} ms
${story.alerts.length} alerts, ${story.notified.length} taken by the webhook
${story.history.length} minutes of history, ${story.results.length} results
${[...new Set(story.issues)].map((issue) => `  ${issue}`).join("\n")}

${found.length === 0 ? "Every promise held." : `${found.length} findings.`}`)
  return found.length === 0
})

runToExit("e2e-health", main)
