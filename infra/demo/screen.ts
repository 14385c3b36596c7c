/** What the demonstration writes: progress as lines, the live view redrawn in place on a terminal. */
import process from "node:process"
import { Clock, Effect } from "effect"
import type { Sandbox } from "../sandbox/sandbox.ts"
import type { RunningProcessor } from "./processors.ts"
import type { Tally } from "./tally.ts"
import { coloured, liveView, type Paint, plain } from "./view.ts"

const isTerminal = process.stdout.isTTY === true
const redrawEvery = "1 second"
/** Without a terminal the view is written only when something changed, and not more often than this. */
const quietMillis = 5_000

/** Colours only on a terminal. */
export const paint: Paint = isTerminal ? coloured : plain

export const tell = (line: string): void => void process.stdout.write(`${line}\n`)

export const tellAddresses = (addresses: {
  readonly brokers: string
  readonly registryUrl: string
  readonly sandbox: Sandbox
  readonly running: ReadonlyArray<RunningProcessor>
}): void => {
  tell(`Kafka            ${addresses.brokers}`)
  tell(`Schema registry  ${addresses.registryUrl}`)
  tell(`Sandboxes        ${addresses.sandbox.controlUrl}/_sandbox/stats`)
  for (const { name, pid, url } of addresses.running) tell(`${name.padEnd(17)}${url}/metrics (pid ${pid})`)
}

/** Shows the tally until interrupted. */
export const showLive = Effect.fnUntraced(function* (tally: Tally, connections: ReadonlyArray<string>, begun: number) {
  let height = 0
  let shown = -1
  let shownAt = 0
  let toldFirst = false
  for (;;) {
    if (!toldFirst && tally.firstDelivery !== null) {
      toldFirst = true
      tell(`First delivery ${((tally.firstDelivery - begun) / 1000).toFixed(1)} s after the start.`)
      height = 0
    }
    const now = yield* Clock.currentTimeMillis
    if (isTerminal || (tally.seen !== shown && now - shownAt >= quietMillis)) {
      const lines = ["", ...liveView(tally, connections, paint)]
      if (isTerminal && height > 0) process.stdout.write(`\u001b[${height}A\u001b[J`)
      tell(lines.join("\n"))
      height = lines.length
      shown = tally.seen
      shownAt = now
    }
    yield* Effect.sleep(redrawEvery)
  }
})
