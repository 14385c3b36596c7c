/** The example producers of `examples/producers`: what each needs, how it is built, and how it is run. */
import { existsSync, mkdirSync } from "node:fs"
import path from "node:path"
import process from "node:process"
import * as Effect from "effect/Effect"
import { type CheckFailed, mustRun, run } from "../../infra/images/check/command.ts"
import { onPath } from "../../infra/images/check/engine.ts"
import { localJarsFolder } from "../../infra/local/jars.ts"
import { defaultStateDirectory, repository } from "../../infra/local/state.ts"

export interface Producer {
  readonly name: string
  readonly encodings: ReadonlyArray<"json" | "avro">
  /** Commands that it needs, and where they come from. */
  readonly needs: Readonly<Record<string, string>>
  /** What is fetched from a package registry: where that fails, the example is left out. */
  readonly fetch?: Effect.Effect<unknown, CheckFailed>
  readonly build?: Effect.Effect<unknown, CheckFailed>
  readonly command: (encoding: "json" | "avro") => ReadonlyArray<string>
}

const source = (name: string): string => path.join(repository, "examples/producers", name)

/** What is built stays, so that the next run is fast. */
const built = (name: string): string => {
  const folder = path.join(defaultStateDirectory, "examples", name)
  mkdirSync(folder, { recursive: true })
  return folder
}

const both = ["json", "avro"] as const

/** A virtual environment with these requirements; made once, and brought up to date each time. */
const pythonEnvironment = (name: string, requirements: string) => {
  const folder = path.join(built(name), "venv")
  const python = path.join(folder, "bin/python")
  const make = Effect.suspend(() =>
    existsSync(python) ? Effect.void : mustRun("python3", ["-m", "venv", folder], { limit: "2 minutes" })
  )
  const install = mustRun(
    python,
    ["-m", "pip", "install", "--quiet", "--only-binary=:all:", "--disable-pip-version-check", "-r", requirements],
    { limit: "4 minutes" }
  )
  return { python, fetch: Effect.andThen(make, install) }
}

const python = pythonEnvironment("python", path.join(source("python"), "requirements.txt"))
const jars = path.join(defaultStateDirectory, "examples", "java", "jars")
const java = "JDK 17 or newer"

const manifest = path.join(source("rust"), "Cargo.toml")
const rustFolder = built("rust")

const goProgram = (name: string, folder: string): Producer => {
  const program = path.join(built(name), "program")
  return {
    name,
    encodings: both,
    needs: { go: "https://go.dev/dl" },
    fetch: mustRun("go", ["mod", "download", "-C", folder], { limit: "4 minutes" }),
    build: mustRun("go", ["build", "-C", folder, "-mod=readonly", "-o", program, "."], {
      environment: { CGO_ENABLED: "0" },
      limit: "5 minutes"
    }),
    command: (encoding) => [program, encoding]
  }
}

export const producers: ReadonlyArray<Producer> = [
  {
    name: "python",
    encodings: both,
    needs: { python3: "https://www.python.org" },
    fetch: python.fetch,
    command: (encoding) => [python.python, path.join(source("python"), "publish.py"), encoding]
  },
  {
    name: "node",
    encodings: both,
    needs: {},
    // Its packages are among those of this repository, in the same versions.
    command: (encoding) => [process.execPath, path.join(source("node"), "publish.js"), encoding]
  },
  goProgram("go", source("go")),
  {
    name: "java",
    encodings: both,
    needs: { java, mvn: "Maven" },
    fetch: Effect.suspend(() =>
      existsSync(jars)
        ? Effect.void
        : mustRun(
            "mvn",
            [
              ...["--batch-mode", "--quiet", "-f", path.join(source("java"), "pom.xml")],
              ...["dependency:copy-dependencies", `-DoutputDirectory=${jars}`]
            ],
            { limit: "4 minutes" }
          )
    ),
    command: (encoding) => [
      ...["java", "-cp", path.join(jars, "*")],
      path.join(source("java"), encoding === "json" ? "PublishPurchase.java" : "PublishPurchaseAvro.java")
    ]
  },
  {
    name: "rust",
    encodings: both,
    needs: { cargo: "https://rustup.rs", cmake: "Debian: cmake", "curl-config": "Debian: libcurl4-openssl-dev" },
    fetch: mustRun("cargo", ["fetch", "--locked", "--manifest-path", manifest], { limit: "4 minutes" }),
    build: mustRun("cargo", ["build", "--locked", "--manifest-path", manifest, "--target-dir", rustFolder], {
      limit: "15 minutes"
    }),
    command: (encoding) => [path.join(rustFolder, "debug/publish"), encoding]
  },
  {
    name: "kcat",
    encodings: ["json"],
    needs: { kcat: "Debian: apt-get install kcat" },
    command: () => ["bash", path.join(source("kcat"), "publish.sh")]
  },
  {
    name: "console",
    encodings: ["json"],
    needs: { java },
    command: () => ["env", `KAFKA_JARS=${localJarsFolder}`, "bash", path.join(source("console"), "publish.sh")]
  }
]

/** Why it cannot be run here; null where it can. */
export const missingFor = ({ needs }: Pick<Producer, "needs">): string | null => {
  const missing = Object.entries(needs).filter(([command]) => onPath(command) === null)
  return missing.length === 0
    ? null
    : missing.map(([command, from]) => `there is no ${command} here (${from})`).join(", ")
}

export const goConsumer = goProgram("alerts-go", path.join(repository, "examples/alerting/go"))

/** Runs a command with these settings: what it printed, and its exit code. */
export const runExample = ([command, ...args]: ReadonlyArray<string>, environment: Readonly<Record<string, string>>) =>
  run(command!, args, { environment, limit: "90 seconds" })
