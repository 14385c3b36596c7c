/**
 * What a command prints: results to standard output, for people or as JSON; notes to standard error. Everything passes one
 * function here, which escapes what a terminal would obey: a producer or a platform may have written any of it.
 */
import { randomBytes } from "node:crypto"
import process from "node:process"
import * as Context from "effect/Context"
import * as Prompt from "effect/cli/Prompt"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { printable, printableLine } from "../../shared/telemetry/printable.ts"
import { CommandError, Json } from "./cli.ts"
import { withCommandName } from "./command-name.ts"
import { processStatusLine, StatusLine } from "./status-line.ts"

export class Output extends Context.Service<
  Output,
  {
    /** Writes a text, of one line or several, escaped and in its colours; waits where the reader is slow. */
    readonly write: (text: string) => Effect.Effect<void>
    /** A note for people, one line on standard error. */
    readonly note: (text: string) => Effect.Effect<void>
    /** How far the command is, on standard error: in place of what it said before where `isStatusRewritten`. Null takes that away. */
    readonly status: (text: string | null) => Effect.Effect<void>
    readonly isStatusRewritten: boolean
    /** Whether results may be coloured: a terminal, and NO_COLOR unset. */
    readonly colours: boolean
    /** Whether a person can be asked. */
    readonly interactive: boolean
  }
>()("infra/cli/Output") {
  static readonly layer: Layer.Layer<Output> = Layer.sync(Output, () =>
    outputTo({
      out: (text) => writeTo(process.stdout, text),
      error: (text) => writeTo(process.stderr, text),
      statusLine: processStatusLine,
      colours: process.stdout.isTTY === true && (process.env["NO_COLOR"] ?? "") === "",
      interactive: process.stdin.isTTY === true && process.stderr.isTTY === true
    })
  )
}

interface Streams extends Pick<Output["Service"], "colours" | "interactive"> {
  readonly out: (text: string) => Effect.Effect<void>
  readonly error: (text: string) => Effect.Effect<void>
  /** That of `error`; without it, that of a stream that is no terminal. */
  readonly statusLine?: StatusLine
}

/** The service over two streams: the one way to them. */
export const outputTo = (streams: Streams): Output["Service"] => {
  const { out, error, statusLine = new StatusLine(() => null), colours, interactive } = streams
  const takenAway = Effect.suspend(() => {
    const text = statusLine.takeAway()
    return text === "" ? Effect.void : error(text)
  })
  return {
    write: (text) => Effect.andThen(takenAway, out(forTerminal(text))),
    note: (text) => Effect.andThen(takenAway, error(`${withCommandName(printableLine(text))}\n`)),
    status: (text) => (text === null ? takenAway : Effect.suspend(() => error(statusLine.show(text)))),
    isStatusRewritten: statusLine.isRewritten,
    colours,
    interactive
  }
}

/** Escaped, and only then coloured: no text of others can hold the marks that `painter` sets. */
const forTerminal = (text: string): string =>
  printable(text).replaceAll(marks, "\u001b[$1m").replaceAll(clearMark, "\u001b[H\u001b[2J")

/** Prints a result: the value as one line of JSON with `--json`, else the text for people. */
export const show = Effect.fnUntraced(function* (value: unknown, human: (paint: Paint) => string) {
  const output = yield* Output
  const json = yield* Json
  const text = json ? JSON.stringify(value) : withCommandName(human(painter(output.colours)))
  if (text !== "") yield* output.write(text.endsWith("\n") ? text : `${text}\n`)
})

/**
 * Prints a list in parts, as `show` prints it at once: with `--json` as one line, an array of all parts' elements, else each part's text with an empty
 * line between two, and a last text. What fails meanwhile leaves the line cut off, and says so by the exit code.
 */
export const openList = Effect.gen(function* () {
  const output = yield* Output
  const json = yield* Json
  let isEmpty = true
  const part = (elements: ReadonlyArray<unknown>, human: (paint: Paint) => string) =>
    json
      ? `${isEmpty ? "[" : ","}${JSON.stringify(elements).slice(1, -1)}`
      : `${withCommandName(human(painter(output.colours)))}\n\n`
  return {
    isEmpty: () => isEmpty,
    add: (elements: ReadonlyArray<unknown>, human: (paint: Paint) => string) =>
      Effect.suspend(() => {
        if (elements.length === 0) return Effect.void
        const text = part(elements, human)
        isEmpty = false
        return output.write(text)
      }),
    end: (human: string) =>
      Effect.suspend(() => output.write(json ? `${isEmpty ? "[" : ""}]\n` : `${withCommandName(human)}\n`))
  }
})

