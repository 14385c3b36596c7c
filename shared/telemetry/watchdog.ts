/** Tells of partitions that don't move: a gauge for alerts, and one line when a partition stops and one when it moves again. */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Metric from "effect/Metric"
import type * as Scope from "effect/Scope"
import type { Observe } from "../runtime/observer.ts"
import { makeWatchdog, type StuckPartition } from "../runtime/watchdog.ts"

/** Longer than a rebalance, a restore or a platform's retries take. */
export const stuckAfter = Duration.minutes(5)
export const lookEvery = Duration.seconds(15)

/** Looks until the scope closes; feed it the runtime's events. */
export const partitionWatchdog: Effect.Effect<{ readonly observe: Observe }, never, Scope.Scope> = Effect.gen(
  function* () {
    const clock = yield* Clock.Clock
    const { observe, stuck } = makeWatchdog(stuckAfter, () => clock.currentTimeMillisUnsafe())
    let told = new Map<string, StuckPartition>()
    const look = Effect.gen(function* () {
      const now = new Map(stuck().map((one) => [`${one.processor} ${one.topic}/${one.partition}`, one]))
      for (const processor of processorsOf(told, now)) {
        const count = [...now.values()].filter((one) => one.processor === processor).length
        yield* Metric.update(Metric.withAttributes(stuckPartitions, { processor }), count)
      }
      for (const [name, one] of now) if (!told.has(name)) yield* tell("A partition does not move.", one)
      for (const [name, one] of told) if (!now.has(name)) yield* tell("The partition moves again.", one)
      told = now
    })
    yield* Effect.forkScoped(Effect.forever(Effect.andThen(Effect.sleep(lookEvery), look)))
    return { observe }
  }
)

const processorsOf = (...maps: ReadonlyArray<ReadonlyMap<string, StuckPartition>>): ReadonlySet<string> =>
  new Set(maps.flatMap((map) => [...map.values()].map(({ processor }) => processor)))

const tell = (message: string, { processor, topic, partition, doing, lag, since }: StuckPartition) =>
  Effect.logWarning(message).pipe(Effect.annotateLogs({ processor, topic, partition, doing, lag, since }))

const stuckPartitions = Metric.gauge("capi_partitions_stuck", {
  description: "Partitions with records to process that committed nothing, or did not get open, for five minutes."
})
