/** docs/reference/command-line.md: the help of every command. */
import { stripVTControlCharacters } from "node:util"
import * as NodeServices from "@effect/platform-node/NodeServices"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { version } from "../../shared/runtime/version.ts"
import { builtInFlags, Command, usagePresenter } from "../cli/cli.ts"
import { Output, outputTo } from "../cli/output.ts"
import { loadRoot } from "../cli/root.ts"
import { codeBlock, page } from "./markdown.ts"

export const commandLinePage = async (): Promise<string> => {
  const root = await loadRoot([])
  const commands = root.subcommands
    .flatMap(({ commands: found }) => found)
    .flatMap((command) => [
      [command.name],
      ...command.subcommands.flatMap(({ commands: below }) => below.map(({ name }) => [command.name, name]))
    ])
  const parts: Array<string> = []
  for (const words of commands) {
    const help = await helpOf(words)
    parts.push(`${words.length > 1 ? "###" : "##"} ${words.join(" ")}`, codeBlock("text", help))
  }
  return page("Command line", [
    "The help of each command, as `--help` prints it. [The guide](../cli.md) has an example of each, exit codes and what several of them have in common.",
    ...parts
  ])
}

/** What a command prints for `--help`, without the flags that all have. */
const helpOf = async (words: ReadonlyArray<string>): Promise<string> => {
  const printed: Array<string> = []
  const kept = { ...globalThis.console, log: (...texts: ReadonlyArray<unknown>) => void printed.push(texts.join(" ")) }
  const output = Layer.succeed(
    Output,
    outputTo({ out: () => Effect.void, error: () => Effect.void, colours: false, interactive: false })
  )
  const root = await loadRoot(words)
  await Effect.runPromise(
    Command.runWith(root, { version })([...words, "--help"]).pipe(
      Effect.provide(Layer.mergeAll(NodeServices.layer, output, builtInFlags, usagePresenter(false))),
      Effect.provideService(Console.Console, kept as unknown as Console.Console)
    )
  )
  const lines = stripVTControlCharacters(printed.join("\n"))
    .split("\n")
    .map((text) => text.trimEnd())
  return withoutGlobalFlags(lines).join("\n").trim()
}

/** Without the section that is the same for each command: its title, and the indented lines below it. */
const withoutGlobalFlags = (lines: ReadonlyArray<string>): ReadonlyArray<string> => {
  const start = lines.indexOf("GLOBAL FLAGS")
  if (start < 0) return lines
  const length = lines.slice(start + 1).findIndex((text) => !/^[ \t]/.test(text))
  const before = lines.slice(0, start)
  while (before.at(-1) === "") before.pop()
  return [...before, ...(length < 0 ? [] : lines.slice(start + 1 + length))]
}
