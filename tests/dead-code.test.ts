/** Nothing is dead: a value that a file exports is imported by another, so that what no one calls shows where it is defined. */
import { readdirSync, readFileSync } from "node:fs"
import path from "node:path"
import { fileURLToPath } from "node:url"
import { assert, describe, it } from "@effect/vitest"

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "..")

const filesBelow = (folder: string): ReadonlyArray<string> =>
  readdirSync(path.join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const file = path.posix.join(folder, entry.name)
    if (entry.isDirectory()) return entry.name === "node_modules" ? [] : filesBelow(file)
    return /\.(?:tsx?|mjs)$/.test(entry.name) ? [file] : []
  })

const sources = new Map(
  ["processors", "schemas", "shared", "infra", "tests", "examples"]
    .flatMap(filesBelow)
    .map((file) => [file, readFileSync(path.join(root, file), "utf8")])
)

/** What is loaded by a path that is made while running, what a generator writes for whoever wants it, and texts of tests. */
const loadedByPath = /^shared\/connectors\/[\w-]+\/fixture\.ts$|^tests\/harness\/global-setup\.ts$|\.(?:gen|test)\.ts$/

/** The names that are imported from each file; `*` where all of them may be. */
const imported = new Map<string, Set<string>>()
for (const [file, text] of sources) {
  const note = (from: string, name: string): void => {
    const target = path.posix.join(path.posix.dirname(file), from)
    imported.set(target, (imported.get(target) ?? new Set()).add(name))
  }
  for (const [, list, from] of text.matchAll(
    /^(?:import|export) (?:type )?(?:\{([^}]*)\}|\*(?: as \w+)?) from "(\.[^"]+)"/gm
  ))
    for (const name of list === undefined ? ["*"] : list.split(","))
      note(
        from!,
        name
          .trim()
          .replace(/^type /, "")
          .replace(/ as .*$/, "")
      )
  for (const [, from] of text.matchAll(/\bimport\("(\.[^"]+)"\)/g)) note(from!, "*")
}

describe("the code", () => {
  it("exports no value that nothing imports", () => {
    const unused = [...sources].flatMap(([file, text]) => {
      const names = imported.get(file) ?? new Set()
      if (loadedByPath.test(file) || names.has("*")) return []
      return [...text.matchAll(/^export (?:async )?(?:const|function|class) (\w+)/gm)]
        .map((match) => match[1]!)
        .filter((name) => !names.has(name))
        .map((name) => `${file}: ${name}`)
    })
    assert.deepStrictEqual(unused, [])
  })
})
