/**
 * What the documentation says to type is `./capi`, which can only be the command of this checkout. `npx capi` runs a stranger's
 * package in any other folder, and a bare `capi` is on no PATH.
 */
import { execFileSync } from "node:child_process"
import { readFileSync } from "node:fs"
import path from "node:path"
import { fileURLToPath } from "node:url"
import { assert, describe, it } from "@effect/vitest"
import { commands } from "../infra/cli/root.ts"

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "..")
const isText = (file: string): boolean =>
  /\.(md|ts|mjs|json|ya?ml|txt|tpl|py|go|java|sh|env)$|(^|\/)(Makefile|Dockerfile|capi)$/.test(file)
const files = execFileSync("git", ["ls-files", "--cached", "--others", "--exclude-standard"], {
  cwd: root,
  encoding: "utf8"
})
  .split("\n")
  .filter((file) => isText(file) && file !== "tests/command-name.test.ts")

/** `file:line: text` of every line that matches. */
const linesWith = (pattern: RegExp, chosen = files): ReadonlyArray<string> =>
  chosen.flatMap((file) =>
    readFileSync(path.join(root, file), "utf8")
      .split("\n")
      .flatMap((line, index) => (pattern.test(line) ? [`${file}:${index + 1}: ${line.trim().slice(0, 120)}`] : []))
  )

describe("the command that the documentation says to type", () => {
  it("is never fetched from a registry", () => {
    assert.isAbove(files.length, 500)
    const fetched = /\b(?:npx|bunx|pnpx|(?:pnpm|yarn) dlx|npm (?:exec|x))\b[^\n"]*?\bcapi(?:-relay)?\b/
    assert.deepStrictEqual(linesWith(fetched), [])
  })

  it("is ./capi wherever a command is named", () => {
    // Inside a container of the image, the command is on the PATH.
    const bare = new RegExp(`(?<!exec.*)(?:^|[^./\\w-])capi (?:${Object.keys(commands).join("|")}|--help)\\b`)
    // A test's title names what it tests.
    const documented = files.filter((file) => !file.endsWith(".test.ts"))
    assert.deepStrictEqual(linesWith(bare, documented), [])
  })
})
