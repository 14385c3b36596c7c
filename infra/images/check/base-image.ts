/** The image that the Dockerfile builds on: there, pulled, or made from Debian's packages and npm's Node under its name. */
import { appendFileSync, cpSync, mkdirSync, realpathSync, rmSync, symlinkSync } from "node:fs"
import path from "node:path"
import process from "node:process"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { repository } from "../../local/state.ts"
import { type CannotCheck, type CheckFailed, cannotCheck, mustRun } from "./command.ts"
import { type Engine, onPath, temporaryFolder } from "./engine.ts"

/** The images that a Dockerfile begins its stages with, without the stages themselves. */
export const baseImagesOf = (dockerfile: string): ReadonlyArray<string> => {
  const stages = [...dockerfile.matchAll(/^FROM (\S+)(?: AS (\S+))?$/gm)]
  const names = stages.map((stage) => stage[2])
  return [...new Set(stages.map((stage) => stage[1]!).filter((image) => !names.includes(image)))]
}

/** Whether the engine has the image, or can pull it in two minutes. */
export const hasOrPulls = (engine: Engine, image: string): Effect.Effect<boolean, CheckFailed> =>
  Effect.gen(function* () {
    if ((yield* engine.docker(["image", "inspect", image])).code === 0) return true
    const pulled = yield* Effect.result(engine.docker(["pull", "--quiet", image], { limit: "2 minutes" }))
    return pulled._tag === "Success" && pulled.success.code === 0
  })

/**
 * Makes a stand-in for `node:<major>-<release>-slim` from Debian's packages, the Node that npm brought and this machine's npm.
 * Only for an engine that is thrown away afterwards.
 */
export const makeStandIn = (
  engine: Engine,
  image: string
): Effect.Effect<void, CannotCheck | CheckFailed, Scope.Scope> =>
  Effect.gen(function* () {
    const [, major, release] = /^node:(\d+)-([a-z]+)-slim$/.exec(image) ?? []
    if (major === undefined || release === undefined)
      return yield* cannotCheck(`There is no stand-in for ${image}.`, "Give Docker access to its registry.")
    if (major !== process.versions.node.split(".")[0])
      return yield* cannotCheck(
        `The Dockerfile builds on ${image}, and the packages bring Node ${process.versions.node}.`,
        "Bring both to the same version."
      )
    if (onPath("debootstrap") === null)
      return yield* cannotCheck(
        `${image} cannot be pulled, and there is no debootstrap to make a stand-in for it.`,
        "Install it (Debian: apt-get install debootstrap), or give Docker access to its registry."
      )
    const root = path.join(yield* temporaryFolder("base"), "root")
    yield* mustRun(
      onPath("debootstrap")!,
      ["--variant=minbase", "--include=ca-certificates,libatomic1", release, root],
      { limit: "10 minutes" }
    )
    // `npm/bin/npm-cli.js` behind the links.
    const npm = path.dirname(path.dirname(realpathSync(onPath("npm") ?? "npm")))
    yield* Effect.sync(() => {
      for (const folder of ["usr/share/doc", "usr/share/man", "usr/share/locale", "var/lib/apt/lists", "var/cache/apt"])
        rmSync(path.join(root, folder), { recursive: true, force: true })
      const node = realpathSync(path.join(repository, "node_modules/.bin/node"))
      cpSync(node, path.join(root, "usr/local/bin/node"))
      cpSync(npm, path.join(root, "usr/local/lib/node_modules/npm"), { recursive: true })
      symlinkSync("../lib/node_modules/npm/bin/npm-cli.js", path.join(root, "usr/local/bin/npm"))
      appendFileSync(path.join(root, "etc/passwd"), "node:x:1000:1000::/home/node:/bin/sh\n")
      appendFileSync(path.join(root, "etc/group"), "node:x:1000:\n")
      mkdirSync(path.join(root, "home/node"))
    })
    const archive = `${root}.tar`
    yield* mustRun("tar", ["--create", "--numeric-owner", "--file", archive, "--directory", root, "."], {
      limit: "5 minutes"
    })
    yield* engine.must(["import", archive, image], { limit: "5 minutes" })
    yield* Effect.sync(() => {
      rmSync(archive)
      rmSync(root, { recursive: true })
    })
  })
