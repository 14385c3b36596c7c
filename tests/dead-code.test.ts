/**
 * Nothing is dead: a value that a file exports is imported by another, so that what no one calls shows where it is defined; and what
 * only tests import is used in its own file.
 */
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

const isTest = (file: string): boolean =>
  /\.(?:test|bench)\.ts$|\/(?:fixture|testing)\.ts$|\/contract\//.test(file) ||
  /^(?:tests|shared\/testing)\//.test(file)

/** The names that are imported from each file, `*` where all of them may be: by any file, and by those that are no tests. */
const imported = new Map<string, Set<string>>()
const importedByCode = new Map<string, Set<string>>()
for (const [file, text] of sources) {
  const note = (from: string, name: string): void => {
    const target = path.posix.join(path.posix.dirname(file), from)
    for (const names of isTest(file) ? [imported] : [imported, importedByCode])
      names.set(target, (names.get(target) ?? new Set()).add(name))
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

/** The exported values of these files that `isUsed` does not hold for. */
const unused = (
  files: Iterable<readonly [file: string, text: string]>,
  by: ReadonlyMap<string, ReadonlySet<string>>,
  isUsed: (name: string, text: string) => boolean
): ReadonlyArray<string> =>
  [...files].flatMap(([file, text]) => {
    const names = by.get(file) ?? new Set()
    if (loadedByPath.test(file) || names.has("*")) return []
    return [...text.matchAll(/^export (?:async )?(?:const|function|class) (\w+)/gm)]
      .map((match) => match[1]!)
      .filter((name) => !names.has(name) && !isUsed(name, text))
      .map((name) => `${file}: ${name}`)
  })

const withoutComments = (text: string): string => text.replace(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm, "")

describe("the code", () => {
  it("exports no value that nothing imports", () => {
    assert.deepStrictEqual(
      unused(sources, imported, () => false),
      []
    )
  })

  it("exports no value for tests alone: what only they import is used where it is defined", () => {
    const code = [...sources].filter(([file]) => !isTest(file))
    const occurrences = (name: string, text: string): number =>
      withoutComments(text).match(new RegExp(`\\b${name}\\b`, "g"))?.length ?? 0
    assert.deepStrictEqual(
      unused(code, importedByCode, (name, text) => occurrences(name, text) > 1),
      []
    )
  })
})
