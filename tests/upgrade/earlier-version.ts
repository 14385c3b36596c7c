/** An earlier commit of this repository, made ready to run beside the working tree. */
import { execFileSync } from "node:child_process"
import { cpSync, existsSync, mkdirSync, readFileSync } from "node:fs"
import path from "node:path"
import process from "node:process"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { folderAndArguments } from "../../infra/local/program-files.ts"
import { repository } from "../../infra/local/state.ts"
import { scopedFolder } from "../harness/scoped-folder.ts"

export interface EarlierVersion {
  /** Such as `e9787ce`, with its subject. */
  readonly title: string
  /** What Node runs for a program. */
  readonly program: (name: string) => ReadonlyArray<string>
  /** The file of its command line. */
  readonly commandLine: string
  /** Whether it finishes its requests before a partition moves to another instance (decision 61). */
  readonly finishesRequests: boolean
}

const git = (...args: ReadonlyArray<string>): string =>
  execFileSync("git", [...args], { cwd: repository, encoding: "utf8", maxBuffer: 1024 * 1024 * 1024 }).trim()

/** The last release of this branch, else the commit before this one. */
export const defaultEarlier = (): string => {
  try {
    return git("describe", "--tags", "--abbrev=0", "--match", "v[0-9]*", "HEAD~1")
  } catch {
    return "HEAD~1"
  }
}

/** Its files in a temporary folder, with the packages that its lock file names. Removed with the scope. */
export const earlierVersion = (commit: string): Effect.Effect<EarlierVersion, never, Scope.Scope> =>
  Effect.gen(function* () {
    const folder = yield* scopedFolder("earlier")
    const archive = path.join(folder, "..", `${path.basename(folder)}.tar`)
    git("archive", "--format=tar", "--output", archive, commit)
    execFileSync("tar", ["-xf", archive, "-C", folder])
    execFileSync("rm", ["-f", archive])
    installPackages(folder)
    return {
      title: git("log", "-1", "--format=%h %s", commit),
      commandLine: path.join(folder, "infra/cli/main.ts"),
      finishesRequests: existsSync(path.join(folder, "shared/runtime/requests.ts")),
      program: (name) => {
        const [program, ...args] = folderAndArguments(name)
        const alone = path.join(folder, "processors", name, "main.ts")
        // Each platform's delivery was a program once.
        return existsSync(alone) ? [alone] : [path.join(folder, "processors", program, "main.ts"), ...args]
      }
    }
  })

/** The packages of the working tree where the lock files are equal; else npm installs those of the programs. */
const installPackages = (folder: string): void => {
  const lock = (root: string) => readFileSync(path.join(root, "package-lock.json"), "utf8")
  if (withoutOurNames(lock(folder)) === withoutOurNames(lock(repository))) {
    mkdirSync(path.join(folder, "node_modules"), { recursive: true })
    // Hard links: the same bytes, without a second copy of them.
    try {
      execFileSync("cp", ["-al", `${path.join(repository, "node_modules")}/.`, path.join(folder, "node_modules")])
    } catch {
      cpSync(path.join(repository, "node_modules"), path.join(folder, "node_modules"), { recursive: true })
    }
    return
  }
  const npm = ["ci", "--omit=dev", "--omit=optional", "--ignore-scripts", "--prefer-offline", "--no-progress"]
  execFileSync("npm", npm, { cwd: folder, stdio: ["ignore", process.stderr, process.stderr] })
}

/** The project's version and command stand in the lock file too. */
const withoutOurNames = (text: string): string => {
  const lock = JSON.parse(text) as { readonly packages: Readonly<Record<string, unknown>> }
  const { "": _, ...others } = lock.packages
  return JSON.stringify(others)
}
