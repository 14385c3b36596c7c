/** Releases in a copy of this repository. */
import { execFileSync } from "node:child_process"
import { cpSync, mkdirSync, readFileSync, writeFileSync } from "node:fs"
import path from "node:path"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { temporaryFolder } from "../../tests/harness/temporary-folder.ts"
import { repository } from "../local/state.ts"
import { release } from "./release.ts"

const copy = () => {
  const root = temporaryFolder()
  const files = execFileSync(
    "git",
    ["ls-files", "--cached", "--others", "--exclude-standard", "*.json", "*.md", "*.yaml", "Makefile"],
    {
      cwd: repository,
      encoding: "utf8"
    }
  )
  for (const file of files.trim().split("\n")) {
    mkdirSync(path.dirname(path.join(root, file)), { recursive: true })
    cpSync(path.join(repository, file), path.join(root, file))
  }
  const git = (...args: ReadonlyArray<string>): string =>
    execFileSync("git", ["-c", "user.name=Test", "-c", "user.email=test@shop.example", ...args], {
      cwd: root,
      encoding: "utf8"
    }).trim()
  git("init", "--quiet")
  git("config", "user.name", "Test")
  git("config", "user.email", "test@shop.example")
  git("add", "--all", "--force")
  git("commit", "--quiet", "--message", "Begin")
  const printed: Array<string> = []
  const run = (version: string, more: { readonly check?: string; readonly dryRun?: boolean } = {}) =>
    Effect.runPromise(
      Effect.flip(
        Effect.andThen(
          release({ root, version, check: "true", dryRun: false, print: (line) => printed.push(line), ...more }),
          Effect.fail({ code: "released" as const })
        )
      )
    ).then(({ code }) => code)
  const commit = (subject: string) => git("commit", "--quiet", "--allow-empty", "--message", subject)
  const read = (file: string) => readFileSync(path.join(root, file), "utf8")
  return { root, git, run, commit, read, printed }
}

describe("make release", () => {
  it("sets every version, writes the changelog of the commits since the last release, and tags", async () => {
    const { root, git, run, commit, read, printed } = copy()
    assert.strictEqual(await run("0.2.0"), "released")
    commit("Deliver to one more platform")
    const changelog = path.join(root, "CHANGELOG.md")
    writeFileSync(
      changelog,
      read("CHANGELOG.md").replace("## Unreleased\n", "## Unreleased\n\nCreate the topics first.\n")
    )
    git("commit", "--quiet", "--all", "--message", "Say what the upgrade needs")
    assert.strictEqual(await run("1.0.0-rc.1"), "released")

    assert.strictEqual(git("status", "--porcelain"), "")
    assert.strictEqual(git("describe", "--tags", "--exact-match"), "v1.0.0-rc.1")
    const [{ version }, lock] = [JSON.parse(read("package.json")), JSON.parse(read("package-lock.json"))]
    assert.deepStrictEqual([version, lock.version, lock.packages[""].version], Array(3).fill("1.0.0-rc.1"))
    assert.match(read("infra/helm/capi-relay/Chart.yaml"), /^version: 1\.0\.0-rc\.1\nappVersion: "1\.0\.0-rc\.1"$/m)
    assert.include(read("docs/deployment.md"), "capi-relay-1.0.0-rc.1.tgz")
    const sections = read("CHANGELOG.md")
      .split(/^## /m)
      .map((section) => section.trim())
    assert.strictEqual(sections[1], "Unreleased")
    assert.match(
      sections[2]!,
      /^1\.0\.0-rc\.1 \(\d{4}-\d\d-\d\d\)\n\nCreate the topics first\.\n\n- Say what the upgrade needs\n- Deliver to one more platform$/
    )
    assert.match(sections[3]!, /^0\.2\.0 /)
    assert.include(printed.at(-1), "capi-relay:1.0.0-rc.1")
    assert.strictEqual(await run("1.0.0"), "released")
  })

  it("releases the version that the files name once", async () => {
    const { run, read } = copy()
    const { version } = JSON.parse(read("package.json"))
    assert.strictEqual(await run(version), "released")
    assert.strictEqual(await run(version), "tag_exists")
    assert.strictEqual(await run("0.0.1"), "not_newer")
    assert.strictEqual(await run("1.2"), "invalid_version")
  })

  it("refuses a tree with changes and a failing check, and changes nothing", async () => {
    const { root, git, run } = copy()
    const before = git("rev-parse", "HEAD")
    assert.strictEqual(await run("2.0.0", { check: "exit 3" }), "check_failed")
    writeFileSync(path.join(root, "new.txt"), "")
    assert.strictEqual(await run("2.0.0"), "dirty")
    git("clean", "--quiet", "--force")
    assert.strictEqual(await run("2.0.0", { dryRun: true }), "released")
    assert.deepStrictEqual([git("rev-parse", "HEAD"), git("status", "--porcelain"), git("tag")], [before, "", ""])
  })
})
