/**
 * Ctrl-C ends a program in order: what is in flight is finished and committed, which may take a while. A second Ctrl-C is a
 * person who does not want to wait: the program ends at once, and what was in flight comes again at the next start.
 *
 * One Ctrl-C may arrive twice: the terminal sends it to every process of its group, and npm passes its own on. So what follows the
 * first signal within a second belongs to it.
 */
import process from "node:process"
import { exitCodes } from "./failure.ts"

const sameInterruptMillis = 1_000

const actions = new Set<() => void>()
/** `performance.now`, in milliseconds. */
let firstAt: number | null = null

/** Calls the action before the program ends at once, such as to end children; gives what takes it back. */
export const beforeEndingAtOnce = (action: () => void): (() => void) => {
  actions.add(action)
  return () => void actions.delete(action)
}

/** To be called where the program's own handlers of signals are installed; further calls do nothing. */
export const endAtSecondInterrupt = (): void => {
  if (process.listeners("SIGINT").includes(onSignal)) return
  process.on("SIGINT", onSignal)
  process.on("SIGTERM", onSignal)
}

const onSignal = (signal: NodeJS.Signals): void => {
  const now = performance.now()
  firstAt ??= now
  if (signal !== "SIGINT" || now - firstAt < sameInterruptMillis) return
  for (const action of actions) action()
  process.stderr.write("Ended at once by a second Ctrl-C: what was in flight is not committed and comes again.\n")
  process.exit(exitCodes.interrupted)
}
