/** Does one disruption to a running chaos run and repairs what it broke. */
import { spawnSync } from "node:child_process"
import process from "node:process"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type { BrokerNode } from "../../infra/local/broker-node.ts"
import { eventsTaken } from "../harness/sandbox-control.ts"
import { type ChaosCluster, sessionTimeoutMillis } from "./chaos-cluster.ts"
import type { DeliveryName, Disruption, ProcessorName } from "./plan.ts"
import type { Instance } from "./supervisor.ts"

export interface ChaosRun {
  readonly cluster: ChaosCluster
  /** The instances that run now, at least one of each processor. */
  readonly instances: Array<Instance>
  readonly start: (processor: ProcessorName) => Effect.Effect<Instance>
  /** Times at which an outcome may have been lost between a platform's answer and its commit. */
  readonly crashes: Array<Crash>
}

/** A time in which a request may have been cut off, in milliseconds since the epoch. */
export interface Crash {
  readonly from: number
  readonly to: number
  /** The platform whose requests are meant; all of them where it is absent. */
  readonly platform?: string
}

export const disrupt = (chaosRun: ChaosRun, disruption: Disruption): Effect.Effect<void, unknown> =>
  Effect.gen(function* () {
    const from = yield* Clock.currentTimeMillis
    yield* act(chaosRun, disruption)
    // An instance that joins or leaves cuts nothing off.
    if (disruption.kind !== "join-and-leave") chaosRun.crashes.push({ from, to: yield* Clock.currentTimeMillis })
  })

const act = (chaosRun: ChaosRun, disruption: Disruption): Effect.Effect<void, unknown> => {
  const { cluster } = chaosRun
  switch (disruption.kind) {
    case "kill":
      return Effect.sleep(disruption.afterMillis).pipe(
        Effect.andThen(Effect.suspend(() => instanceOf(chaosRun, disruption.processor).kill)),
        Effect.andThen(Effect.suspend(() => instanceOf(chaosRun, disruption.processor).ready))
      )
    case "kill-before-commit":
      return killBeforeCommit(chaosRun, disruption.processor)
    case "zombie":
      return zombie(chaosRun, disruption.processor)
    case "join-and-leave":
      return joinAndLeave(chaosRun, disruption.processor)
    case "broker-kill":
      return killBroker(pick(cluster.nodes, disruption.pick), disruption.downMillis)
    case "disk-full":
      return fillDisk(pick(cluster.nodes, disruption.pick))
    case "registry-down":
      return Effect.gen(function* () {
        yield* cluster.registry.kill
        yield* instanceOf(chaosRun, disruption.processor).kill
        yield* Effect.sleep(disruption.downMillis)
        yield* cluster.registry.start
        yield* instanceOf(chaosRun, disruption.processor).ready
      })
    case "clock-jump":
      return Effect.gen(function* () {
        const instance = instanceOf(chaosRun, disruption.processor)
        yield* instance.jumpClock(disruption.millis)
        yield* Effect.sleep("4 seconds")
        yield* instance.jumpClock(0)
      })
    case "platform-fault":
      return Effect.gen(function* () {
        yield* cluster.control.add([{ ...disruption.fault, retry_after_s: 2 }])
        yield* Effect.sleep("6 seconds")
        yield* cluster.control.removeAll
      })
  }
}

/** The platform has processed a request and keeps its answer back: whoever dies now can't know the outcome. */
const killBeforeCommit = (chaosRun: ChaosRun, processor: DeliveryName) =>
  Effect.gen(function* () {
    const { control } = chaosRun.cluster
    const platform = processor.slice("delivery-".length)
    const before = yield* eventsTaken(control, platform)
    yield* control.add([{ kind: "latency", platform, delay_ms: 20_000 }])
    for (let waited = 0; waited < 30_000 && (yield* eventsTaken(control, platform)) === before; waited += 50) {
      yield* Effect.sleep("50 millis")
    }
    yield* Effect.forEach(instancesOf(chaosRun, processor), ({ kill }) => kill, { discard: true })
    yield* control.removeAll
    yield* instanceOf(chaosRun, processor).ready
  })

/** Another instance takes over while the first one is stopped (SIGSTOP); when it continues, it must not write. */
const zombie = (chaosRun: ChaosRun, processor: ProcessorName) =>
  Effect.gen(function* () {
    const first = instanceOf(chaosRun, processor)
    const second = yield* join(chaosRun, processor)
    yield* first.freeze
    yield* Effect.sleep(sessionTimeoutMillis + 4_000)
    yield* first.thaw
    yield* Effect.sleep("3 seconds")
    yield* retire(chaosRun, first)
    yield* second.ready
  })

const joinAndLeave = (chaosRun: ChaosRun, processor: ProcessorName) =>
  Effect.gen(function* () {
    const first = instanceOf(chaosRun, processor)
    const second = yield* join(chaosRun, processor)
    yield* Effect.sleep("2 seconds")
    yield* retire(chaosRun, first)
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

const join = (chaosRun: ChaosRun, processor: ProcessorName) =>
  Effect.gen(function* () {
    const instance = yield* chaosRun.start(processor)
    chaosRun.instances.push(instance)
    yield* instance.ready
    return instance
  })

const retire = (chaosRun: ChaosRun, instance: Instance) =>
  Effect.suspend(() => {
    chaosRun.instances.splice(chaosRun.instances.indexOf(instance), 1)
    return instance.retire
  })

const instancesOf = ({ instances }: ChaosRun, processor: ProcessorName) =>
  instances.filter((instance) => instance.processor === processor)

const instanceOf = (chaosRun: ChaosRun, processor: ProcessorName): Instance => instancesOf(chaosRun, processor)[0]!

const pick = <A>(list: ReadonlyArray<A>, index: number): A => list[index % list.length]!
