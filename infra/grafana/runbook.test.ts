/** The runbook has an entry for every alert and for every cause of a health alert, and each alert names its entry. */
import { readFileSync } from "node:fs"
import { assert, describe, it } from "@effect/vitest"
import { parse } from "yaml"

const root = new URL("../../", import.meta.url)
const text = (path: string) => readFileSync(new URL(path, root), "utf8")
const runbook = text("docs/runbook.md")
const entries = new Set([...runbook.matchAll(/^### (.+)$/gm)].map((match) => match[1]!))

interface Rule {
  readonly alert: string
  readonly annotations: Readonly<Record<string, string>>
}
const rules: ReadonlyArray<Rule> = parse(text("infra/grafana/alerts.yaml")).groups.flatMap(
  (group: { rules: ReadonlyArray<Rule> }) => group.rules
)

/** The causes that the sources write to `health-alerts`. */
const causes = () => {
  const union = /export type Cause =([\s\S]*?)\n\n/.exec(text("processors/health/assess.ts"))?.[1] ?? ""
  const assessed = [...union.matchAll(/"(\w+)"/g)].map((match) => match[1]!)
  const others = ["processors/health/alerts.ts", "processors/health/ledger-watch.ts", "processors/notifier/notifier.ts"]
  const written = others.flatMap((file) => [...text(file).matchAll(/cause: [^"\n]*"(\w+)"/g)].map((match) => match[1]!))
  return [...new Set([...assessed, ...written])]
}

describe("the runbook", () => {
  it("has an entry for every alert of Prometheus, which names it", () => {
    assert.isAbove(rules.length, 15)
    for (const { alert, annotations } of rules) {
      assert.isTrue(entries.has(alert), alert)
      assert.strictEqual(annotations["runbook"], `docs/runbook.md#${alert.toLowerCase()}`)
    }
  })

  it("has an entry for every cause of a health alert", () => {
    assert.includeMembers([...causes()], ["auth", "test_mode", "age_limit", "ledger", "notifier", "recovered"])
    assert.deepStrictEqual(
      causes().filter((cause) => !entries.has(cause)),
      []
    )
  })

  it("has no entry for an alert that is gone, and no link to an entry that is not there", () => {
    const names = new Set(rules.map(({ alert }) => alert))
    assert.deepStrictEqual(
      [...entries].filter((entry) => entry.startsWith("Capi") && !names.has(entry)),
      []
    )
    const anchors = new Set(
      [...entries].map((entry) =>
        entry
          .toLowerCase()
          .replaceAll(/[^\w ]/g, "")
          .replaceAll(" ", "-")
      )
    )
    const linked = [...runbook.matchAll(/\]\(#([^)]+)\)/g)].map((match) => match[1]!)
    assert.deepStrictEqual(
      linked.filter((anchor) => !anchors.has(anchor)),
      []
    )
  })
})
