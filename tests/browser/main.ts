/** `make test-browser`: 0 if every view shows what it must and every use works, 1 if not, 2 where no Chromium is found. */
import path from "node:path"
import process from "node:process"
import * as Effect from "effect/Effect"
import { repository } from "../../infra/local/state.ts"
import { endWithLauncher } from "../../shared/runtime/end-with-launcher.mjs"
import { runToExit } from "../harness/run-to-exit.ts"
import { findChromium } from "./chromium.ts"
import { browserRun } from "./run.ts"

endWithLauncher()

const print = (line: string) => void process.stdout.write(`${line}\n`)

const chromium = findChromium()
if (chromium === null) {
  print("No Chromium was found. Install it (Debian: apt install chromium), or name its file in CAPI_CHROMIUM.")
  process.exit(2)
}

const folder = path.resolve(repository, process.env["SCREENSHOTS"] ?? "docs/images")

const main = Effect.gen(function* () {
  const found = yield* browserRun({ chromium, folder, print })
  for (const one of found) print(`BROKEN  ${one}`)
  print(found.length === 0 ? "Every view shows what it must, and nothing is broken." : `${found.length} findings.`)
  return found.length === 0
})

runToExit("test-browser", main)
