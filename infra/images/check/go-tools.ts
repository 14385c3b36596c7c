/** Tools that come as Go modules, built once into `.capi/tools` by the Go toolchain of this machine. */
import { existsSync, renameSync, rmSync } from "node:fs"
import path from "node:path"
import process from "node:process"
import * as Effect from "effect/Effect"
import { defaultStateDirectory } from "../../local/state.ts"
import { type CannotCheck, type CheckFailed, cannotCheck, mustRun } from "./command.ts"
import { onPath } from "./engine.ts"

export interface GoTool {
  /** The file's name in the cache. */
  readonly name: string
  readonly module: string
  readonly version: string
  /** The package of the module that is built. */
  readonly main: string
}

export const composeTool: GoTool = {
  name: "docker-compose",
  module: "github.com/docker/compose/v2",
  version: "v2.40.3",
  main: "./cmd"
}
export const helmTool: GoTool = { name: "helm", module: "helm.sh/helm/v4", version: "v4.3.1", main: "./cmd/helm" }
export const kubeconformTool: GoTool = {
  name: "kubeconform",
  module: "github.com/yannh/kubeconform",
  version: "v0.8.0",
  main: "./cmd/kubeconform"
}

/** The tool's file; it is built where it is not there yet, which takes minutes. */
export const obtainGoTool = ({
  name,
  module,
  version,
  main
}: GoTool): Effect.Effect<string, CannotCheck | CheckFailed> =>
  Effect.gen(function* () {
    const folder = path.join(defaultStateDirectory, "tools", `${name}-${version}`)
    const file = path.join(folder, name)
    if (existsSync(file)) return file
    if (onPath("go") === null)
      return yield* cannotCheck(
        `There is no Go to build ${name} ${version} with.`,
        "Install Go 1.24 or newer: https://go.dev/dl."
      )
    process.stdout.write(`Building ${name} ${version} from its Go module. This happens once.\n`)
    // In the module's folder, since `go install` refuses a module that replaces or excludes others, as Compose's does.
    const { out } = yield* mustRun("go", ["mod", "download", "-json", `${module}@${version}`], {
      limit: "5 minutes"
    }).pipe(
      Effect.mapError(({ message }) =>
        cannotCheck(`${name} ${version} cannot be downloaded: ${message}`, "Check the network and GOPROXY.")
      )
    )
    const { Dir: source }: { readonly Dir: string } = JSON.parse(out)
    const part = `${folder}.${process.pid}.part`
    yield* mustRun(
      "go",
      ["build", "-C", source, "-mod=readonly", "-trimpath", "-ldflags=-s -w", "-o", path.join(part, name), main],
      { environment: { CGO_ENABLED: "0" }, limit: "30 minutes" }
    ).pipe(Effect.tapError(() => Effect.sync(() => rmSync(part, { recursive: true, force: true }))))
    yield* Effect.sync(() => renameSync(part, folder))
    return file
  })
