/**
 * A running system of an earlier commit, two instances of each program, is upgraded to the working tree one instance after the other
 * while events are published. Everything is real: broker, registry, programs as processes, the platforms' sandboxes.
 */
import { writeFileSync } from "node:fs"
import path from "node:path"
import process from "node:process"
import { fileURLToPath } from "node:url"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import { startCluster } from "../../infra/local/cluster.ts"
import { commandLineFile, sourceCommand } from "../../infra/local/program-files.ts"
import { startRegistry } from "../../infra/local/registry-jar.ts"
import {
  type RunningProgram,
  startProgram,
  stopProgram,
  untilReady,
  watchPrograms
} from "../../infra/local/run-programs.ts"
import { openState } from "../../infra/local/state.ts"
import { startSandbox } from "../../infra/sandbox/sandbox.ts"
import { registryLayer } from "../../shared/codec/registry.ts"
import { loadConnections } from "../../shared/connectors/load-connections.ts"
import { layerKafka } from "../../shared/kafka/kafkajs/adapter.ts"
import { readLedger } from "../../shared/ledger/read-ledger.ts"
import { type Audit, audit } from "../chaos/audit.ts"
import type { Crash } from "../chaos/disrupt.ts"
import { makeLoad } from "../chaos/load.ts"
import { settled } from "../chaos/run-seed.ts"
import { environmentFor } from "../harness/environment.ts"
import { readBack } from "../harness/records.ts"
import { runProcess } from "../harness/run-command.ts"
import { sandboxControl } from "../harness/sandbox-control.ts"
import { scopedFolder } from "../harness/scoped-folder.ts"
import type { EarlierVersion } from "./earlier-version.ts"

export interface UpgradeOptions {
  readonly earlier: EarlierVersion
  /** Stop the upgraded instances again, and go on with the earlier version. */
  readonly rollback: boolean
  /** How long events are published before, between and after the changes. */
  readonly steadySeconds: number
}

export interface UpgradeReport extends Audit {
  /** Messages whose outcome is unknown, though no instance ran that may have cut them off. */
  readonly unknownUnexplained: number
  readonly published: number
  /** From the first instance that was stopped to the last that was ready. */
  readonly rollingSeconds: number
  /** The longest time in which Meta received nothing while instances were replaced. */
  readonly longestPauseSeconds: number
}

/** Readers of a topic before those who write to it, so that a new field finds who knows it. */
const programs = ["health", "delivery-meta", "delivery-google", "delivery-whatsapp", "mapper", "normalizer"]
const instances = [1, 2]
const prefix = "upgrade."
const recordsPerSecond = 80
/** As Compose and the chart give it (docs/deployment.md). */
const stopGrace = Duration.seconds(60)
/** From the end of an instance to the first results of the one that has taken its partitions. */
const stateMillisMax = 60_000

