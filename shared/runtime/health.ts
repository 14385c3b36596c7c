/** Whether a program can do its work now, and if not, why: readiness, stuck partitions, and the endpoints that serve them. */

import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as HttpRouter from "effect/http/HttpRouter"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as Latch from "effect/Latch"
import * as Layer from "effect/Layer"
import * as Metric from "effect/Metric"
import * as PrometheusMetrics from "effect/observability/PrometheusMetrics"
import type * as Scope from "effect/Scope"
import { monotonicMillisUnsafe } from "../model/monotonic.ts"
import { type ListenError, serve } from "./http-server.ts"
import type { Observe } from "./metrics.ts"
import { processMetrics } from "./process-metrics.ts"
import { untilNext } from "./timers.ts"

export interface DependencyState {
  readonly healthy: boolean
  /** Why it is not healthy; null where there is nothing to say. */
  readonly reason: string | null
  /** False where the program works without it: it is named, and the program is ready all the same. */
  readonly needed?: false
}

interface ReadinessReport {
  /** Every dependency that is needed is healthy, and there is at least one dependency. */
  readonly ready: boolean
  readonly dependencies: Readonly<Record<string, DependencyState>>
}

export class Readiness extends Context.Service<
  Readiness,
  {
    /** Sets the state of a dependency, such as `kafka`, `registry` or `partitions:normalizer`. */
    readonly set: (dependency: string, healthy: boolean, reason?: string) => Effect.Effect<void>
    /** Removes a dependency. */
    readonly remove: (dependency: string) => Effect.Effect<void>
    /** Adds dependencies whose state is read for each report, until the scope closes. */
    readonly addSource: (
      source: () => Readonly<Record<string, DependencyState>>
    ) => Effect.Effect<void, never, Scope.Scope>
    readonly report: Effect.Effect<ReadinessReport>
  }
>()("shared/runtime/Readiness") {
  static readonly layer: Layer.Layer<Readiness> = Layer.effect(
    Readiness,
    Effect.sync(() => makeReadiness())
  )
}

const dependencyHealthy = Metric.gauge("capi_dependency_healthy", {
  description: "1 where the dependency is healthy, 0 where it is not."
})

const makeReadiness = (): Readiness["Service"] => {
  const states = new Map<string, DependencyState>()
  const sources = new Set<() => Readonly<Record<string, DependencyState>>>()
  const all = () => [...states, ...[...sources].flatMap((source) => Object.entries(source()))]
  const gauge = (dependency: string) => Metric.withAttributes(dependencyHealthy, { dependency })
  return {
    set: (dependency, healthy, reason) =>
      Effect.suspend(() => {
        states.set(dependency, { healthy, reason: reason ?? null })
        return Metric.update(gauge(dependency), healthy ? 1 : 0)
      }),
    remove: (dependency) =>
      Effect.suspend(() => {
        states.delete(dependency)
        return Metric.remove(gauge(dependency))
      }),
    addSource: (source) =>
      Effect.asVoid(
        Effect.acquireRelease(
          Effect.sync(() => sources.add(source)),
          () => Effect.sync(() => sources.delete(source))
        )
      ),
    report: Effect.sync(() => {
      const dependencies = all().sort(([left], [right]) => (left < right ? -1 : 1))
      return {
        ready: dependencies.length > 0 && dependencies.every(([, { healthy, needed }]) => healthy || needed === false),
        dependencies: Object.fromEntries(dependencies)
      }
    })
  }
}

/**
 * Serves /healthz, /readyz and /metrics until the scope closes, and logs the port (0 takes a free one). /healthz: 200 while the
 * process answers. /readyz: 200 or 503 with each dependency's state and reason as JSON. /metrics: Prometheus text.
 */
