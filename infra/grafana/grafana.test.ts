import { readdirSync, readFileSync } from "node:fs"
import { assert, describe, it } from "@effect/vitest"
import { parse } from "yaml"
import { makeDashboard } from "./dashboard.ts"

const root = new URL("../../", import.meta.url)
const text = (path: string) => readFileSync(new URL(path, root), "utf8")

/** Metrics that some program declares. */
const declared = new Set(
  ["shared", "processors"].flatMap((folder) =>
    readdirSync(new URL(folder, root), { recursive: true, encoding: "utf8" })
      .filter((file) => file.endsWith(".ts") && !file.endsWith(".test.ts"))
      .flatMap((file) => [...text(`${folder}/${file}`).matchAll(/"(capi_[a-z0-9_]+)"/g)].map((match) => match[1]!))
  )
)

const unknownIn = (queries: string) =>
  [...queries.matchAll(/capi_[a-z0-9_]+/g)]
    .map(([name]) => name.replace(/_bucket$/, ""))
    .filter((name) => !declared.has(name))

describe("the dashboard", () => {
  it("is the one that the table makes", () => {
    assert.deepStrictEqual(
      JSON.parse(text("infra/grafana/dashboard.json")),
      JSON.parse(JSON.stringify(makeDashboard()))
    )
  })

  it("asks only for metrics that are declared", () => {
    assert.deepStrictEqual(unknownIn(JSON.stringify(makeDashboard())), [])
  })
})

describe("the alerts", () => {
  const rules: ReadonlyArray<Record<string, unknown>> = parse(text("infra/grafana/alerts.yaml")).groups.flatMap(
    (group: { rules: ReadonlyArray<Record<string, unknown>> }) => group.rules
  )

  it("watch only metrics that are declared", () => {
    assert.isAbove(rules.length, 8)
    assert.deepStrictEqual(
      rules.flatMap((rule) => unknownIn(String(rule.expr))),
      []
    )
  })

  it("watch only metrics that the dashboard shows", () => {
    const shown = JSON.stringify(makeDashboard())
    const watched = rules.flatMap((rule) => [...String(rule.expr).matchAll(/capi_[a-z0-9_]+/g)].map(([name]) => name))
    assert.deepStrictEqual(
      watched.filter((name) => !shown.includes(name)),
      []
    )
  })

  it("each say what is wrong and what to do", () => {
    for (const rule of rules) {
      const annotations = rule.annotations as Record<string, string>
      assert.isNotEmpty(annotations.summary, String(rule.alert))
      assert.isNotEmpty(annotations.action, String(rule.alert))
    }
  })
})
