/** docs/cli.md shows the real command tree: each command once, with flags that it has and codes that exist. */
import { readFileSync } from "node:fs"
import path from "node:path"
import { fileURLToPath } from "node:url"
import { assert, describe, it, vi } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { exitCodes } from "../../shared/runtime/exit.ts"
import { commands, loadRoot } from "./root.ts"
import { runCommand } from "./testing.ts"

const page = readFileSync(path.resolve(path.dirname(fileURLToPath(import.meta.url)), "../../docs/cli.md"), "utf8")
const rows = [...page.matchAll(/^\| `\.\/capi ([^`]+)` \| .* \| ([\d, ]+) \|$/gm)].map((match) => ({
  words: match[1]!.split(" "),
  codes: match[2]!.split(", ").map(Number)
}))

/** Commands without subcommands, as words. */
const leaves = async (): Promise<ReadonlyArray<string>> => {
  const root = await loadRoot([])
  return root.subcommands
    .flatMap(({ commands }) => commands)
    .flatMap((command) => {
      const below = command.subcommands.flatMap(({ commands }) => commands)
      return below.length === 0 ? [command.name] : below.map(({ name }) => `${command.name} ${name}`)
    })
}

const leafOf = (words: ReadonlyArray<string>, all: ReadonlyArray<string>): string =>
  all.find((leaf) => `${words.join(" ")} `.startsWith(`${leaf} `)) ?? words.join(" ")

describe("docs/cli.md", () => {
  it("has one example of each command", async () => {
    const all = await leaves()
    assert.deepStrictEqual(rows.map(({ words }) => leafOf(words, all)).sort(), [...all].sort())
  })

  it("uses flags that the commands have", async () => {
    const all = await leaves()
    const log = vi.spyOn(console, "log").mockImplementation(() => undefined)
    for (const { words } of rows) {
      log.mockClear()
      await Effect.runPromise(runCommand([...leafOf(words, all).split(" "), "--help"], {}))
      const help = log.mock.calls.flat().join("\n")
      for (const flag of words.filter((word) => word.startsWith("--")))
        assert.match(help, new RegExp(`${flag}[ ,]`), words.join(" "))
    }
    log.mockRestore()
  })

  it("knows every exit code, and no other", () => {
    const known: ReadonlyArray<number> = Object.values(exitCodes)
    for (const { words, codes } of rows)
      assert.isTrue(
        codes.every((code) => known.includes(code)),
        words.join(" ")
      )
    for (const code of known) assert.match(page, new RegExp(`^\\| ${code} \\| `, "m"))
  })

  it("is complete: the names of the tree are those of the table", async () => {
    const root = await loadRoot([])
    assert.deepStrictEqual(
      root.subcommands.flatMap(({ commands }) => commands.map(({ name }) => name)),
      Object.keys(commands)
    )
  })
})
