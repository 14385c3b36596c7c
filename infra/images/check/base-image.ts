/** Images that others build on or start: there, pulled, or made from Debian's packages and Maven's jars under their names. */
import { cpSync, existsSync, mkdirSync, realpathSync, renameSync, rmSync } from "node:fs"
import path from "node:path"
import process from "node:process"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { javaHome } from "../../local/cluster.ts"
import { brokerImage, registryImage } from "../../local/docker.ts"
import { kafkaJars, registryJars } from "../../local/jars.ts"
import { requireJava } from "../../local/java.ts"
import { defaultStateDirectory, openState, repository } from "../../local/state.ts"
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
 * Makes a stand-in under the name of an image that cannot be pulled: `node:<major>-<release>-slim`, or the broker's and the
 * registry's of Compose. Only for an engine that is thrown away afterwards. What is slow to make is kept in `.capi/images`.
 */
export const makeStandIn = (
  engine: Engine,
  image: string
): Effect.Effect<void, CannotCheck | CheckFailed, Scope.Scope> =>
  Effect.gen(function* () {
    const recipe = recipes.find(({ makes }) => makes(image))
    if (recipe === undefined)
      return yield* cannotCheck(`There is no stand-in for ${image}.`, "Give Docker access to its registry.")
    yield* importDebian(engine, image)
    const context = yield* temporaryFolder("stand-in")
    yield* Effect.sync(() => cpSync(path.join(standInFolder, recipe.folder), context, { recursive: true }))
    yield* recipe.fill(context, image)
    yield* engine.must(["build", "--network", "none", "--tag", image, context], { limit: "10 minutes" })
  })

const standInFolder = path.join(repository, "infra/images/stand-ins")
const cacheFolder = path.join(defaultStateDirectory, "images")

interface Recipe {
  readonly makes: (image: string) => boolean
  /** Of `infra/images/stand-ins`, with its Dockerfile. */
  readonly folder: string
  /** Puts beside the Dockerfile what it copies. */
  readonly fill: (context: string, image: string) => Effect.Effect<unknown, CannotCheck | CheckFailed>
}

const fillNode = Effect.fnUntraced(function* (context: string, image: string) {
  const [, major] = /^node:(\d+)-/.exec(image) ?? []
  if (major !== process.versions.node.split(".")[0])
    return yield* cannotCheck(
      `The Dockerfile builds on ${image}, and the packages bring Node ${process.versions.node}.`,
      "Bring both to the same version."
    )
  yield* Effect.sync(() => {
    // `npm/bin/npm-cli.js` behind the links.
    const npm = path.dirname(path.dirname(realpathSync(onPath("npm") ?? "npm")))
    cpSync(realpathSync(path.join(repository, "node_modules/.bin/node")), path.join(context, "node"))
    cpSync(npm, path.join(context, "npm"), { recursive: true })
  })
})

const jarState = openState({ onProgress: (line) => void process.stdout.write(`${line}\n`) })

/** Failures to get the jars are no fault of the images. */
const cannotFill = <A, E extends { readonly message: string; readonly nextStep: string }>(work: Effect.Effect<A, E>) =>
  Effect.mapError(work, ({ message, nextStep }) => cannotCheck(message, nextStep))

const fillKafka = Effect.fnUntraced(function* (context: string) {
  const jars = yield* cannotFill(Effect.flatMap(jarState, kafkaJars))
  yield* copyJars(jars, path.join(context, "libs"))
  yield* copyJava(context)
})

const fillRegistry = Effect.fnUntraced(function* (context: string) {
  const jars = yield* cannotFill(Effect.flatMap(jarState, registryJars))
  yield* copyJars(jars, path.join(context, "deployments"))
  yield* copyJava(context)
})

const recipes: ReadonlyArray<Recipe> = [
  { makes: (image) => /^node:\d+-bookworm-slim$/.test(image), folder: "node", fill: fillNode },
  { makes: (image) => image === brokerImage, folder: "kafka", fill: fillKafka },
  { makes: (image) => image === registryImage, folder: "registry", fill: fillRegistry }
]

const copyJars = (from: string, to: string): Effect.Effect<void> =>
  Effect.sync(() => cpSync(from, to, { recursive: true, filter: (file) => !file.endsWith(".jsa") }))

/** A Java runtime from this machine's JDK, into `<context>/java`. */
const copyJava = Effect.fnUntraced(function* (context: string) {
  const { command, build } = yield* cannotFill(Effect.flatMap(javaHome, requireJava))
  const runtime = path.join(cacheFolder, `java-${build}`)
  if (!existsSync(runtime)) {
    const jdk = path.dirname(path.dirname(realpathSync(onPath(command) ?? command)))
    const part = `${runtime}.${process.pid}.part`
    yield* Effect.sync(() => mkdirSync(cacheFolder, { recursive: true }))
    yield* mustRun(
      path.join(jdk, "bin/jlink"),
      ["--add-modules", javaModules, "--strip-debug", "--no-header-files", "--no-man-pages", "--output", part],
      { limit: "5 minutes" }
    )
    // An archive of parsed classes: each start takes a third less.
    yield* mustRun(path.join(part, "bin/java"), ["-Xshare:dump"], { limit: "2 minutes" })
    yield* Effect.sync(() => renameSync(part, runtime))
  }
  yield* Effect.sync(() => cpSync(runtime, path.join(context, "java"), { recursive: true, verbatimSymlinks: true }))
})

/** What Kafka and Apicurio ask for beside Java's standard edition. */
const javaModules =
  "java.se,jdk.unsupported,jdk.crypto.ec,jdk.management,jdk.net,jdk.zipfs,jdk.naming.dns,jdk.security.auth,jdk.jfr"

/** `debian:bookworm-slim` by debootstrap, with what the official images of the stand-ins have. */
const importDebian = Effect.fnUntraced(function* (engine: Engine, image: string) {
  if ((yield* engine.docker(["image", "inspect", debianImage])).code === 0) return
  const archive = path.join(cacheFolder, `debian-${release}-${debianPackages.replaceAll(",", "-")}.tar`)
  if (!existsSync(archive)) {
    const debootstrap = onPath("debootstrap")
    if (debootstrap === null)
      return yield* cannotCheck(
        `${image} cannot be pulled, and there is no debootstrap to make a stand-in for it.`,
        "Install it (Debian: apt-get install debootstrap), or give Docker access to its registry."
      )
    const root = path.join(yield* temporaryFolder("base"), "root")
    yield* mustRun(debootstrap, ["--variant=minbase", `--include=${debianPackages}`, release, root], {
      limit: "10 minutes"
    })
    yield* Effect.sync(() => {
      const needless = ["usr/share/doc", "usr/share/man", "usr/share/locale", "var/lib/apt/lists", "var/cache/apt"]
      for (const folder of needless) rmSync(path.join(root, folder), { recursive: true, force: true })
      mkdirSync(cacheFolder, { recursive: true })
    })
    const part = `${archive}.${process.pid}.part`
    yield* mustRun("tar", ["--create", "--numeric-owner", "--file", part, "--directory", root, "."], {
      limit: "5 minutes"
    })
    yield* Effect.sync(() => renameSync(part, archive))
  }
  yield* engine.must(["import", archive, debianImage], { limit: "5 minutes" })
})

const release = "bookworm"
const debianImage = `debian:${release}-slim`
/** Beside debootstrap's smallest system: TLS for npm, Node's library, and curl for the registry's health check. */
const debianPackages = "ca-certificates,libatomic1,curl"
