/** One seed: a world of its own on the arena, events, disruptions, and the audit once everything has come to rest. */

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
import type { Balance } from "../../shared/ledger/ledger.ts"
import { readLedger } from "../../shared/ledger/read-ledger.ts"
import { type Arena, environmentOf } from "./arena.ts"
import { type Audit, audit } from "./audit.ts"
import { disrupt, type World } from "./disrupt.ts"
import { makeFleet } from "./instance.ts"
import { makeLoad } from "./load.ts"
import type { Plan } from "./plan.ts"
import { resetSandbox } from "./sandbox-control.ts"

export interface SeedReport extends Audit {
  readonly seed: number
  readonly seconds: number
  readonly restarts: number
}

/** How long the system may take to finish after the last disruption. */
const settleDeadlineMillis = 240_000
const betweenDisruptions = "2 seconds"

export const runSeed = (arena: Arena, plan: Plan): Effect.Effect<SeedReport, unknown> => {
  const prefix = `chaos-${plan.seed}.`
  return Effect.scoped(work(arena, plan, prefix)).pipe(
    Effect.provide(
      Layer.fresh(
        Layer.merge(
          layerKafka({ brokers: arena.brokers.split(",") }),
          registryLayer({ url: arena.registry.url, prefix })
        )
      )
    )
  )
}

const work = (arena: Arena, plan: Plan, prefix: string) =>
  Effect.gen(function* () {
    const begun = yield* Clock.currentTimeMillis
    yield* resetSandbox(arena.sandbox)
    yield* createTopics(prefix)
    yield* registerSchemas({ url: arena.registry.url }, prefix)
    const environment = environmentOf(arena, prefix, plan.processors)
    const { connections: all } = yield* loadConnections(environment.CAPI_CONNECTIONS, environment)
    const connections = all.filter(({ enabled }) => enabled)
    const folder = path.join(arena.folder, `seed-${plan.seed}`)
    yield* Effect.sync(() => mkdirSync(folder))
    const fleet = yield* makeFleet({ folder, environment })
    if (plan.registryLate) yield* arena.registry.kill
    const instances = yield* Effect.forEach(plan.processors, fleet.start)
    const world: World = { arena, instances: [...instances], start: fleet.start, crashes: [] }
    const load = makeLoad(prefix, plan.seed)
    const publishing = yield* Effect.forkScoped(load.publish)
    if (plan.registryLate) yield* Effect.andThen(Effect.sleep("3 seconds"), arena.registry.start)
    yield* Effect.forEach(instances, ({ ready }) => ready, { concurrency: "unbounded", discard: true })
    for (const disruption of plan.disruptions) {
      tell(`  ${JSON.stringify(disruption)}`)
      yield* disrupt(world, disruption)
      yield* Effect.sleep(betweenDisruptions)
    }
    yield* Fiber.interrupt(publishing)
    const read = readLedger({ from: 0, to: Number.MAX_SAFE_INTEGER }, connections, prefix)
    const later = connections.filter(({ platform }) => platform === "google").map(({ id }) => id)
    const balance = yield* settled(read, later)
    const found = yield* audit({
      arena,
      prefix,
      connections,
      balance,
      acknowledged: load.acknowledged,
      crashes: world.crashes
    })
    const seconds = Math.round(((yield* Clock.currentTimeMillis) - begun) / 1_000)
    return { seed: plan.seed, seconds, restarts: fleet.restarts(), ...found }
  })

/** The balance once nothing is in flight and the outcomes that are told later are told, or the last one at the deadline. */
const settled = <E, R>(
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

export const tell = (line: string): void => void process.stdout.write(`${line}\n`)
