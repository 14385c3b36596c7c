/** One seed: topics and processes on the cluster, events, disruptions, and the audit once everything has come to rest. */

import { mkdirSync } from "node:fs"
import path from "node:path"
import process from "node:process"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import { createTopics } from "../../infra/topics/create-topics.ts"
import { registerSchemas } from "../../infra/topics/register-schemas.ts"
import { registryLayer } from "../../shared/codec/registry.ts"
import { loadConnections } from "../../shared/connectors/load-connections.ts"
import { layerKafka } from "../../shared/kafka/kafkajs/adapter.ts"
import type { Balance } from "../../shared/ledger/balance.ts"
import { readLedger } from "../../shared/ledger/read-ledger.ts"
import { type Audit, audit } from "./audit.ts"
import { type ChaosCluster, chaosEnvironment } from "./chaos-cluster.ts"
import { type ChaosRun, disrupt } from "./disrupt.ts"
import { makeLoad } from "./load.ts"
import type { Plan } from "./plan.ts"
import { makeSupervisor } from "./supervisor.ts"

export interface SeedReport extends Audit {
  readonly seed: number
  readonly seconds: number
  readonly restarts: number
}

/** How long the system may take to finish after the last disruption. */
const settleDeadlineMillis = 240_000
const betweenDisruptions = "2 seconds"

export const runSeed = (cluster: ChaosCluster, plan: Plan): Effect.Effect<SeedReport, unknown> => {
  const prefix = `chaos-${plan.seed}.`
  return Effect.scoped(work(cluster, plan, prefix)).pipe(
    Effect.provide(
      Layer.fresh(
        Layer.merge(
          layerKafka({ brokers: cluster.brokers.split(",") }),
          registryLayer({ url: cluster.registry.url, prefix })
        )
      )
    )
  )
}

const work = (cluster: ChaosCluster, plan: Plan, prefix: string) =>
  Effect.gen(function* () {
    const begun = yield* Clock.currentTimeMillis
    yield* cluster.control.reset
    yield* createTopics(prefix)
    yield* registerSchemas({ url: cluster.registry.url }, prefix)
    const environment = chaosEnvironment(cluster, prefix, plan.processors)
    const { connections: all } = yield* loadConnections(environment["CAPI_CONNECTIONS"]!, environment)
    const connections = all.filter(({ enabled }) => enabled)
    const folder = path.join(cluster.folder, `seed-${plan.seed}`)
    yield* Effect.sync(() => mkdirSync(folder))
    const supervisor = yield* makeSupervisor({ folder, environment })
    if (plan.registryLate) yield* cluster.registry.kill
    const instances = yield* Effect.forEach(plan.processors, supervisor.start)
    const chaosRun: ChaosRun = { cluster, instances: [...instances], start: supervisor.start, crashes: [] }
    const load = makeLoad(prefix, plan.seed)
    const publishing = yield* Effect.forkScoped(load.publish)
    if (plan.registryLate) yield* Effect.andThen(Effect.sleep("3 seconds"), cluster.registry.start)
    yield* Effect.forEach(instances, ({ ready }) => ready, { concurrency: "unbounded", discard: true })
    for (const disruption of plan.disruptions) {
      print(`  ${JSON.stringify(disruption)}`)
      yield* disrupt(chaosRun, disruption)
      yield* Effect.sleep(betweenDisruptions)
    }
    yield* Fiber.interrupt(publishing)
    const read = readLedger({ from: 0, to: Number.MAX_SAFE_INTEGER }, connections, prefix)
    const later = connections.filter(({ platform }) => platform === "google").map(({ id }) => id)
    const balance = yield* settled(read, later)
    const found = yield* audit({
      cluster,
      prefix,
      connections,
      balance,
      acknowledged: load.acknowledged,
      crashes: chaosRun.crashes
    })
    const seconds = Math.round(((yield* Clock.currentTimeMillis) - begun) / 1_000)
    return { seed: plan.seed, seconds, restarts: supervisor.restarts(), ...found }
  })

/** The balance once nothing is in flight and the outcomes that come later have come, or the last one at the deadline. */
export const settled = <E, R>(
  read: Effect.Effect<Balance, E, R>,
  later: ReadonlyArray<string>
): Effect.Effect<Balance, E, R> =>
  Effect.gen(function* () {
    const end = (yield* Clock.currentTimeMillis) + settleDeadlineMillis
    while (true) {
      const balance = yield* read
      const rests =
        balance.inFlightRaw === 0 &&
        balance.connections.every(
          ({ connectionId, inFlight, outcomes }) =>
            inFlight === 0 && (outcomes.accepted === 0 || !later.includes(connectionId))
        )
      if (rests || (yield* Clock.currentTimeMillis) > end) return balance
      yield* Effect.sleep("1 second")
    }
  })

export const print = (line: string): void => void process.stdout.write(`${line}\n`)
