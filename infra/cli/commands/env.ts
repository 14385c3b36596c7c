/** `./capi env`: the addresses of the local run, for a shell and for programs in other languages. */
import { existsSync } from "node:fs"
import * as Effect from "effect/Effect"
import { localJarsFolder } from "../../local/jars.ts"
import { localAddresses } from "../../local/start-local.ts"
import { Command } from "../cli.ts"
import { CommandError } from "../command-error.ts"
import { show } from "../output.ts"

export const env = Command.make("env", {}, () =>
  Effect.gen(function* () {
    const running = localAddresses()
    if (running === null)
      return yield* new CommandError({
        code: "not_up",
        message: "No local broker is up.",
        nextStep: "Start one with make run or ./capi up --detach."
      })
    const variables = {
      KAFKA_BROKERS: running.brokers,
      SCHEMA_REGISTRY_URL: running.registryUrl,
      ...(existsSync(localJarsFolder) ? { KAFKA_JARS: localJarsFolder } : {})
    }
    yield* show(variables, () =>
      Object.entries(variables)
        .map(([name, value]) => `export ${name}='${value.replaceAll("'", "'\\''")}'`)
        .join("\n")
    )
  })
).pipe(
  Command.withDescription("Print the local run's addresses as shell exports"),
  Command.withExamples([{ command: 'eval "$(./capi env)"', description: "Set them in this shell" }])
)
