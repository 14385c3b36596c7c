/** Does one disruption to a running world and repairs what it broke. */
import { spawnSync } from "node:child_process"
import process from "node:process"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type { BrokerNode } from "../../infra/local/broker-node.ts"
import { type Arena, sessionTimeoutMillis } from "./arena.ts"
import type { Instance } from "./instance.ts"
import type { DeliveryName, Disruption, ProcessorName } from "./plan.ts"
import { addFault, removeFaults, taken } from "./sandbox-control.ts"

export interface World {
  readonly arena: Arena
  /** The instances that run now, at least one of each processor. */
  readonly instances: Array<Instance>
  readonly start: (processor: ProcessorName) => Effect.Effect<Instance>
  /** Moments at which an outcome may have been lost between a platform's answer and its commit. */
  readonly crashes: Array<Crash>
}

export interface Crash {
  readonly from: number
  readonly to: number
}

export const disrupt = (world: World, disruption: Disruption): Effect.Effect<void, unknown> =>
  Effect.gen(function* () {
    const from = yield* Clock.currentTimeMillis
    yield* act(world, disruption)
    world.crashes.push({ from, to: yield* Clock.currentTimeMillis })
  })

const act = (world: World, disruption: Disruption): Effect.Effect<void, unknown> => {
  const { arena } = world
  switch (disruption.kind) {
    case "kill":
      return Effect.sleep(disruption.afterMillis).pipe(
        Effect.andThen(Effect.suspend(() => instanceOf(world, disruption.processor).kill)),
        Effect.andThen(Effect.suspend(() => instanceOf(world, disruption.processor).ready))
      )
    case "kill-before-commit":
      return killBeforeCommit(world, disruption.processor)
    case "zombie":
      return zombie(world, disruption.processor)
    case "join-and-leave":
      return joinAndLeave(world, disruption.processor)
    case "broker-kill":
      return killBroker(pick(arena.nodes, disruption.pick), disruption.downMillis)
    case "disk-full":
      return fillDisk(pick(arena.nodes, disruption.pick))
    case "registry-down":
      return Effect.gen(function* () {
        yield* arena.registry.kill
        yield* instanceOf(world, disruption.processor).kill
        yield* Effect.sleep(disruption.downMillis)
        yield* arena.registry.start
        yield* instanceOf(world, disruption.processor).ready
      })
    case "clock-jump":
      return Effect.gen(function* () {
        const instance = instanceOf(world, disruption.processor)
        yield* instance.jumpClock(disruption.millis)
        yield* Effect.sleep("4 seconds")
        yield* instance.jumpClock(0)
      })
    case "platform-fault":
      return Effect.gen(function* () {
        yield* addFault(arena.sandbox, { ...disruption.fault, retry_after_s: 2 })
        yield* Effect.sleep("6 seconds")
        yield* removeFaults(arena.sandbox)
      })
  }
}

/** The platform has processed a request and keeps its answer back: whoever dies now can't know the outcome. */
const killBeforeCommit = (world: World, processor: DeliveryName) =>
  Effect.gen(function* () {
    const { sandbox } = world.arena
    const platform = processor.slice("delivery-".length)
    const before = yield* taken(sandbox, platform)
    yield* addFault(sandbox, { kind: "latency", platform, delay_ms: 20_000 })
    for (let waited = 0; waited < 30_000 && (yield* taken(sandbox, platform)) === before; waited += 50) {
      yield* Effect.sleep("50 millis")
    }
    yield* Effect.forEach(instancesOf(world, processor), ({ kill }) => kill, { discard: true })
    yield* removeFaults(sandbox)
    yield* instanceOf(world, processor).ready
  })

/** Another instance takes over while the first one stands still; awake again, it must not write. */
const zombie = (world: World, processor: ProcessorName) =>
  Effect.gen(function* () {
    const first = instanceOf(world, processor)
    const second = yield* join(world, processor)
    yield* first.freeze
    yield* Effect.sleep(sessionTimeoutMillis + 4_000)
    yield* first.thaw
    yield* Effect.sleep("3 seconds")
    yield* retire(world, first)
    yield* second.ready
  })

const joinAndLeave = (world: World, processor: ProcessorName) =>
  Effect.gen(function* () {
    const first = instanceOf(world, processor)
    const second = yield* join(world, processor)
    yield* Effect.sleep("2 seconds")
    yield* retire(world, first)
    yield* second.ready
  })

const killBroker = (node: BrokerNode, downMillis: number) =>
  Effect.gen(function* () {
    yield* node.kill
    yield* Effect.sleep(downMillis)
    yield* node.start
  })

/**
 * A limit on the size of the broker's files makes each of its writes fail, as a full disk does, without filling the
 * machine's. Where the system knows no `prlimit` the broker is only killed.
 */
const fillDisk = (node: BrokerNode) =>
  Effect.gen(function* () {
    const pid = node.pid()
    if (pid !== null) {
      const limited = spawnSync("prlimit", ["--pid", String(pid), "--fsize=1"])
      if (limited.status !== 0) process.stderr.write("No prlimit here: the broker is killed instead.\n")
      else yield* Effect.sleep("3 seconds")
    }
    yield* killBroker(node, 500)
  })

const join = (world: World, processor: ProcessorName) =>
  Effect.gen(function* () {
    const instance = yield* world.start(processor)
    world.instances.push(instance)
    yield* instance.ready
    return instance
  })

const retire = (world: World, instance: Instance) =>
  Effect.suspend(() => {
    world.instances.splice(world.instances.indexOf(instance), 1)
    return instance.retire
  })

const instancesOf = ({ instances }: World, processor: ProcessorName) =>
  instances.filter((instance) => instance.processor === processor)

const instanceOf = (world: World, processor: ProcessorName): Instance => instancesOf(world, processor)[0]!

const pick = <A>(list: ReadonlyArray<A>, index: number): A => list[index % list.length]!
