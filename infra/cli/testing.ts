/** Runs a command in the test's own process: arguments and environment in, text and result out. */
import * as NodeServices from "@effect/platform-node/NodeServices"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import { version } from "../../shared/runtime/version.ts"
import { Command, usagePresenter } from "./cli.ts"
import { Output, outputTo } from "./output.ts"
import { loadRoot } from "./root.ts"

export interface RanCommand {
  readonly exit: Exit.Exit<void, unknown>
  readonly out: string
  readonly notes: ReadonlyArray<string>
}

export const runCommand = (
  args: ReadonlyArray<string>,
  env: Readonly<Record<string, string>>,
  colours = false
): Effect.Effect<RanCommand> =>
  Effect.gen(function* () {
    const texts: Array<string> = []
    const notes: Array<string> = []
    const output = Layer.succeed(Output, {
      ...outputTo({
        out: (text) => Effect.sync(() => void texts.push(text)),
        error: (text) => Effect.sync(() => void notes.push(text.replace(/\n$/, ""))),
        colours,
        interactive: false
      }),
      // How far a command is depends on the machine's load.
      status: () => Effect.void
    })
    const provider = ConfigProvider.layer(ConfigProvider.fromEnv({ env }))
    const presenter = usagePresenter(args.includes("--json"), (text) => void notes.push(text.replace(/\n$/, "")))
    const root = yield* Effect.promise(() => loadRoot(args))
    const exit = yield* Effect.exit(
      Command.runWith(root, { version })(args).pipe(
        Effect.provide(Layer.mergeAll(NodeServices.layer, output, presenter, provider))
      )
    )
    return { exit, out: texts.join(""), notes }
  })

/** The JSON lines that a command printed. */
export const jsonLines = (out: string): ReadonlyArray<Readonly<Record<string, unknown>>> =>
  out
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line))
