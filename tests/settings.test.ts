/** Every setting that a program reads is in the table of settings, and the table names none that nothing reads. */
import { readdirSync, readFileSync } from "node:fs"
import path from "node:path"
import { fileURLToPath } from "node:url"
import { assert, describe, it } from "@effect/vitest"
import { settingsTable } from "../shared/config/settings-table.ts"

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "..")
const sources = ["shared", "processors"]
  .flatMap((folder) =>
    readdirSync(path.join(root, folder), { recursive: true, encoding: "utf8" }).map((file) => path.join(folder, file))
  )
  .filter((file) => file.endsWith(".ts") && !file.endsWith(".test.ts") && !file.endsWith("settings-table.ts"))
  .map((file) => readFileSync(path.join(root, file), "utf8"))

// A setting is read by a constructor of Config, or by one of the helpers beside the table.
const reading = /\b(?:Config\.\w+|text|textOr|portOrFree|pemFile|keyFile|flag)\((?:[\w.]+, )?"([A-Z][A-Z0-9_]*)"/g
const read = new Set(sources.flatMap((source) => [...source.matchAll(reading)].map((match) => match[1]!)))
const declared = settingsTable.map(({ name }) => name)

describe("the table of settings", () => {
  it("holds every setting that the programs read", () => {
    assert.isAbove(read.size, 20)
    assert.deepStrictEqual(
      [...read].filter((name) => !declared.includes(name)),
      []
    )
  })

  it("holds no setting that nothing reads, and none twice", () => {
    assert.deepStrictEqual(
      declared.filter((name) => !read.has(name)),
      []
    )
    assert.strictEqual(new Set(declared).size, declared.length)
  })
})
