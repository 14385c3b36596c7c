/** The machine's Java and Maven: what there is, and what to do if one is missing. */
import { hash } from "node:crypto"
import * as Effect from "effect/Effect"
import { spawnGuarded } from "./guarded-spawn.mjs"
import { type LocalError, problem } from "./problem.ts"

/** Kafka 4 and Apicurio 2.6 run on Java 17. */
const javaVersionMin = 17
const howToInstall =
  "Install a JDK 17 or newer and Maven (Debian: apt install openjdk-17-jdk-headless maven; macOS: brew install openjdk maven), start Docker, or set KAFKA_BROKERS and SCHEMA_REGISTRY_URL."

export interface Output {
  readonly exitCode: number
  readonly text: string
}

/** Runs a command to its end; a command that is not there has exit code 127. `onLine` hears each line as it comes. */
export const runCommand = (
  command: string,
  args: ReadonlyArray<string>,
  onLine: (line: string) => void = () => undefined
): Effect.Effect<Output> =>
  Effect.callback<Output>((resume) => {
    const child = spawnGuarded(command, args, { stdio: ["ignore", "pipe", "pipe"] })
    const parts: Array<string> = []
    const hear = (chunk: Buffer) => {
      const text = chunk.toString("utf8")
      parts.push(text)
      for (const line of text.split("\n")) if (line !== "") onLine(line)
    }
    child.stdout.on("data", hear)
    child.stderr.on("data", hear)
    child.once("error", () => resume(Effect.succeed({ exitCode: 127, text: "" })))
    child.once("close", (code) => resume(Effect.succeed({ exitCode: code ?? 1, text: parts.join("") })))
    // Where there is no such command, there is no process; Node would then signal our own process group.
    return Effect.sync(() => child.pid !== undefined && child.kill())
  })

/** The major version in what `java -version` prints, or null. */
export const javaMajorVersion = (text: string): number | null => {
  const match = /version "(\d+)(?:\.(\d+))?/.exec(text)
  if (match === null) return null
  return match[1] === "1" ? Number(match[2]) : Number(match[1])
}

export interface Java {
  readonly command: string
  /** The same for the same build of the same JDK. */
  readonly build: string
}

/** The `java` to use (`JAVA_HOME`'s if set); fails if it is missing or too old. */
export const requireJava = (javaHome: string | null): Effect.Effect<Java, LocalError> =>
  Effect.gen(function* () {
    const command = javaHome === null || javaHome === "" ? "java" : `${javaHome}/bin/java`
    const { exitCode, text } = yield* runCommand(command, ["-version"])
    const version = javaMajorVersion(text)
    if (exitCode !== 0 || version === null) {
      return yield* problem("no_java", `No Java was found (\`${command} -version\` does not run).`, howToInstall)
    }
    if (version < javaVersionMin) {
      return yield* problem(
        "java_too_old",
        `Java ${version} is too old: Kafka needs ${javaVersionMin} or newer.`,
        `Set JAVA_HOME to a newer one. ${howToInstall}`
      )
    }
    return { command, build: hash("sha256", text, "hex").slice(0, 12) }
  })

/** Fails if Maven is not there. */
export const requireMaven: Effect.Effect<void, LocalError> = Effect.gen(function* () {
  const { exitCode } = yield* runCommand("mvn", ["-version"])
  if (exitCode !== 0) yield* problem("no_maven", "Maven was not found (`mvn -version` does not run).", howToInstall)
})
