/** The programs' logger: one line per entry, JSON or for people, with every secret and personal datum taken out. */
import process from "node:process"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import type * as LogLevel from "effect/LogLevel"
import * as References from "effect/References"
import { printable, printableLine } from "./printable.ts"
import { CurrentKnownSecrets, type KnownSecrets, redact, redactDeep } from "./redaction.ts"

interface LoggerOptions {
  /** The program's name, on every line. */
  readonly program: string
  readonly level: LogLevel.LogLevel
  readonly format: "json" | "pretty" | "auto"
  /** Where lines go; standard output by default. */
  readonly output?: LogOutput
}

interface LogOutput {
  readonly write: (line: string) => unknown
  readonly isTTY?: boolean
}

/** Replaces the default logger. `auto` is pretty on a terminal and JSON elsewhere. */
export const loggerLayer = (options: LoggerOptions): Layer.Layer<never> =>
  Layer.unwrap(
    Effect.map(CurrentKnownSecrets, (secrets) => {
      const output = options.output ?? process.stdout
      const terminal = output.isTTY === true
      const pretty = options.format === "pretty" || (options.format === "auto" && terminal)
      const render = pretty ? renderPretty(terminal) : renderJson
      const logger = Logger.make<unknown, void>((entry) => {
        output.write(`${render(entryOf(options.program, entry, secrets))}\n`)
      })
      return Layer.merge(Logger.layer([logger]), Layer.succeed(References.MinimumLogLevel, options.level))
    })
  )

/** One log entry, redacted. */
interface Entry {
  readonly date: Date
  readonly level: string
  readonly program: string
  readonly message: string
  readonly annotations: Readonly<Record<string, unknown>>
  readonly cause: string | null
}

const entryOf = (program: string, entry: Logger.Options<unknown>, secrets: KnownSecrets): Entry => {
  const parts = Array.isArray(entry.message) ? entry.message : [entry.message]
  const texts = parts.filter((part) => typeof part === "string")
  const others = parts.filter((part) => typeof part !== "string")
  const annotations = redactDeep(entry.fiber.getRef(References.CurrentLogAnnotations), secrets)
  return {
    date: entry.date,
    level: entry.logLevel.toUpperCase(),
    program,
    message: redact(texts.join(" "), secrets),
    annotations: {
      ...(typeof annotations === "object" ? annotations : {}),
      ...(others.length === 0 ? {} : { details: redactDeep(others, secrets) })
    },
    cause: entry.cause.reasons.length === 0 ? null : redact(Cause.pretty(entry.cause), secrets)
  }
}

// A log is read on a terminal sooner or later.
const renderJson = (entry: Entry): string =>
  printable(
    JSON.stringify({
      time: entry.date.toISOString(),
      level: entry.level,
      program: entry.program,
      message: entry.message,
      ...(Object.keys(entry.annotations).length === 0 ? {} : { annotations: entry.annotations }),
      ...(entry.cause === null ? {} : { cause: entry.cause })
    })
  )

const renderPretty =
  (colours: boolean) =>
  (entry: Entry): string => {
    const paint = (code: number, text: string) => (colours ? `\u001b[${code}m${text}\u001b[0m` : text)
    const values = Object.entries(entry.annotations)
      .map(([name, value]) =>
        paint(2, printableLine(` ${name}=${typeof value === "string" ? value : (JSON.stringify(value) ?? "")}`))
      )
      .join("")
    const cause = entry.cause === null ? "" : `\n${printable(entry.cause).replaceAll(/^/gm, "  ")}`
    const time = entry.date.toISOString().slice(11, 23)
    const level = paint(levelColours[entry.level] ?? 0, entry.level.padEnd(5))
    return `${paint(2, time)} ${level} ${paint(36, entry.program)} ${printable(entry.message)}${values}${cause}`
  }

const levelColours: Readonly<Record<string, number>> = { DEBUG: 2, TRACE: 2, INFO: 32, WARN: 33, ERROR: 31, FATAL: 31 }
