/** What the demonstration writes: progress as lines, the live view redrawn in place on a terminal. */
import process from "node:process"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type { Sandbox } from "../sandbox/sandbox.ts"
import type { RunningProcessor } from "./processors.ts"
import { coloured, heightOf, type Paint, plain } from "./table.ts"
import type { Tally } from "./tally.ts"
import { liveView } from "./view.ts"

const isTerminal = process.stdout.isTTY === true
const redrawEvery = "1 second"
/** Without a terminal the view is written only when it changed, and not more often than this. */
const quietMillis = 5_000
const nameWidth = 19

/** Colours only on a terminal. */
export const paint: Paint = isTerminal ? coloured : plain

export const tell = (line: string): void => void process.stdout.write(`${line}\n`)

export const tellAddresses = (addresses: {
  readonly brokers: string
  readonly registryUrl: string
  readonly sandbox: Sandbox
  readonly running: ReadonlyArray<RunningProcessor>
}): void => {
  const line = (name: string, text: string) => tell(name.padEnd(nameWidth) + text)
  line("Kafka", addresses.brokers)
  line("Schema registry", addresses.registryUrl)
  line("Sandboxes", `${addresses.sandbox.controlUrl}/_sandbox/stats`)
  for (const { name, pid, url } of addresses.running) line(name, `${url}/metrics (pid ${pid})`)
}

/** Shows the tally until interrupted; the first delivery is told once, with its time since `begun`. */
export const showLive = Effect.fnUntraced(function* (tally: Tally, connections: ReadonlyArray<string>, begun: number) {
  let height = 0
  let shown = ""
  let shownAt = 0
  let toldFirst = false
  const clear = () => {
    if (height > 0) process.stdout.write(`\u001b[${height}A\u001b[J`)
    height = 0
  }
  for (;;) {
    const now = yield* Clock.currentTimeMillis
    const lines = ["", ...liveView(tally, connections, paint)]
    const text = lines.join("\n")
    const isDue = text !== shown && (isTerminal || now - shownAt >= quietMillis)
    const isFirst = !toldFirst && tally.firstDelivery !== null
    if (isDue || isFirst) clear()
    if (isFirst) {
      toldFirst = true
      tell(`First delivery ${((tally.firstDelivery! - begun) / 1000).toFixed(1)} s after the start.`)
    }
    if (isDue || (isFirst && isTerminal)) {
      tell(text)
      if (isTerminal) height = heightOf(lines, process.stdout.columns)
      shown = text
      shownAt = now
    }
    yield* Effect.sleep(redrawEvery)
  }
})
