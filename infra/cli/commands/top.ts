/** `./capi top`: rates, lag and health of every stage and connection, drawn again and again. */

import * as Clock from "effect/Clock"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type { ConnectorHealthStatus, EventDeliveryLog } from "../../../schemas/types.gen.ts"
import { readValues } from "../../../shared/codec/read-values.ts"
import { environment, SettingsService } from "../../../shared/config/settings.ts"
import { readDuration } from "../../../shared/connections/duration-text.ts"
import { loadConnections } from "../../../shared/connectors/load-connections.ts"
import { monotonicMillis } from "../../../shared/model/monotonic.ts"
import type { Platform } from "../../../shared/model/platform.ts"
import { topicNames } from "../../../shared/model/topics.ts"
import { followPositions } from "../../../shared/runtime/positions.ts"
import { stageLags } from "../../../shared/runtime/stage-lags.ts"
import { Command, CommandError, countFlag, Flag, Json } from "../cli.ts"
import { clearMark, Output, painter } from "../output.ts"
import { withKafkaAndCodecs } from "../services.ts"
import { type Counts, noCounts, type Snapshot, topView } from "../top-view.ts"

const every = Flag.String("every").pipe(
  Flag.withDescription("Time between two pictures, over which rates are counted"),
  Flag.withDefault("2 seconds")
)
const times = countFlag("times", "End after so many pictures").pipe(Flag.withDefault(Number.MAX_SAFE_INTEGER))

export const top = Command.make("top", { every, times }, ({ every, times }) =>
  Effect.gen(function* () {
    const interval = readDuration(every)
    if (interval === null) return yield* noDuration(every)
    yield* withKafkaAndCodecs(Effect.scoped(draw(interval, times)))
  })
).pipe(
  Command.withDescription("Show live rates, lag and health of every stage and connection, until Ctrl-C"),
  Command.withExamples([
    { command: "./capi top", description: "Drawn every two seconds" },
    { command: "./capi top --times 1 --json", description: "One picture for a program" }
  ])
)

const noDuration = (text: string) =>
  new CommandError({
    code: "usage",
    message: `${JSON.stringify(text)} is not a duration.`,
    nextStep: "Give one such as 2 seconds.",
    exitCode: 2
  })

const draw = Effect.fnUntraced(function* (interval: Duration.Duration, times: number) {
  const output = yield* Output
  const json = yield* Json
  const paint = painter(output.colours)
  const settings = yield* SettingsService
  const { connections } = yield* loadConnections(settings.connectionsFile, environment())
  const watched = yield* watch(connections.filter(({ enabled }) => enabled))
  yield* watched.snapshot
  for (let drawn = 0; drawn < times; drawn++) {
    yield* Effect.sleep(interval)
    const snapshot = yield* watched.snapshot
    // On a terminal each picture takes the place of the one before.
    const clear = output.colours ? clearMark : ""
    yield* output.write(json ? `${JSON.stringify(snapshot)}\n` : `${clear}${topView(snapshot, paint)}\n`)
  }
})

/** Follows results and health, and compares the ends of the topics with those of the snapshot before. */
const watch = Effect.fnUntraced(function* (
  connections: ReadonlyArray<{ readonly id: string; readonly platform: Platform }>
) {
  const { topicPrefix: prefix, eventLog } = yield* SettingsService
  const positions = yield* followPositions(prefix)
  const statuses = new Map<string, ConnectorHealthStatus>()
  let counts = new Map<string, Counts>()
  const countResult = (log: EventDeliveryLog): void =>
    void counts.set(log.connection_id, countedWith(counts.get(log.connection_id) ?? noCounts, log))
  yield* Effect.forkScoped(
    readValues({
      topic: topicNames.health,
      schema: "connector-health-status",
      from: { _tag: "Beginning" },
      follow: true,
      onValue: (status) => void statuses.set(status.connection_id, status)
    })
  )
  yield* Effect.forkScoped(
    readValues({
      topic: topicNames.results,
      schema: "event-delivery-log",
      from: { _tag: "End" },
      follow: true,
      onValue: countResult
    })
  )

  let before: { readonly begun: number; readonly ends: ReadonlyMap<string, number> } | null = null
  const snapshot = Effect.gen(function* () {
    const [at, begun] = yield* Effect.all([Clock.currentTimeMillis, monotonicMillis])
    const stored = yield* positions
    const { stages, connections: lags } = yield* stageLags(prefix, eventLog, connections, stored)
    const seconds = before === null ? 0 : (begun - before.begun) / 1_000
    const rateOf = (name: string, end: number) =>
      before === null || seconds === 0 ? 0 : Math.max(0, end - (before.ends.get(name) ?? end)) / seconds
    const counted = counts
    counts = new Map()
    const found: Snapshot = {
      at,
      seconds,
      stages: stages.map(({ name, topic, end, lag }) => ({ name, topic, per_second: rateOf(name, end), lag })),
      connections: connections.map(({ id, platform }) => ({
        id,
        platform,
        lag: lags.get(id) ?? 0,
        counts: counted.get(id) ?? noCounts,
        health: statuses.get(id) ?? null
      }))
    }
    before = { begun, ends: new Map(stages.map(({ name, end }) => [name, end])) }
    return found
  })
  return { snapshot }
})

const countedWith = (counts: Counts, { success, outcome, latency_ms }: EventDeliveryLog): Counts => ({
  succeeded: counts.succeeded + (success ? 1 : 0),
  skipped: counts.skipped + (outcome === "skipped" ? 1 : 0),
  failed: counts.failed + (success || outcome === "skipped" ? 0 : 1),
  timed: counts.timed + (latency_ms > 0 ? 1 : 0),
  latencyMillis: counts.latencyMillis + latency_ms
})
