/** The README is true: every setting is in its table, every path and target that it names exists. */
import { existsSync, readFileSync } from "node:fs"
import path from "node:path"
import { fileURLToPath } from "node:url"
import { assert, describe, it } from "@effect/vitest"
import { settingsTable } from "../shared/config/settings-table.ts"

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "..")
const readme = readFileSync(path.join(root, "README.md"), "utf8")
const makefile = readFileSync(path.join(root, "Makefile"), "utf8")

describe("the README", () => {
  it.each(settingsTable.map((row) => [row.name, row] as const))(
    "has the setting %s as the programs know it",
    (name, row) => {
      const line = readme.split("\n").find((candidate) => candidate.startsWith(`| \`${name}\` |`))
      assert.isDefined(line)
      assert.include(line!, row.description)
      if (row.default !== null && row.default !== "") assert.include(line!, `\`${row.default}\``)
    }
  )

  it("names only files and folders that exist", () => {
    const named = [...readme.matchAll(/`((?:docs|examples|schemas|processors|infra|tests)\/[\w./-]*)`/g)].map(
      (match) => match[1]!
    )
    assert.isAbove(named.length, 5)
    assert.deepStrictEqual(
      named.filter((file) => !existsSync(path.join(root, file))),
      []
    )
  })

  it("names only targets that the Makefile has", () => {
    const named = [...readme.matchAll(/`make ([a-z-]+)/g)].map((match) => match[1]!)
    assert.deepStrictEqual(
      named.filter((target) => !new RegExp(`^${target}:`, "m").test(makefile)),
      []
    )
  })
})
