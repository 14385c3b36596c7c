/**
 * `make bench-idle`: what all programs and the broker cost without events, in percent of one core, for each number in
 * CONNECTIONS: those of examples/connections.yaml, and further accounts of Meta up to that number. TOGETHER=1 runs all programs
 * in one process. The broker alone is measured first, on topics that are there already.
 */
import { readFileSync } from "node:fs"
import process from "node:process"
import * as Effect from "effect/Effect"
import { programNames } from "../../infra/cli/programs.ts"
import { sampleConnections } from "../../infra/demo/environment.ts"
import { endWithLauncher } from "../../shared/runtime/end-with-launcher.mjs"
import { connectionsIn, withAccounts } from "./account-load.ts"
import { type Cluster, clusterWith, progress, type Sink, startProcessors, startSink, untilReady } from "./cluster.ts"
import { figuresOf, type IdleRun } from "./idle-figures.ts"
import { cpuSeconds, type MeasuredProgram, serverSeconds } from "./measured-process.ts"
import { calibrate, report } from "./report.ts"
import { warmBroker } from "./warm-broker.ts"

endWithLauncher()

const example = readFileSync(sampleConnections, "utf8")
const ofExample = connectionsIn(example)
const counts = (process.env["CONNECTIONS"] ?? `${ofExample},200`).split(",").map(Number)
const seconds = Number(process.env["SECONDS"] ?? 300)
const partitions = Number(process.env["PARTITIONS"] ?? 4)
const together = process.env["TOGETHER"] === "1" ? "all" : "none"
const warmUpTransactions = Number(process.env["WARM_UP_TRANSACTIONS"] ?? 16_000)
/** Programs compile for a while after they are ready, and the broker after it has served them. */
const settleSeconds = Number(process.env["SETTLE_SECONDS"] ?? 30)

const environmentOf = ({ url }: Pick<Sink, "url">): Readonly<Record<string, string>> => {
  const google = JSON.stringify({ client_id: "c", client_secret: "s", refresh_token: "r" })
  const hosts = ["META", "GOOGLE", "GOOGLE_ADS", "GOOGLE_OAUTH", "TIKTOK", "SNAPCHAT", "PINTEREST", "WHATSAPP"]
  return {
    ...Object.fromEntries(hosts.map((name) => [`${name}_HOST`, url])),
    META_TOKEN: "token",
    GOOGLE_CREDENTIAL: google,
    GOOGLE_ADS_CREDENTIAL: google,
    TIKTOK_TOKEN: "token",
    SNAPCHAT_TOKEN: "token",
    PINTEREST_TOKEN: "token",
    WHATSAPP_TOKEN: JSON.stringify({ access_token: "token", app_secret: "secret", verify_token: "verify" }),
    CAPI_WEBHOOK_PORT: "0"
  }
}

/** CPU of the broker, and of each process, over `seconds`, in percent of one core. */
const idlePercents = Effect.fnUntraced(function* (brokerPid: number, pids: ReadonlyArray<number>) {
  const read = () => ({ at: performance.now(), cpu: [serverSeconds(brokerPid), ...pids.map(cpuSeconds)] })
  yield* Effect.sleep(settleSeconds * 1000)
  const before = read()
  yield* Effect.sleep(seconds * 1000)
  const after = read()
  return after.cpu.map((cpu, index) => (100_000 * (cpu - before.cpu[index]!)) / (after.at - before.at))
})

const measure = Effect.fnUntraced(function* (made: Cluster, brokerPid: number, sink: Sink, connections: number) {
  progress(`${connections} connections: ${settleSeconds + seconds} s.`)
  const processes = yield* Effect.acquireRelease(
    Effect.promise(() =>
      startProcessors(made, {
        platforms: [],
        sink,
        names: programNames,
        together,
        connections: withAccounts(example, connections, sink.url),
        environment: environmentOf(sink)
      })
    ),
    (started: ReadonlyArray<MeasuredProgram>) => Effect.promise(() => Promise.all(started.map(({ stop }) => stop())))
  )
  yield* Effect.promise(() => untilReady(processes, readyMillisMax))
  const [broker = Number.NaN, ...percents] = yield* idlePercents(
    brokerPid,
    processes.map(({ pid }) => pid)
  )
  const run: IdleRun = {
    connections,
    programs: new Map(
      processes.map(({ name }, index) => [together === "all" ? "one process" : name, percents[index]!])
    ),
    broker
  }
  return run
}, Effect.scoped)

const readyMillisMax = 600_000

const main = Effect.gen(function* () {
  const made = yield* clusterWith({}, partitions)
  const { brokerPid } = made
  if (brokerPid === null)
    return yield* Effect.die(new Error("The broker is not a process here, so its CPU is unknown."))
  const sink = yield* startSink(made, null)
  yield* warmBroker(made, warmUpTransactions)
  progress(`The broker alone: ${settleSeconds + seconds} s.`)
  const [brokerAlone = Number.NaN] = yield* idlePercents(brokerPid, [])
  const runs: Array<IdleRun> = []
  for (const count of counts) runs.push(yield* measure(made, brokerPid, sink, count))
  return report(
    "idle",
    [...figuresOf(brokerAlone, runs), { figure: "eight SHA-256 (calibration)", value: calibrate(), unit: "us CPU" }],
    { seconds, settleSeconds, partitions, together }
  )
})

Effect.runPromise(Effect.scoped(main)).then(
  (reached) => process.exit(reached ? 0 : 1),
  (error: unknown) => {
    process.stderr.write(`${String(error)}\n`)
    process.exit(2)
  }
)
