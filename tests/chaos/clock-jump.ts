/**
 * Loaded before a processor's program (`node --import`), so that the chaos suite can let the wall clock of a real process
 * jump without a word in the product: at SIGUSR2 it is off by as many milliseconds as the file `CHAOS_CLOCK_FILE` says.
 */
import { readFileSync } from "node:fs"
import process from "node:process"

const wallClock = Date.now.bind(Date)
let offsetMillis = 0

Date.now = () => wallClock() + offsetMillis
process.on("SIGUSR2", () => {
  offsetMillis = Number(readFileSync(process.env["CHAOS_CLOCK_FILE"] ?? "", "utf8"))
})
