/** The one place that knows effect/cli: what commands are made of, and the flag that all of them share. */
import { Argument, CliConfig, CliError, Command, Flag, GlobalFlag } from "effect/cli"

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
