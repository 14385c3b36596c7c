/**
 * `make bench-commands`: the peak memory, the time and the CPU of commands over large logs: EVENTS (100,000) events of two connections with six
 * records each and a fifth as many dead letters, LARGE (260) events of 3.9 and 15 MB, and the history of CONNECTIONS (1,000) over MINUTES (1,440).
 * CAPI=<path of another ./capi> measures that one; ONLY=<word of a row>. On a broker that is named (KAFKA_BROKERS, SCHEMA_REGISTRY_URL) the logs
 * stay, for LOGS=there of the next run.
 */
import { createHash } from "node:crypto"
import { writeFileSync } from "node:fs"
import path from "node:path"
import process from "node:process"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { spawnGuarded } from "../../infra/local/guarded-spawn.mjs"
import { repository } from "../../infra/local/state.ts"
import { createTopics } from "../../infra/topics/create-topics.ts"
import { registerSchemas } from "../../infra/topics/register-schemas.ts"
import { registryLayer } from "../../shared/codec/registry.ts"
import { SettingsService } from "../../shared/config/settings.ts"
import { loadIdentityKey } from "../../shared/credentials/identity-key-topic.ts"
import { makeSealer } from "../../shared/credentials/sealer.ts"
import { layerKafka } from "../../shared/kafka/kafkajs/adapter.ts"
import { endWithLauncher } from "../../shared/runtime/end-with-launcher.mjs"
import { defaultMasterKey, environmentFor } from "../harness/environment.ts"
import { scopedFolder } from "../harness/scoped-folder.ts"
import { type Cluster, cluster, progress } from "./cluster.ts"
import { connections, person, writeEvents, writeHistory, writeLargeEvents } from "./command-logs.ts"
import { cpuSeconds, peakMebibytes } from "./measured-process.ts"
import { type Figure, report } from "./report.ts"

endWithLauncher()

const number = (name: string, fallback: number) => Number(process.env[name] ?? fallback)
const sizes = {
  events: number("EVENTS", 100_000),
  large: number("LARGE", 260),
  connections: number("CONNECTIONS", 1_000),
  minutes: number("MINUTES", 1_440)
}
const goalMebibytes = number("GOAL", 512)

/** A prefix for each log, and what is asked of it. */
const logs = [
  {
    name: "events",
    write: (prefix: string) => writeEvents(prefix, sizes.events),
    commands: [
      "results",
      "unknown list",
      "quality",
      "dead-letters list",
      "redrive --all --remap --dry-run",
      "doctor",
      "replay --stage normalizer --from beginning --dry-run",
      `erase ${person} --dry-run`,
      "results --summary",
      "ledger",
      "redrive --all --remap --yes"
    ]
  },
  {
    name: "large",
    write: (prefix: string) => writeLargeEvents(prefix, sizes.large),
    commands: [
      `subject export ${person}`,
      `erase ${person} --dry-run`,
      "quality",
      "dead-letters list",
      "redrive --all --remap --dry-run",
      "doctor",
      "replay --stage normalizer --from beginning --dry-run",
      "ledger",
      "redrive --all --remap --yes"
    ]
  },
  {
    name: "history",
    write: (prefix: string) => writeHistory(prefix, sizes.connections, sizes.minutes),
    commands: ["health --history --json", "health --history"]
  }
] as const

interface Measured {
  readonly mebibytes: number
  readonly seconds: number
  readonly cpu: number
  readonly code: number | null
  readonly bytes: number
  readonly sha: string
}

