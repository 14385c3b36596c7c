/** What must stay with its owner stays: .gitignore, .dockerignore and the Dockerfile against planted files. */
import { execFileSync, spawnSync } from "node:child_process"
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs"
import path from "node:path"
import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import { temporaryFolder } from "../../tests/harness/temporary-folder.ts"
import { bundlePrograms } from "../build/bundle.ts"
import { defaultStateDirectory, repository } from "../local/state.ts"
import { oddPaths, secretPaths } from "./check/planted.ts"

const read = (file: string): string => readFileSync(path.join(repository, file), "utf8")
const tracked = execFileSync("git", ["ls-files"], { cwd: repository, encoding: "utf8" }).trimEnd().split("\n")

/**
 * Docker's reading of .dockerignore: the last line that matches a path, or a folder that it is in, decides whether the file
 * (relative, with slashes) is kept from the engine.
 */
const isKeptFromDocker = (text: string): ((file: string) => boolean) => {
  const rules = text
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "" && !line.startsWith("#"))
    .map((line) => ({ letsIn: line.startsWith("!"), pattern: toExpression(line.replace(/^!/, "").replace(/\/$/, "")) }))
  return (file) => {
    const parts = file.split("/")
    const paths = parts.map((_, index) => parts.slice(0, index + 1).join("/"))
    return rules.reduce((kept, { letsIn, pattern }) => (paths.some((one) => pattern.test(one)) ? !letsIn : kept), false)
  }
}

const toExpression = (pattern: string): RegExp => {
  const source = pattern.replaceAll(/\*\*\/|\*\*|\*|\?|[.+^${}()|\\]/g, (part) => {
    if (part === "**/") return "(?:.*/)?"
    if (part === "**") return ".*"
    if (part === "*") return "[^/]*"
    return part === "?" ? "[^/]" : `\\${part}`
  })
  return new RegExp(`^${source}$`)
}

const kept = isKeptFromDocker(read(".dockerignore"))

/** The sources of the Dockerfile's COPY lines, by stage; those from another stage are left out. */
const copied = read("infra/images/Dockerfile")
  .split(/^FROM /m)
  .slice(1)
  .map((stage) => [...stage.matchAll(/^COPY (?!--from)(.*) \S+$/gm)].flatMap((match) => match[1]!.split(" ")))
const isCopied = (sources: ReadonlyArray<string>, file: string): boolean =>
  sources.some((source) => file === source || file.startsWith(`${source}/`) || path.matchesGlob(file, source))

describe("a credential, key or account that lies in the folder", () => {
  const ignored = (files: ReadonlyArray<string>): ReadonlyArray<string> => {
    const folder = temporaryFolder()
    execFileSync("git", ["init", "--quiet", folder])
    copyFileSync(path.join(repository, ".gitignore"), path.join(folder, ".gitignore"))
    const input = files.join("\n")
    // It ends with 1 where no file is ignored.
    const { stdout } = spawnSync("git", ["check-ignore", "--stdin"], { cwd: folder, input, encoding: "utf8" })
    return stdout.split("\n").filter((file) => file !== "")
  }

  it("is not committed", () => {
    assert.deepStrictEqual(ignored(secretPaths), [...secretPaths])
  })

  it("is not sent to Docker", () => {
    assert.deepStrictEqual(
      secretPaths.filter((file) => !kept(file)),
      []
    )
  })

  it("is not in the last stage of the image, whatever its name", () => {
    assert.deepStrictEqual(
      [...secretPaths, ...oddPaths].filter((file) => !kept(file) && isCopied(copied.at(-1)!, file)),
      []
    )
  })

  it("costs no file of the repository its place: none that is tracked is ignored", () => {
    assert.isAbove(tracked.length, 500)
    assert.deepStrictEqual(ignored(tracked), [])
  })
})

describe("the image", () => {
  let modules: ReadonlyArray<string> = []
  let folder = ""
  beforeAll(async () => {
    mkdirSync(defaultStateDirectory, { recursive: true })
    folder = mkdtempSync(path.join(defaultStateDirectory, "bundle-"))
    modules = await bundlePrograms(folder)
  }, 120_000)
  afterAll(() => rmSync(folder, { recursive: true, force: true }))

  it("is built from every file that its programs are made of", () => {
    assert.isAbove(modules.length, 300)
    assert.deepStrictEqual(
      [...modules, "infra/build/bundle.ts"].filter((file) => kept(file) || !isCopied(copied.slice(0, 2).flat(), file)),
      []
    )
    const schemas = tracked.filter((file) => file.endsWith(".avsc"))
    assert.deepStrictEqual(
      ["package.json", "infra/images/capi", "infra/images/healthy", ...schemas].filter(
        (file) => kept(file) || !isCopied(copied[2]!, file)
      ),
      []
    )
  })

  it("needs no examples, demonstration, sandbox, tests or docs, and gets none", () => {
    const needless = /^(examples|tests|docs|infra\/(demo|sandbox|helm|compose|grafana))\/|\.test\.ts$/
    assert.deepStrictEqual(
      modules.filter((file) => needless.test(file)),
      []
    )
    assert.deepStrictEqual(
      tracked.filter((file) => needless.test(file) && !kept(file)),
      []
    )
  })
})
