/** The one place that imports effect/cli: the parts of commands, the flag that all of them share, and their error. */
import process from "node:process"
import * as Console from "effect/Console"
import * as Argument from "effect/cli/Argument"
import * as CliConfig from "effect/cli/CliConfig"
import * as CliError from "effect/cli/CliError"
import * as CliOutput from "effect/cli/CliOutput"
import * as Command from "effect/cli/Command"
import * as Completions from "effect/cli/Completions"
import * as Flag from "effect/cli/Flag"
import * as GlobalFlag from "effect/cli/GlobalFlag"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { oneLine } from "../../shared/runtime/exit.ts"
import { printable } from "../../shared/telemetry/printable.ts"
import { completedName, withCommandName } from "./command-name.ts"

export { Argument, CliError, Command, Flag, GlobalFlag }

/** `--json`, on every command. */
export const Json = GlobalFlag.Setting("json")({
  flag: Flag.Boolean("json").pipe(
    Flag.withDescription("Print JSON for machines: one value, or one a line"),
    Flag.withDefault(false)
  )
})

/** A command could not do what it was asked. `exitCode` where it is not 1. */
export class CommandError extends Data.TaggedError("CommandError")<{
  readonly code: string
  readonly message: string
  readonly nextStep: string
  readonly cause?: unknown
  readonly exitCode?: number
}> {}

/** A flag that counts: an integer from 1 on; anything else is wrong use. */
export const countFlag = (name: string, description: string) =>
  Flag.Int(name).pipe(
    Flag.withDescription(description),
    Flag.filterMap(
      (count) => (count >= 1 ? Option.some(count) : Option.none()),
      (count) => `--${name} must be at least 1, not ${count}`
    )
  )

/** For the name that is typed, which is not the name of the root of the tree. */
const completions = GlobalFlag.Action({
  flag: GlobalFlag.Completions.flag,
  run: (shell, { command }) =>
    Option.isNone(shell)
      ? Effect.void
      : Console.log(withCommandName(Completions.generate(completedName, shell.value, Completions.fromCommand(command))))
})

/** Help, version, completions and log level; no wizard. */
export const builtInFlags = CliConfig.layer({
  builtIns: [GlobalFlag.Help, GlobalFlag.Version, completions, GlobalFlag.LogLevel]
})

/** Wrong use gets one line with the next step, as every failure does; the whole help comes where it is asked for. */
export const usagePresenter = (json: boolean, write = (text: string): void => void process.stderr.write(text)) =>
  CliOutput.layerPresenter({
    present: (event) =>
      event._tag === "InvalidInvocation"
        ? Effect.sync(() => {
            const message = event.errors.map((error) => sentenceOf(error)).join(" ")
            const nextStep = `See ./${[...event.commandPath, "--help"].join(" ")}.`
            write(
              withCommandName(
                printable(
                  json
                    ? `${JSON.stringify({ error: { code: "usage", message, next_step: nextStep } })}\n`
                    : `capi: ${message} ${nextStep}\n`
                )
              )
            )
          })
        : Effect.provideService(CliOutput.defaultPresenter.present(event), CliOutput.Formatter, formatter)
  })

/** Usage as it is typed, which is not the name of the root of the tree. */
const typeable = <Doc extends { readonly usage: string }>(doc: Doc): Doc => ({
  ...doc,
  usage: doc.usage.replace(/^capi(?= |$)/, "./capi")
})

const withColours = process.stdout.isTTY === true && (process.env["NO_COLOR"] ?? "") === ""
const plainFormatter = CliOutput.defaultFormatter({ colors: withColours })
const formatter: CliOutput.Formatter = {
  ...plainFormatter,
  formatHelpDoc: (doc) => withCommandName(plainFormatter.formatHelpDoc(typeable(doc)))
}

const sentenceOf = (error: CliError.CliError): string => {
  const suggestions = "suggestions" in error ? error.suggestions : []
  if (suggestions.length === 0)
    return `${closed(oneLine(error.message))}${error._tag === "UnexpectedArgument" ? inQuotes : ""}`
  // Effect lists the suggestions in a paragraph after the message.
  const [message = ""] = error.message.split("\n\n", 1)
  return `${oneLine(message)}. Did you mean ${suggestions.join(" or ")}?`
}

/** What follows a value that has a blank is taken for an argument: `--since 1 day`. */
const inQuotes = " Put a value of several words in quotes."

const closed = (line: string): string => (/[.?!]$/.test(line) ? line : `${line}.`)
