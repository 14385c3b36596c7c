/** Ends a process whose event loop is blocked: a loop that never ends stops heartbeats, health endpoints and signals alike. */
import process from "node:process"
import { Worker } from "node:worker_threads"

/** No step, restore or collection of garbage blocks for so long. */
const blockedMillisMax = 60_000

/**
 * A thread counts its looks at a number that the event loop raises. It ends the process by SIGKILL, after a line on standard error, when
 * the number stayed for `blockedMillis` of its looks. A process that was stopped (SIGSTOP) is not blocked: its thread was stopped as well.
 */
export const watchEventLoop = (program: string, blockedMillis = blockedMillisMax): void => {
  const raised = new Int32Array(new SharedArrayBuffer(4))
  // Seldom: both threads wake up for it.
  const every = Math.max(50, blockedMillis / 3)
  setInterval(() => Atomics.add(raised, 0, 1), every).unref()
  const workerData = {
    raised,
    every,
    looksMax: Math.ceil(blockedMillis / every) + 1,
    line: lineOf(program, blockedMillis)
  }
  new Worker(watch, { eval: true, workerData, stdin: false }).unref()
}

const lineOf = (program: string, millis: number): string =>
  `${program}: The event loop was blocked for ${Math.round(millis / 1_000)} s; the process is ended. The same records are read again; one that blocks it each time becomes a dead letter (poison).\n`

/** Text, so that a bundle needs no other file. */
const watch = `
const { workerData: { raised, every, looksMax, line } } = require("node:worker_threads")
let seen = -1
let looks = 0
setInterval(() => {
  const now = Atomics.load(raised, 0)
  looks = now === seen ? looks + 1 : 0
  seen = now
  if (looks < looksMax) return
  require("node:fs").writeSync(2, line)
  process.kill(${process.pid}, "SIGKILL")
}, every)
`
