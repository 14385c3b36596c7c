/** `./capi top`: rates, lag and health of every stage and connection, drawn again and again. */

import * as Clock from "effect/Clock"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type { ConnectorHealthStatus, EventDeliveryLog } from "../../../schemas/types.gen.ts"
import { Codecs, type Records, type SchemaName } from "../../../shared/codec/codecs.ts"
import { environment, SettingsService } from "../../../shared/config/settings.ts"
import { readDuration } from "../../../shared/connections/duration-text.ts"
import { loadConnections } from "../../../shared/connectors/load-connections.ts"
import type { FetchedRecord } from "../../../shared/kafka/client.ts"
import { readTopic } from "../../../shared/kafka/read-topic.ts"
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
  const countResult = (log: EventDeliveryLog) =>
    counts.set(log.connection_id, countedWith(counts.get(log.connection_id) ?? noCounts, log))
  const followed = <S extends SchemaName>(topic: string, schema: S, use: (value: Records[S]) => void, all: boolean) =>
    Effect.forkScoped(followAs(topic, schema, use, all))
  yield* followed(topicNames.health, "connector-health-status", (one) => statuses.set(one.connection_id, one), true)
  yield* followed(topicNames.results, "event-delivery-log", countResult, false)

  let before: { readonly at: number; readonly ends: ReadonlyMap<string, number> } | null = null
  const snapshot = Effect.gen(function* () {
    const at = yield* Clock.currentTimeMillis
    const stored = yield* positions
    const { stages, connections: lags } = yield* stageLags(prefix, eventLog, connections, stored)
    const seconds = before === null ? 0 : (at - before.at) / 1_000
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
    before = { at, ends: new Map(stages.map(({ name, end }) => [name, end])) }
    return found
  })
  return { snapshot }
})

const followAs = Effect.fnUntraced(function* <S extends SchemaName>(
  topic: string,
  schema: S,
  use: (value: Records[S]) => void,
  all: boolean
) {
  const codecs = yield* Codecs
  yield* readTopic({
    topic,
    from: all ? { _tag: "Beginning" } : { _tag: "End" },
    follow: true,
    onRecords: Effect.fnUntraced(function* (records: ReadonlyArray<FetchedRecord>) {
      yield* codecs.loadSchemas(records.map(({ value }) => value))
      for (const { value } of records) {
        const decoded = codecs.decode(schema, value)
        if (decoded._tag === "Decoded") use(decoded.value)
      }
    })
  })
})

const countedWith = (counts: Counts, { success, outcome, latency_ms }: EventDeliveryLog): Counts => ({
  succeeded: counts.succeeded + (success ? 1 : 0),
  skipped: counts.skipped + (outcome === "skipped" ? 1 : 0),
  failed: counts.failed + (success || outcome === "skipped" ? 0 : 1),
  timed: counts.timed + (latency_ms > 0 ? 1 : 0),
  latencyMillis: counts.latencyMillis + latency_ms
})
