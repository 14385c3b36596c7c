/**
 * Loaded before a processor's program (`node --import`), so that the chaos suite can let the wall clock of a real process
 * jump without a word in the product: SIGUSR2 moves it by `CHAOS_CLOCK_JUMP_MILLIS`, the next one back.
 */
import process from "node:process"

const wallClock = Date.now.bind(Date)
let offsetMillis = 0

Date.now = () => wallClock() + offsetMillis
process.on("SIGUSR2", () => {
  offsetMillis = offsetMillis === 0 ? Number(process.env["CHAOS_CLOCK_JUMP_MILLIS"] ?? 0) : 0
})
