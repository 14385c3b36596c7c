/** What the demonstration writes: progress as lines; the live view redrawn in place on a terminal, changes as lines elsewhere. */
import process from "node:process"
import * as Effect from "effect/Effect"
import { monotonicMillis } from "../../shared/model/monotonic.ts"
import type { RunningProgram } from "../local/run-programs.ts"
import type { Sandbox } from "../sandbox/sandbox.ts"
import { changesSince, nothingPrinted } from "./changes.ts"
import { coloured, type Paint, plain } from "./table.ts"
import type { Tally } from "./tally.ts"
import { liveView, type ScreenSize } from "./view.ts"

const isTerminal = process.stdout.isTTY === true
const redrawEvery = "1 second"
/** Without a terminal changes are gathered for this long. */
const changesEveryMillis = 5_000
const nameWidth = 19

/** Colours only on a terminal. */
export const paint: Paint = isTerminal ? coloured : plain

export const print = (line: string): void => void process.stdout.write(`${line}\n`)

export const printAddresses = (addresses: {
  readonly brokers: string
  readonly registryUrl: string
  readonly sandbox: Sandbox
  readonly running: ReadonlyArray<RunningProgram>
  readonly variables: Readonly<Record<string, string | undefined>>
}): void => {
  const line = (name: string, text: string) => print(name.padEnd(nameWidth) + text)
  line("Kafka", addresses.brokers)
  line("Schema registry", addresses.registryUrl)
  line("Sandboxes", `${addresses.sandbox.controlUrl}/_sandbox/stats`)
  line("Console", `http://127.0.0.1:${addresses.variables["CAPI_CONSOLE_PORT"] ?? ""}/`)
  for (const { name, pid, url } of addresses.running) line(name, `${url}/metrics (pid ${pid})`)
}

/** Shows the tally until interrupted; the first delivery is reported once, with its time since `startedAt`. */
export const showLive = (tally: Tally, connections: ReadonlyArray<string>, startedAt: number): Effect.Effect<never> =>
  isTerminal ? redraw(tally, connections, startedAt) : printChanges(tally, connections, startedAt)

const redraw = Effect.fnUntraced(function* (tally: Tally, connections: ReadonlyArray<string>, startedAt: number) {
  const screen = makeScreen((text) => void process.stdout.write(text))
  let reported = false
  for (;;) {
    if (!reported && tally.firstDelivery !== null) {
      reported = true
      screen.above(firstDelivery(tally.firstDelivery, startedAt))
    }
    const { rows = defaultSize.rows, columns = defaultSize.columns } = process.stdout
    screen.draw(liveView(tally, connections, paint, { rows, columns }), { rows, columns })
    yield* Effect.sleep(redrawEvery)
  }
})

/** Width of a summary: the terminal's, at most what is read well. */
export const summaryColumns = (): number => Math.min(118, process.stdout.columns ?? 118)

const defaultSize: ScreenSize = { rows: 24, columns: 80 }

/**
 * Draws lines over those that it drew before; `above` puts a line before them that stays. Each line is overwritten and what is left
 * below is cleared: a terminal may keep a copy in its history of a screen that is cleared from its first row.
 */
export const makeScreen = (write: (text: string) => void) => {
  let drawn: ReadonlyArray<string> = []
  let size: ScreenSize | null = null
  const overwrite = (lines: ReadonlyArray<string>) => {
    const up = drawn.length > 0 ? `\u001b[${drawn.length}A\r` : ""
    write(`${up}${lines.map((line) => `${line}\u001b[K\n`).join("")}\u001b[J`)
  }
  return {
    above: (line: string) => {
      overwrite([line, ...drawn])
    },
    draw: (lines: ReadonlyArray<string>, now: ScreenSize) => {
      const isResized = size !== null && (size.rows !== now.rows || size.columns !== now.columns)
      size = now
      // Lines that a narrower terminal has wrapped are no longer where they were drawn.
      if (isResized) {
        write("\u001b[2J\u001b[H")
        drawn = []
      }
      if (lines.length === drawn.length && lines.every((line, row) => line === drawn[row])) return
      overwrite(lines)
      drawn = lines
    }
  }
}

const printChanges = Effect.fnUntraced(function* (tally: Tally, connections: ReadonlyArray<string>, startedAt: number) {
  const printed = nothingPrinted()
  let printedAt = Number.NEGATIVE_INFINITY
  let reported = false
  for (;;) {
    const now = yield* monotonicMillis
    if (!reported && tally.firstDelivery !== null) {
      reported = true
      print(firstDelivery(tally.firstDelivery, startedAt))
    }
    if (now - printedAt >= changesEveryMillis) {
      printedAt = now
      for (const line of changesSince(tally, connections, printed)) print(line)
    }
    yield* Effect.sleep(redrawEvery)
  }
})

const firstDelivery = (at: number, startedAt: number): string =>
  `First delivery ${((at - startedAt) / 1000).toFixed(1)} s after the start.`
