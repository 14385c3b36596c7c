/** The generated pages are those of the code, and what they list is complete; the pages of users name no tests. */
import { existsSync, readFileSync } from "node:fs"
import path from "node:path"
import { assert, describe, it } from "@effect/vitest"
import topicTable from "../../schemas/topics.json" with { type: "json" }
import { repository } from "../local/state.ts"
import { references } from "./generate.ts"
import { metricLabels } from "./metric-labels.ts"
import { registeredMetrics } from "./metrics-page.ts"

const read = (file: string): string => readFileSync(path.join(repository, file), "utf8")
const made = await references()
const index = read("docs/README.md")

describe("the references", () => {
  it.each([...made])("%s is up to date", (file, text) => {
    assert.isTrue(
      existsSync(path.join(repository, file)) && read(file) === text,
      `${file} differs from the code: run \`make reference\` and commit it.`
    )
  })

  it("list labels of metrics that exist, and of no others", () => {
    const names = registeredMetrics().map(({ name }) => name)
    assert.isAbove(names.length, 40)
    assert.deepStrictEqual(
      Object.keys(metricLabels).filter((name) => !names.includes(name)),
      []
    )
  })

  it("list every topic", () => {
    const page = made.get("docs/reference/topics.md")!
    for (const { name } of topicTable.topics)
      assert.include(page, `\`${name.replace("{platform}", "<platform>")}\``, name)
  })

  it("have no cell that is empty where something is expected", () => {
    for (const [file, text] of made)
      for (const line of text.split("\n").filter((row) => row.startsWith("| `")))
        assert.notMatch(line, /undefined|\[object|NaN/, file)
  })
})

describe("the index of pages", () => {
  const linksOf = (text: string) => [...text.matchAll(/\]\(([\w./-]+?)(?:#[\w-]+)?\)/g)].map((match) => match[1]!)
  const users = linksOf(index.slice(index.indexOf("## For users"), index.indexOf("## Guarantees")))

  it("names pages that exist, and every page of docs/", () => {
    const linked = linksOf(index).map((link) => path.posix.join("docs", link))
    assert.deepStrictEqual(
      linked.filter((file) => !existsSync(path.join(repository, file))),
      []
    )
    const pages = [...made.keys()].filter((file) => file.endsWith(".md"))
    assert.deepStrictEqual(
      pages.filter((file) => !linked.includes(file)),
      []
    )
  })

  it("keeps the names of tests out of the pages of users", () => {
    const pages = users.filter((link) => link.endsWith(".md")).map((link) => path.posix.join("docs", link))
    assert.isAbove(pages.length, 12)
    const naming = pages.flatMap((file) =>
      [...read(file).matchAll(/[\w./*-]+\.(?:test|bench)\.ts/g)].map((match) => `${file}: ${match[0]}`)
    )
    assert.deepStrictEqual(naming, [])
  })
})
