/** The command tree: one line a command. */
import packageJson from "../../package.json" with { type: "json" }
import { Command, Json } from "./cli.ts"
import { credentials } from "./commands/credentials.ts"
import { lint } from "./commands/lint.ts"

export const version = packageJson.version

export const root = Command.make("capi").pipe(
  Command.withDescription("Runs and looks after capi-relay, which delivers conversion events to ad platforms"),
  Command.withSubcommands([lint, credentials]),
  Command.withGlobalFlags([Json])
)