/** Runs a command to its end. `./capi` becomes the process that is measured: it is replaced by Node. */
const measure = (command: string, environment: Readonly<Record<string, string>>): Promise<Measured> =>
  new Promise((resolve) => {
    const begun = performance.now()
    const capi = process.env["CAPI"] ?? path.join(repository, "capi")
    const child = spawnGuarded(capi, command.split(" "), {
      env: { ...process.env, ...environment },
      stdio: ["ignore", "pipe", process.env["ERRORS"] === undefined ? "ignore" : "inherit"]
    })
    let mebibytes = 0
    let cpu = 0
    let bytes = 0
    const digest = createHash("sha256")
    const look = setInterval(() => {
      try {
        // 0 of one that has ended.
        mebibytes = Math.max(mebibytes, peakMebibytes(child.pid!))
        cpu = cpuSeconds(child.pid!)
      } catch {
        // It has just ended.
      }
    }, lookMillis)
    child.stdout!.on("data", (chunk: Buffer) => {
      bytes += chunk.length
      digest.update(chunk)
    })
    child.once("close", (code) => {
      clearInterval(look)
      const seconds = (performance.now() - begun) / 1_000
      resolve({ mebibytes, seconds, cpu, code, bytes, sha: digest.digest("hex").slice(0, 8) })
    })
  })

const lookMillis = 20

const connectionsFile = `version: 1\nconnections:\n${connections
  .map(
    (id) =>
      `  - { id: ${id}, platform: meta, account: { dataset_id: 1 }, credential: "env:BENCH_TOKEN", mapping: { default_country: US } }`
  )
  .join("\n")}\n`

/** Node's options, which the image sets, are those of this process's environment: `./capi` has none elsewhere. */
const environmentOf = ({ brokers, registryUrl, folder }: Cluster, prefix: string) => {
  const file = path.join(folder, "connections.yaml")
  writeFileSync(file, connectionsFile)
  return environmentFor({ brokers, registryUrl, prefix, connections: file }, { BENCH_TOKEN: "token" })
}

const run = (made: Cluster) =>
  Effect.gen(function* () {
    const figures: Array<Figure> = []
    for (const { name, write, commands } of logs) {
      const wanted = commands.filter((command) => `${name}: ${command}`.includes(process.env["ONLY"] ?? ""))
      if (wanted.length === 0) continue
      const prefix = `${name}.`
      if (process.env["LOGS"] !== "there") {
        yield* createTopics(prefix)
        yield* registerSchemas({ url: made.registryUrl }, prefix)
        yield* loadIdentityKey(makeSealer(Redacted.make(defaultMasterKey))).pipe(
          Effect.provideService(SettingsService, { topicPrefix: prefix } as SettingsService["Service"])
        )
        yield* write(prefix).pipe(Effect.provide(registryLayer({ url: made.registryUrl, prefix })))
        progress(`The log "${name}" is written.`)
      }
      for (const command of wanted) {
        const found = yield* Effect.promise(() => measure(command, environmentOf(made, prefix)))
        const { mebibytes, seconds, cpu, code, bytes, sha } = found
        progress(
          `${name}: ${command}: ${Math.round(mebibytes)} MiB, ${seconds.toFixed(1)} s, CPU ${cpu.toFixed(1)} s; ended with ${code}, printed ${bytes} bytes (${sha})`
        )
        figures.push({ figure: `${name}: ${command}`, value: mebibytes, unit: "MiB", goal: { atMost: goalMebibytes } })
        figures.push({ figure: "  its time", value: seconds, unit: "s" })
      }
    }
    report("commands", figures, { ...sizes, NODE_OPTIONS: process.env["NODE_OPTIONS"] ?? "" })
  }).pipe(
    // All of a log is compressed, as by a producer that does: records of 15 MB are less than the broker's largest batch then.
    Effect.provide(layerKafka({ brokers: made.brokers.split(","), compressedTopics: () => true }))
  )

/** A broker that is named is used as it is. */
const given = Effect.gen(function* () {
  const [brokers, registryUrl] = [process.env["KAFKA_BROKERS"], process.env["SCHEMA_REGISTRY_URL"]]
  if (brokers === undefined || registryUrl === undefined) return yield* cluster
  return { brokers, registryUrl, brokerPid: null, folder: yield* scopedFolder("bench") } satisfies Cluster
})

await Effect.runPromise(Effect.scoped(Effect.flatMap(given, run)))
