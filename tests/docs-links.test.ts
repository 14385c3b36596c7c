/** Links of the pages: to files that git has, so that whoever clones the repository has them too, and to headings that are there. */
import { execFileSync } from "node:child_process"
import { readFileSync } from "node:fs"
import path from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { repository } from "../infra/local/state.ts"

const git = (...args: ReadonlyArray<string>): ReadonlyArray<string> =>
  execFileSync("git", ["ls-files", "-z", ...args], { cwd: repository, encoding: "utf8" })
    .split("\0")
    .filter(Boolean)

/** What is committed, and what would be by `git add --all`; not what .gitignore leaves out. */
const files: ReadonlySet<string> = new Set(git("--cached", "--others", "--exclude-standard"))
const folders: ReadonlySet<string> = new Set([...files].flatMap(foldersAbove))
const pages = [...files].filter((file) => file.endsWith(".md"))

function foldersAbove(file: string): ReadonlyArray<string> {
  const above = path.posix.dirname(file)
  return above === "." ? ["."] : [above, ...foldersAbove(above)]
}

const withoutCode = (text: string): string => text.replaceAll(/^```[\s\S]*?^```/gm, "")
const read = (page: string): string => withoutCode(readFileSync(path.join(repository, page), "utf8"))

/** As GitHub names a heading. */
const anchorsOf = (page: string): ReadonlyArray<string> =>
  [...read(page).matchAll(/^#+ (.*)$/gm)].map((match) =>
    match[1]!
      .replaceAll(/\[([^\]]*)\]\([^)]*\)/g, "$1")
      .trim()
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}_\- ]/gu, "")
      .replaceAll(" ", "-")
  )

const problemOf = (page: string, link: string): string | null => {
  const [file = "", anchor] = link.split("#")
  const target = file === "" ? page : path.posix.join(path.posix.dirname(page), file).replace(/\/$/, "")
  if (!files.has(target) && !folders.has(target)) return `${page}: git has no ${target}`
  if (anchor === undefined || !target.endsWith(".md") || anchorsOf(target).includes(anchor)) return null
  return `${page}: ${target} has no heading #${anchor}`
}

describe("the links of the pages", () => {
  it("lead to files that git has and to headings that are there", () => {
    const links = pages.flatMap((page) =>
      [...read(page).matchAll(/\]\(([^)\s]+)\)/g)]
        .map((match) => match[1]!)
        .filter((link) => !/^[a-z]+:/.test(link))
        .map((link) => [page, link] as const)
    )
    assert.isAbove(links.length, 200)
    assert.deepStrictEqual(
      links.map(([page, link]) => problemOf(page, link)).filter((one) => one !== null),
      []
    )
  })
})
