import { readFileSync } from "node:fs"
import { assert, describe, it } from "@effect/vitest"
import events from "../../../schemas/catalog/events.json" with { type: "json" }
import { connectors } from "../registry.ts"
import { nameSets } from "./catalog.ts"
import { namesByTool } from "./compile.ts"

const page = readFileSync(new URL("../../../docs/mapping.md", import.meta.url), "utf8")

describe("docs/mapping.md", () => {
  it("shows every event with its names", () => {
    const platforms = Object.values(connectors).filter(
      ({ kind, platform, messageTemplates }) => kind === platform && messageTemplates !== true
    )
    for (const event of Object.keys(events)) {
      const cells = platforms.map(({ catalog }) => {
        const [specification, current] = nameSets.map((set) => catalog.names[set].get(event) ?? "—")
        return specification === current ? specification : `${specification} / ${current}`
      })
      assert.include(page, `| ${[event, ...cells].join(" | ")} |\n`)
    }
  })

  it("shows every name of other tools", () => {
    const tools = Object.values(namesByTool)
    assert.include(page, `| ${["Event", ...Object.keys(namesByTool)].join(" | ")} |\n`)
    for (const event of Object.keys(events)) {
      const cells = tools.map((tool) => tool[event]?.join(", ") ?? "—")
      const row = `| ${[event, ...cells].join(" | ")} |\n`
      if (cells.some((cell) => cell !== "—")) assert.include(page, row)
    }
  })

  it("shows every weight of the match quality", () => {
    const kinds: ReadonlyArray<Readonly<Record<string, number>>> = Object.values(connectors).map(
      ({ catalog }) => catalog.matchQuality
    )
    for (const identifier of new Set(kinds.flatMap((kind) => Object.keys(kind)))) {
      const cells = kinds.map((kind) => String(kind[identifier] ?? "—"))
      assert.include(page, `| ${[identifier, ...cells].join(" | ")} |\n`)
    }
  })
})
