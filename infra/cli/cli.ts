/** The one place that knows effect/cli: what commands are made of, and the flag that all of them share. */
import process from "node:process"
import { Effect } from "effect"
import { Argument, CliConfig, CliError, CliOutput, Command, Flag, GlobalFlag } from "effect/cli"

export { Argument, CliError, Command, Flag, GlobalFlag }

/** `--json`, on every command. */
export const Json = GlobalFlag.Setting("json")({
  flag: Flag.Boolean("json").pipe(
    Flag.withDescription("Print JSON for machines: one value, or one a line"),
    Flag.withDefault(false)
  )
})

/** Help, version, completions and log level; no wizard. */
export const builtInFlags = CliConfig.layer({
  builtIns: GlobalFlag.BuiltIns.filter((flag) => flag !== GlobalFlag.Wizard)
})

/** Wrong use gets one line with the next step, as every failure does; the whole help comes where it is asked for. */
export const usagePresenter = (json: boolean) =>
  CliOutput.layerPresenter({
    present: (event) =>
      event._tag === "InvalidInvocation"
        ? Effect.sync(() => {
            const message = event.errors.map((error) => oneSentence(error.message)).join(" ")
            const nextStep = `See ${[...event.commandPath, "--help"].join(" ")}.`
            process.stderr.write(
              json
                ? `${JSON.stringify({ error: { code: "usage", message, next_step: nextStep } })}\n`
                : `capi: ${message} ${nextStep}\n`
            )
          })
        : CliOutput.defaultPresenter.present(event)
  })

const oneSentence = (text: string): string => {
  const line = text
    .replaceAll(/\s*\n\s*/g, " ")
    .replace(/ Did you mean this\? (.*)$/, ". Did you mean $1?")
    .trim()
  return /[.?!]$/.test(line) ? line : `${line}.`
}
