/** What Prometheus' tool says of the rules. Debian has it in the package prometheus. */
import { spawnSync } from "node:child_process"
import { readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { assert, describe, it } from "@effect/vitest"

const folder = fileURLToPath(new URL(".", import.meta.url))
const run = (...args: ReadonlyArray<string>) => spawnSync("promtool", args, { cwd: folder, encoding: "utf8" })
const isInstalled = run("--version").status === 0
const leftOut = isInstalled ? "" : " (left out: promtool is not installed; Debian: apt-get install prometheus)"

describe.runIf(isInstalled)(`the rules by promtool${leftOut}`, () => {
  it("are valid", () => {
    const checked = run("check", "rules", "alerts.yaml")
    assert.strictEqual(checked.status, 0, checked.stdout + checked.stderr)
  })

  it("fire when they should, and only then", () => {
    const tested = run("test", "rules", "alerts.test.yaml")
    assert.strictEqual(tested.status, 0, tested.stdout + tested.stderr)
  })
})

it("each alert has a test that fires it", () => {
  const text = (file: string) => readFileSync(new URL(file, import.meta.url), "utf8")
  const names = [...text("alerts.yaml").matchAll(/alert: (\w+)/g)].map((match) => match[1]!)
  assert.isAbove(names.length, 15)
  assert.deepStrictEqual(
    names.filter((name) => !text("alerts.test.yaml").includes(`alertname="${name}"`)),
    []
  )
})
