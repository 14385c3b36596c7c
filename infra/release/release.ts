/**
 * A release as one step: the version in every file that names it, the changelog from the commits since the last release, a commit and a
 * tag. Refuses what would be hard to correct: a tree with changes, a version that is not newer, a tag that exists, a failing check.
 */
import { execFileSync, spawnSync } from "node:child_process"
import { readFileSync, writeFileSync } from "node:fs"
import path from "node:path"
import * as Clock from "effect/Clock"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"

export interface ReleaseOptions {
  /** Of the checkout. */
  readonly root: string
  /** Such as `1.2.3` or `1.2.3-rc.1`. */
  readonly version: string
  /** A shell command that must end with 0. */
  readonly check: string
  /** Print what would change, and change nothing; the check is not run. */
  readonly dryRun: boolean
  readonly print: (line: string) => void
}

class ReleaseRefused extends Data.TaggedError("ReleaseRefused")<{
  readonly code: "invalid_version" | "not_newer" | "tag_exists" | "dirty" | "check_failed" | "file_without_version"
  readonly message: string
  readonly nextStep: string
}> {}

const refuse = (code: ReleaseRefused["code"], message: string, nextStep: string) =>
  Effect.fail(new ReleaseRefused({ code, message, nextStep }))

export const release = Effect.fn("release")(function* (options: ReleaseOptions) {
  const { root, version, print } = options
  const read = (file: string) => readFileSync(path.join(root, file), "utf8")
  const git = (...args: ReadonlyArray<string>) => execFileSync("git", [...args], { cwd: root, encoding: "utf8" }).trim()
  const tag = `v${version}`
  const current = String(JSON.parse(read("package.json")).version)
  const tags = git("tag", "--list", "v[0-9]*", "--sort=-creatordate")
    .split("\n")
    .filter((one) => one !== "")

  if (!/^\d+\.\d+\.\d+(?:-[0-9a-z]+(?:\.[0-9a-z]+)*)?$/.test(version))
    return yield* refuse(
      "invalid_version",
      `${JSON.stringify(version)} is not a version.`,
      "Run `make release VERSION=1.2.3` (major: something must be done at an upgrade, minor: something is new)."
    )
  if (tags.includes(tag)) return yield* refuse("tag_exists", `The tag ${tag} exists.`, "Choose a newer version.")
  // The version that the files name may be released for the first time.
  if (isOlder(version, current) || (version === current && tags.length > 0))
    return yield* refuse("not_newer", `${version} is not newer than ${current}.`, "Choose a newer version.")
  const changed = git("status", "--porcelain")
  if (changed !== "")
    return yield* refuse("dirty", `The tree has changes: ${changed.split("\n")[0]!.trim()}.`, "Commit them first.")

  const last = git("tag", "--list", "v[0-9]*", "--merged", "HEAD", "--sort=-creatordate").split("\n")[0] ?? ""
  const subjects = last === "" ? [] : git("log", "--no-merges", "--format=%s", `${last}..HEAD`).split("\n")
  const day = new Date(yield* Clock.currentTimeMillis).toISOString().slice(0, 10)
  const edits = new Map<string, string>()
  for (const { file, pattern } of versionedFiles) {
    const text = read(file)
    const next = text.replaceAll(pattern, `$1${version}$2`)
    if (text.search(pattern) < 0)
      return yield* refuse("file_without_version", `${file} names no version.`, "Correct versionedFiles.")
    edits.set(file, next)
  }
  const changelog = releasedChangelog(read("CHANGELOG.md"), `${version} (${day})`, subjects)
  edits.set("CHANGELOG.md", changelog.text)

  print(`Release ${version}${last === "" ? "" : ` after ${last}`}: ${[...edits.keys()].join(", ")}, tag ${tag}.`)
  print(changelog.section)
  if (options.dryRun) return print("Dry run: nothing was changed, and the check was not run.")

  print(`Checking: ${options.check}`)
  const { status } = spawnSync("bash", ["-c", options.check], { cwd: root, stdio: ["ignore", 2, 2] })
  if (status !== 0)
    return yield* refuse(
      "check_failed",
      `\`${options.check}\` ended with ${status}.`,
      "Nothing was changed: correct it."
    )
  for (const [file, text] of edits) writeFileSync(path.join(root, file), text)
  git("add", "--", ...edits.keys())
  git("commit", "--quiet", "--message", `Release ${version}`)
  git("tag", "--annotate", tag, "--message", `capi-relay ${version}\n\n${changelog.section}`)
  print(
    [
      `Released ${version} in this checkout. To publish it:`,
      "  git push --follow-tags",
      `  docker build -f infra/images/Dockerfile -t capi-relay:${version} .    # the tag that the chart names; then push it`,
      "  npm pack                                                       # the command line, to attach to the release"
    ].join("\n")
  )
})

/** Where the version stands: `$1` before it, `$2` after it. The image's tag is the chart's appVersion. */
const number = String.raw`\d+\.\d+\.\d+(?:-[0-9a-z.]+)?`
const versionedFiles: ReadonlyArray<{ readonly file: string; readonly pattern: RegExp }> = [
  { file: "package.json", pattern: new RegExp(String.raw`(^  "version": ")${number}(",$)`, "gm") },
  {
    file: "package-lock.json",
    pattern: new RegExp(String.raw`("name": "capi-relay",\n\s+"version": ")${number}(",)`, "g")
  },
  {
    file: "infra/helm/capi-relay/Chart.yaml",
    pattern: new RegExp(String.raw`(^(?:version: |appVersion: "))${number}("?$)`, "gm")
  },
  ...["README.md", "docs/deployment.md"].map((file) => ({
    file,
    pattern: new RegExp(String.raw`(capi-relay-)${number}(\.tgz)`, "g")
  }))
]

/** A pre-release is older than its version, as semantic versioning has it; pre-releases compare as texts. */
const isOlder = (one: string, other: string): boolean => {
  const parts = (version: string) => version.split("-", 1)[0]!.split(".").map(Number)
  const [left, right] = [parts(one), parts(other)]
  const at = left.findIndex((part, index) => part !== right[index])
  if (at >= 0) return left[at]! < right[at]!
  const [before, after] = [one, other].map((version) => version.split("-").slice(1).join("-")) as [string, string]
  if (before === after) return false
  return after === "" || (before !== "" && before < after)
}

const unreleased = "## Unreleased"

/** What was written under Unreleased comes first, then the subjects; a new empty Unreleased is above. */
const releasedChangelog = (text: string, title: string, subjects: ReadonlyArray<string>) => {
  const [head = "", rest = ""] = text.split(unreleased, 2)
  const next = rest.search(/^## /m)
  const written = (next < 0 ? rest : rest.slice(0, next)).trim()
  const earlier = next < 0 ? "" : `\n${rest.slice(next)}`
  const listed = subjects
    .filter((subject) => subject !== "" && !subject.startsWith("Release "))
    .map((one) => `- ${one}`)
  const parts = [written, listed.join("\n")].filter((part) => part !== "")
  const section = `## ${title}\n\n${parts.length === 0 ? "First release." : parts.join("\n\n")}`
  return { section, text: `${head}${unreleased}\n\n${section}\n${earlier}` }
}
