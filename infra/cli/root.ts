/** The command tree: one line a command. */
import packageJson from "../../package.json" with { type: "json" }
import { Command, Json } from "./cli.ts"
import { connect } from "./commands/connect.ts"
import { credentials } from "./commands/credentials.ts"
import { deadLetters } from "./commands/dead-letters.ts"
import { health } from "./commands/health.ts"
import { ledger } from "./commands/ledger.ts"
import { lint } from "./commands/lint.ts"
import { map } from "./commands/map.ts"
import { prepare } from "./commands/prepare.ts"
import { quality } from "./commands/quality.ts"
import { redrive } from "./commands/redrive.ts"
import { replay } from "./commands/replay.ts"
import { results } from "./commands/results.ts"
import { run } from "./commands/run.ts"
import { send } from "./commands/send.ts"
import { tail } from "./commands/tail.ts"
import { topics } from "./commands/topics.ts"
import { unknown } from "./commands/unknown.ts"
import { down, up } from "./commands/up.ts"

export const version = packageJson.version

export const root = Command.make("capi").pipe(
  Command.withDescription(
    "Runs and looks after capi-relay, which delivers conversion events to ad platforms.\n" +
      "  Exit codes: 0 done, 1 failed or something wrong was found, 2 wrong use or configuration, 3 something does not\n" +
      "  answer, 130 interrupted."
  ),
  Command.withSubcommands([
    up,
    down,
    run,
    topics,
    send,
    tail,
    results,
    deadLetters,
    unknown,
    health,
    ledger,
    replay,
    redrive,
    connect,
    credentials,
    lint,
    prepare,
    map,
    quality
  ]),
  Command.withGlobalFlags([Json])
)
