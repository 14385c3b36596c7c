/** The Compose file with the platforms' sandboxes, on an engine: what `docker compose` is run with, and what it says. */
import { existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs"
import path from "node:path"
import process from "node:process"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { exampleKind, examplePlatform } from "../../cli/example-names.ts"
import { sandboxCredentials } from "../../sandbox/sandbox.ts"
import { type CannotCheck, type CheckFailed, checkFailed, type Ran, type RunOptions } from "./command.ts"
import { type Engine, temporaryFolder } from "./engine.ts"
import { composeTool, obtainGoTool } from "./go-tools.ts"

/** A service as `docker compose ps` shows it. */
export interface Service {
  readonly name: string
  readonly container: string
  readonly state: string
  /** Empty where the service has no health check. */
  readonly health: string
  readonly exitCode: number
}

export interface Compose {
  /** Runs `docker compose` with the files of the checkout; another exit code than 0 is a failure. */
  readonly must: (args: ReadonlyArray<string>, options?: RunOptions) => Effect.Effect<Ran, CheckFailed>
  readonly run: (args: ReadonlyArray<string>, options?: RunOptions) => Effect.Effect<Ran, CheckFailed>
  /** `must` with `existing-kafka.yaml` beside: what there is of a broker and a registry is named by the variables. */
  readonly mustOnExisting: Compose["must"]
  /** Every service that was created, those that have ended too. */
  readonly services: Effect.Effect<ReadonlyArray<Service>, CheckFailed>
  /** The file of connections that its programs read. */
  readonly connections: string
}

/** What the check keeps in the store, in the place of a variable that the example names: one platform's credential. */
export const stored = {
  name: "stored",
  program: `delivery-${examplePlatform}`,
  variable: sandboxCredentials()[exampleKind!]!.variable,
  token: sandboxCredentials()[exampleKind!]!.secret["access_token"] ?? ""
}

/** A variable in the file of secrets of that program. */
export const secretOfFile = "CAPI_CHECK_SECRET"

/** Addresses that the Compose file publishes. */
export const composeBrokers = "localhost:29092"
export const composeRegistry = "http://localhost:28081/apis/ccompat/v7"

/**
 * The Compose file in a copy of the checkout, with images that were built before. One connection's credential is in the store
 * (`stored`), so only its delivery has the master key in its file of secrets.
 */
export const prepareCompose = (
  engine: Engine,
  checkout: string,
  images: { readonly programs: string; readonly sandbox: string },
  masterKey: string
): Effect.Effect<Compose, CannotCheck | CheckFailed, Scope.Scope> =>
  Effect.gen(function* () {
    const environment = {
      ...(yield* withComposePlugin(engine)),
      CAPI_MASTER_KEY: masterKey,
      CAPI_IMAGE: images.programs,
      CAPI_SANDBOX_IMAGE: images.sandbox,
      CAPI_CONNECTIONS: path.join(checkout, "connections.yaml")
    }
    yield* Effect.sync(() => writeFiles(checkout, environment.CAPI_CONNECTIONS))
    const withFiles = (names: ReadonlyArray<string>): ReadonlyArray<string> => [
      ...["compose", "--project-name", `capi-check-${process.pid}`, "--progress", "plain"],
      ...names.flatMap((file) => ["--file", path.join(checkout, "infra/compose", file)])
    ]
    const all = withFiles(["compose.yaml", "sandbox.yaml"])
    const onExisting = withFiles(["compose.yaml", "sandbox.yaml", "existing-kafka.yaml"])
    const options = (given: RunOptions = {}): RunOptions => ({
      limit: "3 minutes",
      ...given,
      environment: { ...environment, ...given.environment }
    })
    const must: Compose["must"] = (args, given) => engine.must([...all, ...args], options(given))
    yield* Effect.addFinalizer(() =>
      Effect.ignore(engine.docker([...all, "down", "--volumes", "--timeout", "1", "--remove-orphans"], options()))
    )
    return {
      must,
      mustOnExisting: (args, given) => engine.must([...onExisting, ...args], options(given)),
      run: (args, given) => engine.docker([...all, ...args], options(given)),
      services: Effect.flatMap(must(["ps", "--all", "--format", "json"]), ({ out }) => parseServices(out)),
      connections: environment.CAPI_CONNECTIONS
    }
  })

const writeFiles = (checkout: string, connections: string): void => {
  const example = readFileSync(path.join(checkout, "examples/connections.yaml"), "utf8")
  writeFileSync(
    connections,
    example.replaceAll(`credential: env:${stored.variable}`, `credential: store:${stored.name}`)
  )
  const credentials = path.join(checkout, "infra/compose/credentials")
  mkdirSync(credentials, { recursive: true })
  writeFileSync(path.join(credentials, `${stored.program}.env`), `${secretOfFile}=only for ${stored.program}\n`)
}

/** Variables under which the engine's client has `docker compose`: as it is installed, or built from its Go module. */
const withComposePlugin = Effect.fnUntraced(function* (engine: Engine) {
  const { code } = yield* engine.docker(["compose", "version"])
  if (code === 0) return {}
  const file = yield* obtainGoTool(composeTool)
  const folder = yield* temporaryFolder("docker-config")
  yield* Effect.sync(() => {
    mkdirSync(path.join(folder, "cli-plugins"))
    symlinkSync(file, path.join(folder, "cli-plugins/docker-compose"))
  })
  return { DOCKER_CONFIG: folder }
})

/** `docker compose ps --format json`: an object a line, or in older versions one list of them. */
const parseServices = (text: string): Effect.Effect<ReadonlyArray<Service>, CheckFailed> =>
  Effect.try({
    try: () =>
      text
        .split("\n")
        .filter((line) => line.trim() !== "")
        .flatMap((line): ReadonlyArray<Record<string, string | number>> => [JSON.parse(line)].flat())
        .map((one) => ({
          name: String(one["Service"]),
          container: String(one["ID"]),
          state: String(one["State"]),
          health: String(one["Health"] ?? ""),
          exitCode: Number(one["ExitCode"] ?? 0)
        })),
    catch: () => checkFailed(`docker compose ps prints ${text.slice(0, 200)}`)
  })

/** Whether a file was made that must not be. */
export const exists = (file: string): boolean => existsSync(file)
