/** A line on standard error that says how far a command is: on a terminal each takes the place of the one before, elsewhere all stay. */
import process from "node:process"
import { printableLine } from "../../shared/telemetry/printable.ts"

/** To the line's first column, and all behind it away. */
const clear = "\r\u001b[K"

export class StatusLine {
  /** Columns of the terminal; null where standard error is no terminal, or one that can't take a line away. */
  readonly #columns: () => number | null
  #isShown = false

  constructor(columns: () => number | null) {
    this.#columns = columns
  }

  get isRewritten(): boolean {
    return this.#columns() !== null
  }

  /** What shows the text, cut to the terminal's width: of a longer line only the last row would be taken away. */
  show(text: string): string {
    const columns = this.#columns()
    if (columns === null) return `${printableLine(text)}\n`
    this.#isShown = true
    return clear + [...printableLine(text)].slice(0, columns - 1).join("")
  }

  /** What takes the line away: it comes before any other text. Empty where no line is shown. */
  takeAway(): string {
    if (!this.#isShown) return ""
    this.#isShown = false
    return clear
  }
}

/** That of this process, which everything that writes to its standard error shares. */
export const processStatusLine = new StatusLine(() =>
  process.stderr.isTTY === true && process.env["TERM"] !== "dumb" ? process.stderr.columns || columnsUnknown : null
)

const columnsUnknown = 80