/** Asks for a confirmation on a terminal. Fails if it is not given, or without a terminal; `unchanged` says what was not done. */
export const confirm = Effect.fnUntraced(function* (question: string, unchanged: string) {
  const { interactive } = yield* Output
  if (interactive && (yield* Prompt.run(Prompt.Confirm({ message: question })))) return
  return yield* new CommandError({
    code: "not_confirmed",
    message: unchanged,
    nextStep: "Confirm with --yes.",
    exitCode: 2
  })
})

export type Colour = "red" | "green" | "yellow" | "blue" | "dim" | "bold"
export type Paint = (colour: Colour, text: string) => string

const codes: Readonly<Record<Colour, number>> = { red: 31, green: 32, yellow: 33, blue: 34, dim: 2, bold: 1 }

/** Marks the colour of a text; `Output.write` makes the terminal's codes of the marks. */
export const painter =
  (colours: boolean): Paint =>
  (colour, text) =>
    colours ? `${markOf(codes[colour])}${text}${markOf(0)}` : text

/** Unknown to everybody before this process runs. */
const secret = randomBytes(12).toString("hex")
const markOf = (code: number): string => `<${secret}:${code}>`
/** Clears the screen before what follows; for a terminal alone. */
export const clearMark = `<${secret}:clear>`
const marks = new RegExp(`<${secret}:([0-9]{1,2})>`, "g")
const widthOf = (text: string): number => [...text.replaceAll(marks, "")].length

/** Columns as wide as their widest cell; numbers to the right. A cell is one line, whatever it holds. */
export const table = (
  headers: ReadonlyArray<string>,
  rows: ReadonlyArray<ReadonlyArray<string | number | null>>,
  paint: Paint
): string => {
  const cells = rows.map((row) => row.map((cell) => (cell === null ? "-" : printableLine(String(cell)))))
  const numeric = headers.map(
    (_, column) => rows.length > 0 && rows.every((row) => typeof row[column] === "number" || row[column] === null)
  )
  const widths = headers.map((header, column) =>
    Math.max(widthOf(header), ...cells.map((row) => widthOf(row[column] ?? "")))
  )
  const line = (row: ReadonlyArray<string>) =>
    row
      .map((cell, column) => {
        const space = " ".repeat(Math.max(0, widths[column]! - widthOf(cell)))
        return numeric[column] ? space + cell : cell + space
      })
      .join("  ")
      .trimEnd()
  return [paint("bold", line(headers)), ...cells.map(line)].join("\n")
}

const writeTo = (stream: NodeJS.WriteStream, text: string): Effect.Effect<void> =>
  Effect.callback((resume) => {
    if (stream.write(text)) resume(Effect.void)
    else stream.once("drain", () => resume(Effect.void))
  })

/** For a list that shows the last `shown` of `total` rows: fields of its JSON and lines below its table, which name the rest. */
export const truncation = (shown: number, total: number) => {
  const more = total - shown
  const nextStep = more === 0 ? null : `--limit ${total} shows all; --since and the other filters narrow the list.`
  return {
    json: { shown, total, more, next_step: nextStep },
    lines: nextStep === null ? [] : [`${count(more, "older one is", "older ones are")} not shown. ${nextStep}`]
  }
}

/** `3 days`, `2 h`, `5 min`, `12 s`. */
export const formatAge = (millis: number): string => {
  const seconds = Math.max(0, Math.round(millis / 1_000))
  if (seconds < 120) return `${seconds} s`
  if (seconds < 7_200) return `${Math.round(seconds / 60)} min`
  if (seconds < 172_800) return `${Math.round(seconds / 3_600)} h`
  return `${Math.round(seconds / 86_400)} days`
}

/** `1,234 events`, `1 event`. */
export const count = (number: number, noun: string, plural = `${noun}s`): string =>
  `${number.toLocaleString("en-US")} ${number === 1 ? noun : plural}`