export const healthServer = (address: {
  readonly host: string
  readonly port: number
}): Effect.Effect<{ readonly port: number }, ListenError, Readiness | Scope.Scope> =>
  Effect.gen(function* () {
    const readiness = yield* Readiness
    const server = yield* serve({
      ...address,
      routes: [
        HttpRouter.route("GET", "/healthz", HttpServerResponse.text("alive\n")),
        HttpRouter.route("GET", "/readyz", Effect.map(readiness.report, readyResponse)),
        HttpRouter.route("GET", "/metrics", Effect.map(metrics, metricsResponse))
      ]
    })
    yield* Effect.log("Health and metrics are served.").pipe(
      Effect.annotateLogs({ host: address.host, port: server.port, paths: "/healthz /readyz /metrics" })
    )
    return server
  })

const metrics = Effect.andThen(processMetrics, PrometheusMetrics.format())

const readyResponse = (report: ReadinessReport) =>
  HttpServerResponse.text(`${JSON.stringify(report)}\n`, {
    status: report.ready ? 200 : 503,
    contentType: "application/json"
  })

const metricsResponse = (text: string) =>
  HttpServerResponse.text(text, { contentType: "text/plain; version=0.0.4; charset=utf-8" })

/** Whether the assigned partitions work, from the runtime's events: open, still opening, or stuck. */
interface PartitionHealth {
  readonly observe: Observe
  /** One entry for each processor: healthy if it is a member of its group and every assigned partition is open. */
  readonly dependencies: () => Readonly<Record<string, DependencyState>>
  /** The assigned partitions without progress for `stuckAfter`. */
  readonly stuck: () => ReadonlyArray<StuckPartition>
  /** Whether time alone makes one stuck: else it takes an event before. */
  readonly mayBecomeStuck: () => boolean
}

/**
 * Records wait and nothing is committed, or the partition does not open. An open circuit breaker and a paused connection are
 * such cases too: known ones, and worth the same alert.
 */
interface StuckPartition {
  readonly processor: string
  readonly topic: string
  readonly partition: number
  /** `opening`: its state isn't restored yet. `working`: it is open, and nothing was committed. */
  readonly doing: "opening" | "working"
  /** When it last made progress, in monotonic milliseconds. */
  readonly since: number
  /** Records behind the end, as last reported. */
  readonly lag: number
}

/** Longer than a rebalance, a restore or a platform's retries take. */
const stuckAfter = Duration.minutes(5)
const checkEvery = Duration.seconds(15)

/** Observes the runtime; until the scope closes, a gauge counts and a log line names the partitions that are stuck. */
export const partitionHealth: Effect.Effect<PartitionHealth, never, Scope.Scope> = Effect.gen(function* () {
  const clock = yield* Clock.Clock
  const made = makePartitionHealth(() => monotonicMillisUnsafe(clock))
  const due = Latch.makeUnsafe(false)
  const health: PartitionHealth = {
    ...made,
    observe: (event) => {
      made.observe(event)
      due.openUnsafe()
    }
  }
  let known = new Map<string, StuckPartition>()
  const check = Effect.gen(function* () {
    const found = new Map(health.stuck().map((one) => [`${one.processor} ${nameOf(one)}`, one]))
    const processors = new Set([...known.values(), ...found.values()].map(({ processor }) => processor))
    for (const processor of processors) {
      const count = [...found.values()].filter((one) => one.processor === processor).length
      yield* Metric.update(Metric.withAttributes(stuckPartitions, { processor }), count)
    }
    for (const [name, one] of found)
      if (!known.has(name)) yield* logStuck(`Partition is stuck: no commit for ${Duration.format(stuckAfter)}.`, one)
    for (const [name, one] of known)
      if (!found.has(name)) yield* logStuck("Partition is no longer stuck: it commits again, or was revoked.", one)
    known = found
    if (known.size === 0 && !health.mayBecomeStuck()) due.closeUnsafe()
  })
  yield* Effect.forkScoped(Effect.forever(Effect.andThen(Effect.andThen(due.await, untilNext(checkEvery)), check)))
  return health
})

