/**
 * `make bench-accounts`: what many connections of one platform cost. For each number in CONNECTIONS, EVENTS mapped events are
 * published straight to the topic of Meta's, each for one of the connections in turn, and delivered by one program (or
 * INSTANCES). FANOUT=1: each event goes to all connections, one event in a request; the first row has as many requests.
 * TROUBLE=1: one of so many accounts hangs while events come at RATE; what that changes of the others' p99. IN_MEMORY=1: delivery alone, with
 * Kafka in memory (`account-rounds.ts`).
 */
import { spawnSync } from "node:child_process"
import path from "node:path"
import process from "node:process"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { repository } from "../../infra/local/state.ts"
import { layerKafka } from "../../shared/kafka/kafkajs/adapter.ts"
import { endWithLauncher } from "../../shared/runtime/end-with-launcher.mjs"
import { type CostOptions, measureCosts } from "./account-costs.ts"
import { type AccountSink, startAccountSink } from "./account-delivery.ts"
import { type AccountsRun, figuresOf, rowsOf } from "./account-figures.ts"
import { measureTrouble } from "./account-trouble.ts"
import { type Cluster, clusterWith, progress } from "./cluster.ts"
import { calibrate, printTable, report } from "./report.ts"
import { warmBroker } from "./warm-broker.ts"

endWithLauncher()

const fanOut = process.env["FANOUT"] === "1"
const trouble = process.env["TROUBLE"] === "1"
const numbersOf = (name: string, otherwise: string): ReadonlyArray<number> =>
  (process.env[name] ?? otherwise).split(",").map((text) => {
    const value = Number(text)
    if (Number.isInteger(value) && value >= 0) return value
    process.stderr.write(`${name}: ${JSON.stringify(text)} is not a number.\n`)
    return process.exit(2)
  })
const numberOf = (name: string, otherwise: number): number => numbersOf(name, String(otherwise))[0]!

const connections = numbersOf("CONNECTIONS", trouble ? "200" : fanOut ? "1,200" : "1,20,200,1000")
const events = numberOf("EVENTS", fanOut ? 200 : 20_000)
const idleSeconds = numberOf("IDLE_SECONDS", 20)
const warmUpTransactions = numberOf("WARM_UP_TRANSACTIONS", 16_000)
const shared = { partitions: numberOf("PARTITIONS", 4), instances: numberOf("INSTANCES", 1) }
const load = { rate: numberOf("RATE", 200), phaseSeconds: numberOf("SECONDS", 20), rounds: numberOf("ROUNDS", 3) }

const costOptions = (count: number, prefix: string, idle: number): CostOptions => ({
  ...shared,
  prefix,
  connections: count,
  // As many requests in every row.
  events: fanOut ? Math.ceil((events * Math.max(...connections)) / count) : events,
  idleSeconds: idle,
  fanOut
})

/** Every row, up to the first that fails: a program that cannot bear so many connections bears no more of them. */
const costs = Effect.fnUntraced(function* (made: Cluster, sink: AccountSink) {
  progress("Warming up delivery.")
  yield* measureCosts(made, sink, costOptions(connections[0]!, "warm-up.", 0))
  const runs: Array<AccountsRun> = []
  for (const [row, count] of connections.entries()) {
    progress(`${count} connections.`)
    const exit = yield* Effect.exit(measureCosts(made, sink, costOptions(count, `accounts-${row}.`, idleSeconds)))
    if (Exit.isFailure(exit)) {
      progress(`${count} connections: ${Cause.pretty(exit.cause)}`)
      break
    }
    runs.push(exit.value)
  }
  const unit = fanOut ? "request" : "event"
  printTable(rowsOf(runs, unit))
  return report(
    fanOut ? "accounts-fan-out" : "accounts",
    [
      ...figuresOf(runs, unit),
      { figure: "rows that failed", value: connections.length - runs.length, unit: "rows", goal: { atMost: 0 } },
      { figure: "eight SHA-256 (calibration)", value: calibrate(), unit: "us CPU" }
    ],
    { ...shared, connections, events, idleSeconds, fanOut }
  )
})

const troubles = Effect.fnUntraced(function* (made: Cluster, sink: AccountSink) {
  const options = { ...shared, ...load, prefix: "trouble.", connections: connections[0]! }
  return report("accounts-trouble", yield* measureTrouble(made, sink, options), options)
})

/** A process for each number, so that none runs code that another has warmed up; its heap is the image's. */
const inMemory = (): never => {
  const heap = ["--max-old-space-size=192", "--max-semi-space-size=16"]
  const file = path.join(repository, "tests/bench/account-rounds.ts")
  for (const count of connections) {
    const env = { ...process.env, CONNECTIONS: String(count) }
    const { status } = spawnSync(process.execPath, [...heap, file], { stdio: "inherit", env })
    if (status !== 0) process.exit(2)
  }
  process.exit(0)
}

if (process.env["IN_MEMORY"] === "1") inMemory()

const main = Effect.gen(function* () {
  const made = yield* clusterWith({}, shared.partitions)
  return yield* Effect.gen(function* () {
    const sink = yield* startAccountSink(made)
    yield* warmBroker(made, warmUpTransactions)
    return yield* trouble ? troubles(made, sink) : costs(made, sink)
  }).pipe(Effect.provide(layerKafka({ brokers: made.brokers.split(",") })))
})

Effect.runPromise(Effect.scoped(main)).then(
  (reached) => process.exit(reached ? 0 : 1),
  (error: unknown) => {
    process.stderr.write(`${String(error)}\n`)
    process.exit(2)
  }
)