export const upgradeRun = Effect.fnUntraced(function* (options: UpgradeOptions, print: (line: string) => void) {
  const { earlier } = options
  const folder = yield* scopedFolder("upgrade")
  const state = yield* openState({ stateDirectory: folder, ending: "kill", fastStart: true, onProgress: print })
  const [cluster, registry] = yield* Effect.all([startCluster(state), startRegistry(state)], { concurrency: 2 })
  const sandbox = yield* startSandbox({ store: { bodiesMax: 200_000, idsMax: 200_000 } })
  const control = sandboxControl(sandbox.controlUrl)
  const environment = environmentFor(
    {
      brokers: cluster.brokers,
      registryUrl: registry.url,
      prefix,
      connections: fileURLToPath(new URL("../chaos/connections.yaml", import.meta.url)),
      sandbox
    },
    { ...enabled, LEDGER_EVERY: "5 seconds", LOG_LEVEL: "Info" }
  )
  const createTopics = Effect.fnUntraced(function* (commandLine: string) {
    const { exitCode, errors } = yield* Effect.promise(() =>
      runProcess(process.execPath, [commandLine, "topics", "--create"], environment)
    )
    if (exitCode !== 0) return yield* Effect.die(new Error(`topics --create ended with ${exitCode}: ${errors}`))
  })

  const running = new Map<string, RunningProgram>()
  /** By instance: when those of an earlier version ran that does not finish its requests before a partition moves. */
  const cuttingNow = new Map<string, { readonly from: number; to: number; readonly platform: string }>()
  const cutting: Array<Crash> = []
  yield* Effect.addFinalizer(() =>
    Effect.forEach([...running.values()], (one) => stopProgram(one, stopGrace), {
      concurrency: "unbounded",
      discard: true
    })
  )
  const start = Effect.fnUntraced(function* (version: "earlier" | "new", name: string, instance: number) {
    const command = version === "earlier" ? earlier.program(name) : sourceCommand(name)
    const options = { name, instance: `${name}-${instance}-${version}`, folder, environment, command }
    const program = yield* startProgram(options)
    running.set(`${name}-${instance}`, program)
    if (version === "earlier" && !earlier.finishesRequests) {
      const from = yield* Clock.currentTimeMillis
      const period = { from, to: Number.MAX_SAFE_INTEGER, platform: name.replace("delivery-", "") }
      cuttingNow.set(`${name}-${instance}`, period)
      cutting.push(period)
    }
    return program
  })
  const stop = Effect.fnUntraced(function* (name: string, instance: number) {
    const program = running.get(`${name}-${instance}`)
    running.delete(`${name}-${instance}`)
    if (program !== undefined) yield* stopProgram(program, stopGrace)
    const period = cuttingNow.get(`${name}-${instance}`)
    if (period !== undefined) period.to = yield* Clock.currentTimeMillis
    cuttingNow.delete(`${name}-${instance}`)
  })
  const everyInstance = programs.flatMap((name) => instances.map((instance) => [name, instance] as const))
  const steady = Effect.sleep(options.steadySeconds * 1_000)
  const say = Effect.fnUntraced(function* (text: string) {
    print(`${new Date(yield* Clock.currentTimeMillis).toISOString().slice(11, 19)} ${text}`)
  })

  const services = Layer.fresh(
    Layer.merge(layerKafka({ brokers: cluster.brokers.split(",") }), registryLayer({ url: registry.url, prefix }))
  )
  const story = Effect.gen(function* () {
    print(`The earlier version is ${earlier.title}.`)
    yield* createTopics(earlier.commandLine)
    const first = yield* Effect.forEach(everyInstance, ([name, instance]) => start("earlier", name, instance))
    yield* Effect.forEach(first, (one) => untilReady(one), { concurrency: "unbounded", discard: true })
    const load = makeLoad(prefix, 1, recordsPerSecond)
    const publishing = yield* Effect.forkScoped(load.publish)
    yield* steady

    print(`${load.records()} records published; upgrading one instance after the other.`)
    const from = yield* Clock.currentTimeMillis
    yield* createTopics(commandLineFile())
    for (const [name, instance] of everyInstance) {
      yield* stop(name, instance)
      yield* untilReady(yield* start("new", name, instance))
      yield* say(`${name} ${instance}`)
    }
    let to = yield* Clock.currentTimeMillis
    const rollingSeconds = (to - from) / 1_000
    yield* steady

    if (options.rollback) {
      print("Going back: all instances of a program are stopped, then the earlier version is started.")
      for (const name of programs) {
        yield* Effect.forEach(instances, (instance) => stop(name, instance), { concurrency: 2, discard: true })
        // One after the other, so that the second one does not take partitions while the first one begins with them.
        for (const instance of instances) yield* untilReady(yield* start("earlier", name, instance))
        yield* say(name)
      }
      to = yield* Clock.currentTimeMillis
      yield* steady
    }
    yield* Fiber.interrupt(publishing)
    print(`${load.records()} records published; waiting until all of them have an outcome.`)

    const { connections: all } = yield* loadConnections(environment["CAPI_CONNECTIONS"]!, environment)
    const connections = all.filter((connection) => connection.enabled)
    const ledger = readLedger({ from: 0, to: Number.MAX_SAFE_INTEGER }, connections, prefix)
    const balance = yield* settled(ledger, ["google-chaos"])
    const { acknowledged } = load
    const found = yield* audit({ cluster: { control }, prefix, connections, balance, acknowledged, crashes: cutting })
    const results = yield* readBack(`${prefix}delivery-results`, "event-delivery-log")
    let unknownUnexplained = 0
    for (const { connection_id, event_id, outcome, platform, reason_code, timestamp } of results) {
      if (outcome !== "unknown") continue
      // The next owner says so as soon as it has read its state.
      const isExplained = cutting.some(
        (one) => one.platform === platform && timestamp >= one.from && timestamp <= one.to + stateMillisMax
      )
      if (!isExplained) unknownUnexplained++
      const why = isExplained ? `${reason_code}, an earlier instance ran` : reason_code
      print(`  unknown at ${new Date(timestamp).toISOString()}: ${connection_id} ${event_id} ${why}`)
    }
    const received = (yield* control.receipts("meta")).map(({ received_at }) => received_at)
    const report: UpgradeReport = {
      ...found,
      unknownUnexplained,
      published: load.records(),
      rollingSeconds,
      longestPauseSeconds: longestPause(received, from, to) / 1_000
    }
    if (found.violations.length > 0) writeFileSync(path.join(folder, "violations.txt"), found.violations.join("\n"))
    return report
  })
  return yield* Effect.raceFirst(
    story,
    watchPrograms(() => running.values())
  ).pipe(Effect.provide(services))
})

const enabled = {
  RUN_META: "true",
  RUN_WHATSAPP: "true",
  RUN_GOOGLE: "true",
  RUN_TIKTOK: "false",
  RUN_SNAPCHAT: "false"
}

const longestPause = (times: ReadonlyArray<number>, from: number, to: number): number => {
  const within = [from, ...times.filter((time) => time >= from && time <= to).sort((a, b) => a - b), to]
  return Math.max(...within.slice(1).map((time, index) => time - within[index]!))
}