const logStuck = (message: string, { processor, topic, partition, doing, lag, since }: StuckPartition) =>
  Effect.clockWith((clock) => {
    // As a time that a person can read.
    const at = clock.currentTimeMillisUnsafe() - (monotonicMillisUnsafe(clock) - since)
    return Effect.logWarning(message).pipe(Effect.annotateLogs({ processor, topic, partition, doing, lag, since: at }))
  })

const stuckPartitions = Metric.gauge("capi_partitions_stuck", {
  description: "Partitions with records to process that committed nothing, or did not open, for five minutes."
})

type Writable<T> = { -readonly [Key in keyof T]: T[Key] }

interface Membership {
  joined: boolean
  /** The assigned partitions by name. */
  readonly partitions: Map<string, Writable<StuckPartition>>
}

/** `now` in monotonic milliseconds. */
export const makePartitionHealth = (now: () => number, after = stuckAfter): PartitionHealth => {
  const memberships = new Map<string, Membership>()
  const membershipOf = (processor: string): Membership => {
    const known = memberships.get(processor) ?? { joined: false, partitions: new Map() }
    memberships.set(processor, known)
    return known
  }
  const assign = (processor: string, assigned: ReadonlyArray<Pick<StuckPartition, "topic" | "partition">>) => {
    const { partitions } = membershipOf(processor)
    const kept = new Set(assigned.map(nameOf))
    for (const name of partitions.keys()) if (!kept.has(name)) partitions.delete(name)
    for (const { topic, partition } of assigned) {
      const opening: Writable<StuckPartition> = { processor, topic, partition, doing: "opening", since: now(), lag: 0 }
      if (!partitions.has(nameOf(opening))) partitions.set(nameOf(opening), opening)
    }
  }
  const update = (
    at: Pick<StuckPartition, "processor" | "topic" | "partition">,
    change: (known: Writable<StuckPartition>) => void
  ) => {
    const known = membershipOf(at.processor).partitions.get(nameOf(at))
    if (known !== undefined) change(known)
  }
  const unfinished = () =>
    [...memberships.values()]
      .flatMap(({ partitions }) => [...partitions.values()])
      .filter(({ doing, lag }) => doing === "opening" || lag > 0)
  return {
    observe: (event) => {
      switch (event.type) {
        case "assigned":
          membershipOf(event.processor).joined = true
          return assign(event.processor, event.partitions)
        case "left":
          membershipOf(event.processor).joined = false
          return assign(event.processor, [])
        case "stopped":
          return void memberships.delete(event.processor)
        case "opened":
          return update(event, (known) => Object.assign(known, { doing: "working", since: now(), lag: 0 }))
        case "committed":
          return update(event, (known) => {
            known.since = now()
          })
        case "closed":
        case "reopening":
          return update(event, (known) => {
            known.doing = "opening"
          })
        case "progress":
          return update(event, (known) => {
            // Records that come to an idle partition are late only from now on.
            if (known.lag === 0) known.since = now()
            known.lag = event.lag
          })
      }
    },
    dependencies: () =>
      Object.fromEntries(
        [...memberships].map(([processor, membership]) => [`partitions:${processor}`, dependencyOf(membership)])
      ),
    stuck: () => {
      const oldest = now() - Duration.toMillis(after)
      return unfinished()
        .filter(({ since }) => since <= oldest)
        .map((one) => ({ ...one }))
    },
    mayBecomeStuck: () => unfinished().length > 0
  }
}

/** A standby without partitions is healthy. */
const dependencyOf = ({ joined, partitions }: Membership): DependencyState => {
  if (!joined) return { healthy: false, reason: "Not a member of its consumer group yet." }
  const open = [...partitions.values()].filter(({ doing }) => doing === "working").length
  return open === partitions.size
    ? { healthy: true, reason: null }
    : { healthy: false, reason: `${open} of ${partitions.size} partitions are open.` }
}

const nameOf = ({ topic, partition }: Pick<StuckPartition, "topic" | "partition">) => `${topic}/${partition}`
